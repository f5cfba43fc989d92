// What a projection is made of: rows are only ever changed by the code that made them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idem/projection.hpp"
#include "schema/registry.hpp"

namespace idem {

struct read_version {
    std::string type;
    std::uint32_t version = 0;
    std::uint64_t upcasters = 0;  // hash of the definitions of those that the store keeps

    friend bool operator==(const read_version&, const read_version&) = default;
};

struct projection_identity {
    std::string name;
    std::uint32_t version = 1;
    key_kind keys = key_kind::text;
    std::string code;
    fold_order order = fold_order::arrival;
    std::vector<read_version> reads;  // by type

    friend bool operator==(const projection_identity&, const projection_identity&) = default;
};

projection_identity identity_of(const projection& p, const registered_schemas& known);

// 32 hexadecimal digits.
std::string fingerprint_of(const projection_identity& identity);

// Why rows that `kept` has made are not those of `wanted`; empty where they are.
std::string difference_between(const projection_identity& kept, const projection_identity& wanted);

}  // namespace idem
