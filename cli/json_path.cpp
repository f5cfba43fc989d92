#include "json_path.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "idem/cloudevents.hpp"
#include "idem/convergent/version_vector.hpp"
#include "idem/error.hpp"

namespace idem::cli {
namespace {

constexpr std::array<std::pair<std::string_view, attribute>, 12> attributes{{
    {"id", attribute::id},
    {"stream", attribute::stream},
    {"type", attribute::type},
    {"schema_version", attribute::schema_version},
    {"content_type", attribute::content_type},
    {"position", attribute::position},
    {"revision", attribute::revision},
    {"time", attribute::time},
    {"correlation_id", attribute::correlation_id},
    {"causation_id", attribute::causation_id},
    {"metadata", attribute::metadata},
    {"data", attribute::data},
}};

class path_parser {
public:
    explicit path_parser(std::string_view text) : text_(text), rest_(text) {}

    event_path parse() {
        event_path path;
        path.text = text_;
        path.root = parse_root();
        while (!rest_.empty()) path.steps.push_back(parse_step());
        if (path.root == attribute::metadata) {
            const bool one_name =
                path.steps.size() == 1 && std::holds_alternative<std::string>(path.steps[0]);
            if (!one_name) refuse("metadata is read by name, as in metadata.source");
        } else if (path.root != attribute::data && !path.steps.empty()) {
            refuse("only data and metadata have parts");
        }
        return path;
    }

private:
    [[noreturn]] void refuse(std::string_view why) const {
        throw error(errc::invalid_input,
                    fmt::format("the path \"{}\" cannot be read: {}", text_, why));
    }

    std::string_view take_name() {
        const std::size_t end = std::min(rest_.find_first_of(".[]\""), rest_.size());
        const std::string_view name = rest_.substr(0, end);
        if (name.empty()) refuse("a name is missing; write odd names as [\"odd name\"]");
        rest_.remove_prefix(end);
        return name;
    }

    attribute parse_root() {
        const std::string_view name = take_name();
        for (const auto& [known, root] : attributes) {
            if (known == name) return root;
        }
        std::string all;
        for (const auto& [known, root] : attributes) all += fmt::format(", {}", known);
        refuse(fmt::format("it begins with none of {}; a member of the data is data.{}",
                           all.substr(2), name));
    }

    std::variant<std::string, std::size_t> parse_step() {
        if (rest_.front() == '.') {
            rest_.remove_prefix(1);
            return std::string(take_name());
        }
        if (rest_.front() != '[') refuse("a part begins with . or [");
        rest_.remove_prefix(1);
        if (rest_.starts_with('"')) return parse_quoted_name();
        std::size_t index = 0;
        const auto [end, fault] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), index);
        rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
        if (fault != std::errc() || !rest_.starts_with(']')) {
            refuse("between [ and ] stands an index from 0 or a name in quotes");
        }
        rest_.remove_prefix(1);
        return index;
    }

    std::string parse_quoted_name() {
        std::size_t end = 1;
        while (end < rest_.size() && rest_[end] != '"') end += rest_[end] == '\\' ? 2 : 1;
        if (end >= rest_.size() || !rest_.substr(end + 1).starts_with(']')) {
            refuse("a name in quotes ends with \"]");
        }
        std::string name;
        try {
            name = parse_json(rest_.substr(0, end + 1), repeated_members::last_counts);
        } catch (const error& e) {
            refuse(e.what());
        }
        rest_.remove_prefix(end + 2);
        return name;
    }

    std::string_view text_;
    std::string_view rest_;
};

std::optional<json> text_or_nothing(std::string_view text) {
    if (text.empty()) return std::nullopt;
    return json(text);
}

}  // namespace

event_path parse_path(std::string_view text) {
    return path_parser(text).parse();
}

const json& event_values::data() {
    if (!data_ && event_.data().empty()) data_ = json::value_t::discarded;
    if (!data_) {
        try {
            data_ = parse_json(event_.data(), repeated_members::last_counts);
        } catch (const error& fault) {
            // Other content has no parts. JSON with a number beyond a double's range must not pass
            // for one whose parts are missing.
            if (event_.content_type().find("json") != std::string_view::npos) {
                throw error(errc::invalid_input,
                            fmt::format("the data cannot be read: {}", fault.what()));
            }
            data_ = json::value_t::discarded;
        }
    }
    return *data_;
}

std::string event_values::mark() const {
    const event_mark at_event = at(event_);
    return fmt::format("{:016x}/{}/{}", at_event.clock, to_string(at_event.origin),
                       to_string(at_event.id));
}

std::optional<json> event_values::find(const event_path& path) {
    switch (path.root) {
        case attribute::id:
            return json(to_string(event_.id()));
        case attribute::stream:
            return json(event_.stream());
        case attribute::type:
            return json(event_.type());
        case attribute::schema_version:
            return json(std::uint64_t{event_.schema_version()});
        case attribute::content_type:
            return json(event_.content_type());
        case attribute::position:
            return json(event_.position());
        case attribute::revision:
            return json(event_.revision());
        case attribute::time:
            return json(to_string(event_.time()));
        case attribute::correlation_id:
            return text_or_nothing(event_.correlation_id());
        case attribute::causation_id:
            return text_or_nothing(event_.causation_id());
        case attribute::metadata: {
            const auto found = event_.metadata(std::get<std::string>(path.steps[0]));
            return found ? std::optional<json>(*found) : std::nullopt;
        }
        case attribute::data:
            break;
    }
    const json* at = &data();
    if (at->is_discarded()) return std::nullopt;
    for (const auto& step : path.steps) {
        if (const auto* name = std::get_if<std::string>(&step)) {
            if (!at->is_object()) return std::nullopt;
            const auto member = at->find(*name);
            if (member == at->end()) return std::nullopt;
            at = &*member;
        } else {
            const std::size_t index = std::get<std::size_t>(step);
            if (!at->is_array() || index >= at->size()) return std::nullopt;
            at = &(*at)[index];
        }
    }
    return *at;
}

}  // namespace idem::cli
