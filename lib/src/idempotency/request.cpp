#include "base/blake2b.hpp"
#include "base/json.hpp"
#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/keys.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace idem {

request request::json(std::string_view object, const std::vector<std::string>& leave_out) {
    const auto refuse = [](const std::string& why) {
        throw error(errc::invalid_input, "the request " + why, {.field = "request"});
    };
    if (const auto fault = json::check(object)) {
        refuse(fmt::format("is not JSON at byte {}: {}", fault->offset, fault->reason));
    }
    if (json::kind_of(object) != json::kind::object) refuse("is not a JSON object");
    request result;
    json::each_member(object, [&](std::string_view name, json::kind, std::string_view raw) {
        if (std::find(leave_out.begin(), leave_out.end(), name) != leave_out.end()) return;
        if (!result.fields_.emplace(name, json::canonical(raw)).second) {
            refuse(fmt::format("has the member {} twice", name));
        }
    });
    return result;
}

request& request::with(std::string_view field, std::string_view value) & {
    if (text::invalid_utf8(value)) {
        throw error(errc::invalid_input,
                    fmt::format("the request's field {} is not UTF-8; give bytes as base64",
                                text::shown(field)),
                    {.field = "request"});
    }
    std::string quoted;
    json::append_string(quoted, value);
    return with_json(field, std::move(quoted));
}

request& request::with_json(std::string_view field, std::string value) {
    if (text::invalid_utf8(field)) {
        throw error(errc::invalid_input, "the name of a field of the request is not UTF-8",
                    {.field = "request"});
    }
    fields_.insert_or_assign(std::string(field), json::canonical(value));
    return *this;
}

request::fingerprint_bytes request::fingerprint() const {
    std::string all;
    for (const auto& [name, value] : fields_) {
        json::append_string(all, name);
        all.append(":").append(value).append("\n");
    }
    return blake2b::of({all});
}

}  // namespace idem
