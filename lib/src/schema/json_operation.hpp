// The steps of which an upcaster of JSON data is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/exact_decimal.hpp"
#include "schema/json_path.hpp"
#include "schema/json_rewrite.hpp"

namespace idem {

// Each throws unfit_member, after which the data is of no use. Two rules hold for all: where the
// member to be read is absent there is nothing to do, and what is made never replaces a member.

struct rename_member {
    static constexpr std::string_view verb = "rename";
    json_path from;
    json_path to;
    void apply(json_rewrite& data) const;
};

struct scale_member {
    static constexpr std::string_view verb = "scale";
    json_path at;
    exact_decimal by;
    void apply(json_rewrite& data) const;
};

struct default_member {
    static constexpr std::string_view verb = "default";
    json_path at;
    std::string value;  // plain_json
    void apply(json_rewrite& data) const;
};

struct split_member {
    static constexpr std::string_view verb = "split";
    json_path from;
    std::string separator;
    std::vector<json_path> into;
    void apply(json_rewrite& data) const;
};

struct merge_members {
    static constexpr std::string_view verb = "merge";
    std::vector<json_path> from;
    std::string separator;
    json_path into;
    void apply(json_rewrite& data) const;
};

struct drop_member {
    static constexpr std::string_view verb = "drop";
    json_path at;
    void apply(json_rewrite& data) const;
};

using json_operation = std::variant<rename_member, scale_member, default_member, split_member,
                                    merge_members, drop_member>;

// What a definition says.
struct json_program {
    std::string type;
    std::uint32_t from = 0;
    std::string definition;
    std::vector<json_operation> operations;
};

}  // namespace idem
