#include "json_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem::cli {
namespace {

// The shortest digits that mean a double, without its sign: digits * 10^power. They are what
// first_difference() compares.
struct decimal {
    std::string digits = {};
    int power = 0;
};
decimal shortest(double value) {
    std::array<char, 32> space{};  // "1.25e+02"
    char* const end = std::to_chars(space.data(), space.data() + space.size(), std::abs(value),
                                    std::chars_format::scientific)
                          .ptr;
    const std::string_view text(space.data(), static_cast<std::size_t>(end - space.data()));
    const std::size_t e = text.find('e');
    decimal d{std::string(text.substr(0, e))};
    if (e > 1) d.digits.erase(1, 1);  // the point
    const std::string_view power = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
    std::from_chars(power.data(), power.data() + power.size(), d.power);
    d.power -= static_cast<int>(d.digits.size()) - 1;
    return d;
}

// One value for all spellings of a number: an integer where it is one of 64 bits.
json by_value(double value) {
    if (value != std::trunc(value) || std::abs(value) > 0x1p64) return value;
    const decimal d = shortest(value);
    wide_integer integer = 0;
    for (const char c : d.digits) integer = integer * 10 + (c - '0');
    for (int i = 0; i < d.power; ++i) integer *= 10;
    return to_json(value < 0 ? -integer : integer).value_or(value);
}

// Whether these digits of an integer beyond 64 bits are those that a double keeps.
bool keeps_digits(std::string_view digits, double value) {
    if (digits.starts_with('-')) digits.remove_prefix(1);
    const decimal d = shortest(value);
    return digits == d.digits + std::string(static_cast<std::size_t>(std::max(d.power, 0)), '0');
}

// Builds the value from the parser's events, which alone tell the digits of a number.
class value_builder final : public nlohmann::json_sax<json> {
public:
    explicit value_builder(repeated_members repeated) : repeated_(repeated) {}

    json take() && { return std::move(root_); }
    const std::string& fault() const noexcept { return fault_; }
    bool overflowed() const noexcept { return overflowed_; }  // at a number like 1e400

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t& digits) override {
        const bool exact = digits.find_first_of(".eE") == std::string::npos;
        if (!exact || keeps_digits(digits, value)) return add(by_value(value));
        return add(json::binary({digits.begin(), digits.end()}));
    }
    bool string(string_t& value) override { return add(std::move(value)); }
    bool binary(binary_t& value) override { return add(json::binary(value)); }
    bool start_object(std::size_t) override { return open(json::object()); }
    bool end_object() override { return close(); }
    bool start_array(std::size_t) override { return open(json::array()); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        if (repeated_ == repeated_members::refused && open_.back()->contains(name)) {
            fault_ = fmt::format("the member \"{}\" is given twice in one object", name);
            return false;
        }
        name_ = name;
        return true;
    }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& fault) override {
        constexpr int number_overflow = 406;
        overflowed_ = fault.id == number_overflow;
        // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
        const std::string_view text = fault.what();
        const std::size_t end = text.find("] ");
        fault_ = text.substr(end == std::string_view::npos ? 0 : end + 2);
        return false;
    }

private:
    json* place(json value) {
        if (open_.empty()) {
            root_ = std::move(value);
            return &root_;
        }
        json& parent = *open_.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        json& member = parent[name_];
        member = std::move(value);
        return &member;
    }
    bool add(json value) {
        place(std::move(value));
        return true;
    }
    bool open(json value) {
        if (open_.size() >= limits::json_depth_max) {
            fault_ = fmt::format("nested deeper than {}, the limit", limits::json_depth_max);
            return false;
        }
        open_.push_back(place(std::move(value)));
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    repeated_members repeated_;
    json root_;
    std::vector<json*> open_;  // a parent does not move while a child is open
    std::string name_;
    std::string fault_;
    bool overflowed_ = false;
};

// The text with a huge integer in place of each number beyond the range of doubles. `text` is valid
// JSON up to the first of them.
std::string with_huge_integers(std::string_view text) {
    constexpr std::string_view huge = "100000000000000000001";  // which a double would round
    std::string replaced;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (text[at] == '"') {
            while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
            end = std::min(end + 1, text.size());
        } else if (text[at] == '-' || (text[at] >= '0' && text[at] <= '9')) {
            end = std::min(text.find_first_not_of("+-.0123456789eE", at), text.size());
            double value = 0;
            const auto fault = std::from_chars(text.data() + at, text.data() + end, value).ec;
            if (fault == std::errc::result_out_of_range &&
                std::isinf(std::strtod(std::string(text.substr(at, end - at)).c_str(), nullptr))) {
                replaced += huge;
                at = end;
                continue;
            }
        }
        replaced += text.substr(at, end - at);
        at = end;
    }
    return replaced;
}

}  // namespace

json parse_json(std::string_view text, repeated_members repeated) {
    value_builder builder(repeated);
    if (json::sax_parse(text, &builder)) return std::move(builder).take();
    if (!builder.overflowed()) throw error(errc::invalid_input, builder.fault());
    value_builder again(repeated);
    if (json::sax_parse(with_huge_integers(text), &again)) return std::move(again).take();
    throw error(errc::invalid_input, again.fault());
}

json parse_row(std::string_view text) {
    json row = json::parse(text, nullptr, false);
    if (!row.is_object()) throw error(errc::corrupt, "the row is no JSON object");
    return row;
}

bool holds_huge_number(const json& value) {
    if (value.is_binary()) return true;
    return value.is_structured() && std::any_of(value.begin(), value.end(), holds_huge_number);
}

std::optional<wide_integer> as_integer(const json& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (value.is_number_integer()) return value.get<std::int64_t>();
    return std::nullopt;
}

std::optional<json> to_json(wide_integer value) {
    if (value > std::numeric_limits<std::uint64_t>::max()) return std::nullopt;
    if (value < std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    if (value < 0) return json(static_cast<std::int64_t>(value));
    return json(static_cast<std::uint64_t>(value));
}

std::string_view kind_name(const json& value) {
    switch (value.type()) {
        case json::value_t::object:
            return "an object";
        case json::value_t::array:
            return "a list";
        case json::value_t::string:
            return "text";
        case json::value_t::boolean:
            return "true or false";
        case json::value_t::number_integer:
        case json::value_t::number_unsigned:
            return "an integer";
        case json::value_t::number_float:
            return "a real number";
        case json::value_t::binary:
            return "a number beyond what 64 bits hold";
        default:
            return "null";
    }
}

}  // namespace idem::cli
