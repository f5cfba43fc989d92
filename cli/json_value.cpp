#include "json_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "idem/error.hpp"

namespace idem::cli {
namespace {

// Builds the value from the parser's events, which alone tell the digits of a number.
class value_builder final : public nlohmann::json_sax<json> {
public:
    explicit value_builder(repeated_members repeated) : repeated_(repeated) {}

    json take() && { return std::move(root_); }
    const std::string& fault() const noexcept { return fault_; }

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(number_integer_t value) override { return add(value); }
    bool number_unsigned(number_unsigned_t value) override { return add(value); }
    bool number_float(number_float_t value, const string_t& digits) override {
        if (digits.find_first_of(".eE") != std::string::npos) return add(value);
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
};

}  // namespace

json parse_json(std::string_view text, repeated_members repeated) {
    value_builder builder(repeated);
    if (!json::sax_parse(text, &builder)) throw error(errc::invalid_input, builder.fault());
    return std::move(builder).take();
}

bool holds_huge_integer(const json& value) {
    if (value.is_binary()) return true;
    return value.is_structured() && std::any_of(value.begin(), value.end(), holds_huge_integer);
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
            return "an integer beyond 64 bits";
        default:
            return "null";
    }
}

}  // namespace idem::cli
