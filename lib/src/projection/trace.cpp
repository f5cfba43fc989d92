#include "projection/trace.hpp"

#include <filesystem>
#include <limits>
#include <vector>

#include "projection/checkpoints.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

// The rows as they are, told in parts. False: stopped.
bool tell_rows(const projection_place& place, const visit_trace& visit) {
    constexpr std::size_t part = 1000;
    const storage::read_transaction txn(*place.env);
    storage::cursor cursor(txn, place.rows);
    std::vector<row_difference> rows;
    for (auto entry = cursor.first(); entry; entry = cursor.next()) {
        rows.push_back({entry->first, std::nullopt, entry->second});
        if (rows.size() < part) continue;
        if (!visit(nullptr, rows)) return false;
        rows.clear();
    }
    return visit(nullptr, rows);
}

}  // namespace

void trace_events(const event_source& source, const projection& p, std::uint64_t from,
                  unsigned threads, const visit_trace& visit) {
    runner_limits limits;
    limits.one_by_one = true;
    limits.horizon_ms = 0;  // no event comes too late
    const auto start = find_scratch_at(source, p, from, threads, {}, limits.horizon_ms);
    if (!tell_rows(start.place, visit)) return;
    projection_runner runner(p, *source.schemas->get(), start.place, source, 1, limits);
    runner.watch_rows(visit);
    runner.advance(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace idem
