// Of all changes between two schemas those that concern the events of one type.
#pragma once

#include <map>
#include <vector>

#include "schema/model.hpp"

namespace idem {

// Compares older schemas with one, each once for all of its types. One thread at a time.
class type_comparison {
public:
    explicit type_comparison(const schema& after) : after_(after) {}

    // `table` is of `before`, which must live as long as this.
    std::vector<schema_change> changes_of(const schema_object& table, const schema& before);

private:
    const schema after_;
    std::map<const schema::model*, std::vector<schema_change>> changes_;
};

}  // namespace idem
