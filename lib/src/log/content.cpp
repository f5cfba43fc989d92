#include "log/content.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "idem/event.hpp"

namespace idem {
namespace {

bool ends_with(std::string_view text, std::string_view lower_case_end) noexcept {
    if (text.size() < lower_case_end.size()) return false;
    const auto end = text.substr(text.size() - lower_case_end.size());
    return std::equal(end.begin(), end.end(), lower_case_end.begin(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

std::vector<std::string_view> as_set(const std::vector<std::string>& tags) {
    std::vector<std::string_view> set(tags.begin(), tags.end());
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    return set;
}

}  // namespace

bool is_json_content_type(std::string_view content_type) noexcept {
    auto media_type = content_type.substr(0, content_type.find(';'));
    while (!media_type.empty() && media_type.back() == ' ') media_type.remove_suffix(1);
    return ends_with(media_type, "/json") || ends_with(media_type, "+json");
}

bool same_data(std::string_view content_type, std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (!is_json_content_type(content_type) || json::check(a) || json::check(b)) return false;
    return json::same_value(a, b);
}

std::optional<std::string_view> first_difference(const event& a, const event& b) {
    if (a.stream != b.stream) return "stream";
    if (a.type != b.type) return "type";
    if (a.schema_version != b.schema_version) return "schema_version";
    if (a.content_type != b.content_type) return "content_type";
    const bool here = !a.erased && !a.sealed && !b.erased && !b.sealed;
    if (here && !same_data(a.content_type, a.data, b.data)) return "data";
    if (as_set(a.tags) != as_set(b.tags)) return "tags";
    if (a.data_subject != b.data_subject) return "data_subject";
    return std::nullopt;
}

}  // namespace idem
