// From a name on the command line to a projection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "idem/projection.hpp"
#include "idem/store.hpp"
#include "session.hpp"

namespace idem::cli {

struct known_projection {
    projection
        fold;  // without `apply` where the store keeps rows whose definition is not known here
    std::vector<std::string> order_reasons = {};  // why order matters, as far as it is known

    bool can_run() const noexcept { return fold.apply != nullptr; }
};

// The projection called `name`: of the application or a plug-in, or kept in the store with its JSON
// definition; or, where it has a slash or ends in .json, the file that defines it. Throws
// not_found.
known_projection find_projection(const session& s, const store& from, const std::string& name);

// What the store's catalog tells of a projection, with its definition where that is JSON.
known_projection describe(const session& s, const projection_info& kept);

// The definition of a version that the store keeps, where it is known here. Throws not_found.
std::optional<known_projection> definition_of(const session& s, const store& from,
                                              const std::string& name, std::uint32_t version);
// Its rows, printed by it where it is known.
state kept_rows(const session& s, const store& from, const std::string& name,
                std::uint32_t version);

bool is_file_name(const std::string& name);

// Rows kept under another definition must not be mixed with those of this one: throws invalid_input
// where the store keeps this name and version with another definition.
void refuse_changed_definition(const store& from, const projection& fold);

// Throws invalid_input, with the remedy, where it cannot run.
void require_definition(const known_projection& p);

// "arrival", "commutative" or "canonical", and why: "balance is set".
std::string order_word(const projection& fold);
std::string order_reason(const known_projection& p);

}  // namespace idem::cli
