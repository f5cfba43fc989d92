// Of all changes between two schemas those that concern the events of one type.
#pragma once

#include <vector>

#include "schema/model.hpp"

namespace idem {

// `table` is of `before`.
std::vector<schema_change> changes_of(const schema_object& table, const schema& before,
                                      const schema& after);

}  // namespace idem
