// Where a member stands in the JSON data of an event.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace idem {

// Names with dots between them, from the outermost object inwards: "owner.name". Within a name,
// "\." is a dot and "\\" a backslash. A path leads through objects only, not through lists. An
// immutable value.
class json_path {
public:
    static constexpr std::size_t depth_max = 16;
    static constexpr std::size_t bytes_max = 1024;

    explicit json_path(std::string_view text);  // in UTF-8; throws unfit_value

    std::size_t depth() const noexcept { return parts_.size(); }  // at least 1
    // Of the part at that depth, from 0: decoded, and as a JSON string.
    const std::string& name(std::size_t at) const noexcept { return parts_[at].name; }
    const std::string& spelled(std::size_t at) const noexcept { return parts_[at].spelled; }

    // "data.owner.name", or the first `depth` names of it; 0: "data".
    std::string shown(std::size_t depth) const;
    std::string shown() const { return shown(depth()); }

    // Whether `other` is this place or lies within it.
    bool leads_to(const json_path& other) const noexcept;

    friend bool operator==(const json_path&, const json_path&) = default;

private:
    struct part {
        std::string name;
        std::string spelled;
        friend bool operator==(const part&, const part&) = default;
    };
    void add(std::string name);

    std::vector<part> parts_;
};

}  // namespace idem
