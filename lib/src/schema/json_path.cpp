#include "schema/json_path.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "schema/scalar.hpp"

namespace idem {

json_path::json_path(std::string_view text) {
    if (text.size() > bytes_max) {
        throw unfit_value{fmt::format("has {} bytes; the limit is {}", text.size(), bytes_max)};
    }
    // They would pass through messages into terminals.
    if (text::has_control(text)) throw unfit_value{"has a control character"};
    std::string name;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '.') {
            add(std::move(name));
            name.clear();
        } else if (text[i] != '\\') {
            name += text[i];
        } else if (++i < text.size() && (text[i] == '.' || text[i] == '\\')) {
            name += text[i];
        } else {
            throw unfit_value{
                "has a backslash before something else than a dot or a backslash; for a dot within "
                "a name write \\\\. in JSON"};
        }
    }
    add(std::move(name));
}

void json_path::add(std::string name) {
    // Two dots in a row are a slip of the pen far more often than a member without a name.
    if (name.empty()) throw unfit_value{"has an empty name; write it like owner.name"};
    if (parts_.size() == depth_max) {
        throw unfit_value{fmt::format("has more than {} names", depth_max)};
    }
    std::string spelled = to_json_string(name);
    parts_.push_back({std::move(name), std::move(spelled)});
}

std::string json_path::shown(std::size_t depth) const {
    std::string out = "data";
    for (std::size_t i = 0; i < depth; ++i) {
        out += '.';
        for (const char c : parts_[i].name) {
            if (c == '.' || c == '\\') out += '\\';
            out += c;
        }
    }
    return out;
}

bool json_path::leads_to(const json_path& other) const noexcept {
    return depth() <= other.depth() &&
           std::equal(parts_.begin(), parts_.end(), other.parts_.begin());
}

}  // namespace idem
