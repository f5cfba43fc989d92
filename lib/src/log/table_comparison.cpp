#include "log/table_comparison.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace idem {
namespace {

constexpr std::uint64_t told_max = 20;

}  // namespace

void table_comparison::run(const next_row& kept, const next_row& right) {
    auto left = kept();
    auto wanted = right();
    while ((left || wanted) && !found_.full()) {
        int order = 1;  // the key of `wanted` comes first
        if (left) order = wanted ? left->first.compare(wanted->first) : -1;
        if (order < 0) differs(left->first, "is explained by no event");
        if (order > 0) differs(wanted->first, "is missing");
        if (order == 0 && left->second != wanted->second) {
            differs(wanted->first, "is not what the events make of it");
        }
        if (order <= 0) left = kept();
        if (order >= 0) wanted = right();
    }
    if (differ_ > told_max) {
        tell(fmt::format("{} more rows of the table {} differ from a replay of the log",
                         differ_ - told_max, table_));
    }
}

void table_comparison::tell(const std::string& what) {
    found_.add({"table_mismatch", std::nullopt, table_, what + "; " + remedy_});
}

void table_comparison::differs(std::string_view key, std::string_view how) {
    if (++differ_ > told_max) return;
    tell(fmt::format("the row {} of the table {} {}", text::shown(key), table_, how));
}

}  // namespace idem
