// Schedules and scenarios as text, and back.
#include <charconv>

#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/testing.hpp"
#include "testing/words.hpp"

namespace idem::testing {
namespace {

constexpr std::size_t stores_max = 16;
constexpr std::size_t steps_max = 100'000;
constexpr std::size_t numbers_max = 10'000;  // of one batch, as append takes it

// 1-3,7,5
std::string print_numbers(const std::vector<std::size_t>& numbers) {
    std::string text;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t last = i;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        text += (text.empty() ? "" : ",") + std::to_string(numbers[i]);
        if (last > i) text += "-" + std::to_string(numbers[last]);
        i = last + 1;
    }
    return text;
}

class line_parser {
public:
    line_parser(std::string_view line, std::size_t number) : rest_(line), number_(number) {}

    std::string_view word() {
        while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
        const auto end = std::min(rest_.find(' '), rest_.size());
        const auto found = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return found;
    }
    std::uint64_t number(std::uint64_t max) { return number_in(word(), max); }
    std::vector<std::size_t> numbers() {
        std::vector<std::size_t> found;
        std::string_view list = word();
        while (!list.empty()) {
            const auto comma = std::min(list.find(','), list.size());
            const auto part = list.substr(0, comma);
            list.remove_prefix(std::min(comma + 1, list.size()));
            const auto dash = part.find('-');
            const std::size_t first = number_in(part.substr(0, dash), events_max);
            const std::size_t last =
                dash == part.npos ? first : number_in(part.substr(dash + 1), events_max);
            if (first == 0 || last < first) fail("events are numbered from 1, as in 1-3,7");
            if (found.size() + (last - first) >= numbers_max) fail("more events than in a batch");
            for (std::size_t n = first; n <= last; ++n) found.push_back(n);
        }
        if (found.empty()) fail("name its events, as in 1-3,7");
        return found;
    }
    void end() {
        if (const auto more = word(); !more.empty()) fail("what is " + std::string(more) + "?");
    }
    [[noreturn]] void fail(const std::string& what) const {
        throw error(errc::invalid_input, "scenario, line " + std::to_string(number_) + ": " + what);
    }

    static constexpr std::uint64_t events_max = 1'000'000;

private:
    std::uint64_t number_in(std::string_view text, std::uint64_t max) const {
        std::uint64_t value = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (fault != std::errc() || end != text.data() + text.size() || value > max) {
            fail("'" + std::string(text) + "' is no number up to " + std::to_string(max));
        }
        return value;
    }

    std::string_view rest_;
    std::size_t number_;
};

void parse_schedule_line(std::string_view word, line_parser& line, schedule& s) {
    if (word == "seed") {
        s.seed = line.number(~std::uint64_t{0});
    } else if (word == "stores") {
        s.stores = line.number(stores_max);
        if (s.stores == 0) line.fail("at least one store");
    } else if (word == "order") {
        const auto found = find_word<order>(line.word());
        if (!found) line.fail("an order is arrival, commutative or canonical");
        s.order = *found;
    } else if (word == "mode") {
        const auto mode = line.word();
        if (mode != "inline" && mode != "manual") line.fail("a mode is inline or manual");
        s.mode = mode == "inline" ? projection_mode::inline_ : projection_mode::manual;
    } else {
        const auto kind = find_word<step_kind>(word);
        if (!kind) line.fail("there is no step " + std::string(word));
        if (s.steps.size() >= steps_max) line.fail("more than 100,000 steps");
        step next{.kind = *kind, .store = line.number(stores_max)};
        if (*kind == step_kind::sync) next.other = line.number(stores_max);
        if (*kind == step_kind::crash) next.at = line.number(numbers_max);
        if (*kind == step_kind::deliver || *kind == step_kind::crash) next.events = line.numbers();
        s.steps.push_back(std::move(next));
    }
    line.end();
}

void append_event(const event& e, std::string& text) {
    recorded_event recorded;
    static_cast<event&>(recorded) = e;
    text += to_cloudevent(recorded) + "\n";
}

}  // namespace

std::string to_string(const schedule& s) {
    std::string text = "seed " + std::to_string(s.seed) + "\norder " +
                       std::string(to_string(s.order)) + "\nstores " + std::to_string(s.stores) +
                       "\nmode " + (s.mode == projection_mode::inline_ ? "inline" : "manual") +
                       "\n";
    for (const auto& next : s.steps) {
        text += std::string(word_of(next.kind)) + " " + std::to_string(next.store);
        if (next.kind == step_kind::sync) text += " " + std::to_string(next.other);
        if (next.kind == step_kind::crash) text += " " + std::to_string(next.at);
        if (!next.events.empty()) text += " " + print_numbers(next.events);
        text += "\n";
    }
    return text;
}

std::string to_string(const scenario& s) {
    std::string text = to_string(s.schedule) + "events\n";
    for (const auto& e : s.setup) append_event(e, text);
    for (const auto& e : s.events) append_event(e, text);
    return text;
}

scenario parse_scenario(std::string_view text) {
    scenario result;
    bool in_events = false;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        line_parser parser(line, number);
        if (in_events) {
            try {
                event e = parse_cloudevent(line);
                (e.stream.starts_with('$') ? result.setup : result.events).push_back(std::move(e));
            } catch (const error& fault) {
                parser.fail(fault.what());
            }
            continue;
        }
        const auto word = parser.word();
        if (word == "events") {
            parser.end();
            in_events = true;
        } else {
            parse_schedule_line(word, parser, result.schedule);
        }
    }
    return result;
}

}  // namespace idem::testing
