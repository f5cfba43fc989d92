// Times as RFC 3339 writes them.
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

using namespace std::chrono;

class time_parser {
public:
    explicit time_parser(std::string_view text) : text_(text) {}

    timestamp run() {
        const year_month_day date{year(digits(4)), (expect('-'), month(unsigned_digits())),
                                  (expect('-'), day(unsigned_digits()))};
        if (!date.ok()) fail("no such day");
        if (at_ >= text_.size() || (text_[at_] != 'T' && text_[at_] != 't' && text_[at_] != ' ')) {
            fail("'T' and a time of day are missing");
        }
        ++at_;
        const int hour = digits(2);
        expect(':');
        const int minute = digits(2);
        expect(':');
        const int second = digits(2);  // 60: a leap second, counted as the next
        if (hour > 23 || minute > 59 || second > 60) fail("no such time of day");
        const nanoseconds part = fraction();
        const minutes ahead = offset();
        if (at_ != text_.size()) fail("something follows the time");
        const seconds whole = sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) +
                              seconds(second) - ahead;
        const std::optional<timestamp> time = sum(whole, part);
        if (!time) fail("beyond the years 1677 to 2262");
        return *time;
    }

private:
    // Nothing where 64 bits of nanoseconds do not hold it. `part` is less than a second.
    static std::optional<timestamp> sum(seconds whole, nanoseconds part) {
        std::int64_t all = 0;
        // Towards zero first: the earliest second is not whole.
        const std::int64_t back = whole.count() < 0 && part.count() > 0 ? 1 : 0;
        if (__builtin_mul_overflow(whole.count() + back, std::int64_t{1'000'000'000}, &all) ||
            __builtin_add_overflow(all, part.count() - back * 1'000'000'000, &all)) {
            return std::nullopt;
        }
        return timestamp(nanoseconds(all));
    }

    nanoseconds fraction() {
        if (at_ >= text_.size() || text_[at_] != '.') return nanoseconds(0);
        ++at_;
        std::int64_t value = 0;
        int count = 0;
        for (; at_ < text_.size() && is_digit(text_[at_]); ++at_, ++count) {
            if (count < 9) value = value * 10 + (text_[at_] - '0');
        }
        if (count == 0) fail("a digit is missing behind '.'");
        for (; count < 9; ++count) value *= 10;
        return nanoseconds(value);
    }

    minutes offset() {
        const char sign = at_ < text_.size() ? text_[at_++] : '\0';
        if (sign == 'Z' || sign == 'z') return minutes(0);
        if (sign != '+' && sign != '-') fail("the offset from UTC is missing: 'Z' or +hh:mm");
        const int hour = digits(2);
        expect(':');
        const int minute = digits(2);
        if (hour > 23 || minute > 59) fail("no such offset from UTC");
        return minutes((sign == '-' ? -1 : 1) * (hour * 60 + minute));
    }

    int digits(int count) {
        int value = 0;
        for (int i = 0; i < count; ++i, ++at_) {
            if (at_ >= text_.size() || !is_digit(text_[at_])) fail("a digit is missing");
            value = value * 10 + (text_[at_] - '0');
        }
        return value;
    }
    unsigned unsigned_digits() { return static_cast<unsigned>(digits(2)); }

    void expect(char c) {
        if (at_ >= text_.size() || text_[at_] != c) fail("a separator is missing");
        ++at_;
    }
    static bool is_digit(char c) { return c >= '0' && c <= '9'; }

    [[noreturn]] void fail(const char* why) const {
        throw error(errc::invalid_input,
                    fmt::format("{} is not a time as in 2018-06-14T15:00:00.5Z (RFC 3339): {}",
                                text::shown(text_), why),
                    {.field = "time"});
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::string to_string(timestamp time) {
    const auto whole = floor<seconds>(time);
    const auto day_start = floor<days>(whole);
    const year_month_day date(day_start);
    const hh_mm_ss clock(whole - day_start);
    std::string text =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()), unsigned(date.month()),
                    unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                    clock.seconds().count());
    // Not from `whole` in nanoseconds, which the earliest second is beyond.
    constexpr std::int64_t second = 1'000'000'000;
    const std::int64_t part = (time.time_since_epoch().count() % second + second) % second;
    if (part != 0) {
        text += fmt::format(".{:09}", part);
        while (text.back() == '0') text.pop_back();
    }
    return text + "Z";
}

timestamp parse_timestamp(std::string_view text) {
    return time_parser(text).run();
}

}  // namespace idem
