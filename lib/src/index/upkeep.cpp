#include "index/upkeep.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "idem/error.hpp"
#include "index/chunk.hpp"
#include "index/merge.hpp"

namespace idem::index {
namespace {

// Steps for each run of level 0. A step writes one chunk of a merge, and meanwhile every level has
// as many to write as level 0 has, so this is enough for so many levels.
constexpr std::uint32_t steps_per_run = 16;
constexpr std::uint32_t dead_chunks_per_step = 4;

// Entries come in the order of their positions and with keys that are uniform, or that repeat:
// dealt out by their upper bits, most parts are in order or very short.
std::vector<entry> sorted(const std::vector<entry>& entries) {
    constexpr int bits = 12;
    std::vector<std::uint32_t> ends((1U << bits) + 1);
    for (const entry& e : entries) ++ends[(e.key >> (64 - bits)) + 1];
    for (std::size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
    std::vector<std::uint32_t> next(ends.begin(), ends.end() - 1);
    std::vector<entry> result(entries.size());
    for (const entry& e : entries) result[next[e.key >> (64 - bits)]++] = e;
    for (std::size_t i = 1; i < ends.size(); ++i) {
        const auto first = result.begin() + ends[i - 1];
        const auto last = result.begin() + ends[i];
        if (!std::is_sorted(first, last)) std::sort(first, last);
    }
    return result;
}

class upkeep {
public:
    upkeep(storage::write_transaction& txn, storage::table t, manifest& m)
        : txn_(txn), table_(t), m_(m) {}

    void flush(const std::vector<entry>& entries) {
        const std::uint64_t first = entries.front().position;
        const std::uint64_t last = entries.back().position;
        run_info fresh{m_.next_number++, first, last, 0, 0};
        write_chunk(fresh, sorted(entries));
        m_.runs.push_back(fresh);
    }

    // False: nothing to do.
    bool step() {
        const bool erased = erase_some();
        start_merges();
        if (m_.merges.empty()) return erased;
        // The lowest level is the most urgent: it fills soonest.
        auto lowest = std::min_element(
            m_.merges.begin(), m_.merges.end(),
            [](const run_info& a, const run_info& b) { return a.level < b.level; });
        switch (advance(txn_, table_, m_, *lowest, bytes_)) {
            case merge_state::unfinished:
                break;
            case merge_state::whole:
                finish(lowest);
                break;
            case merge_state::damaged:
                start_again(*lowest);
                break;
        }
        return true;
    }

private:
    void write_chunk(run_info& to, std::span<const entry> entries) {
        encode_chunk(bytes_, entries, to.first);
        txn_.put(table_, row_key(to.number, to.chunks), bytes_);
        ++to.chunks;
    }

    bool erase_some() {
        const bool some = !m_.dead.empty();
        for (std::uint32_t n = 0; n < dead_chunks_per_step && !m_.dead.empty(); ++n) {
            run_info& r = m_.dead.back();
            if (r.chunks == 0) {
                txn_.erase(table_, row_key(r.number, directory_row));
                m_.dead.pop_back();
            } else {
                txn_.erase(table_, row_key(r.number, --r.chunks));
            }
        }
        return some;
    }

    bool is_merging(const run_info& r) const {
        return std::any_of(m_.merges.begin(), m_.merges.end(), [&r](const run_info& merge) {
            return merge.first <= r.first && r.last <= merge.last;
        });
    }

    void start_merges() {
        std::size_t count = 0;  // adjacent runs of one level that end at i
        for (std::size_t i = 0; i < m_.runs.size(); ++i) {
            const bool goes_on = count > 0 && m_.runs[i].level == m_.runs[i - 1].level;
            count = is_merging(m_.runs[i]) ? 0 : goes_on ? count + 1 : 1;
            if (count < fan) continue;
            m_.merges.push_back({m_.next_number++, m_.runs[i + 1 - fan].first, m_.runs[i].last,
                                 m_.runs[i].level + 1, 0});
            count = 0;
        }
    }

    // What was written of it stands nowhere else than in the table, and is erased like a run.
    void start_again(run_info& merge) {
        m_.dead.push_back(merge);
        merge.number = m_.next_number++;
        merge.chunks = 0;
    }

    void finish(std::vector<run_info>::iterator merge) {
        const run_info fresh = *merge;
        m_.merges.erase(merge);
        const auto is_source = [&](const run_info& r) {
            return r.first >= fresh.first && r.last <= fresh.last;
        };
        std::copy_if(m_.runs.begin(), m_.runs.end(), std::back_inserter(m_.dead), is_source);
        const auto at = std::find_if(m_.runs.begin(), m_.runs.end(), is_source);
        const auto end = std::find_if_not(at, m_.runs.end(), is_source);
        *at = fresh;
        m_.runs.erase(at + 1, end);
    }

    storage::write_transaction& txn_;
    const storage::table table_;
    manifest& m_;
    std::string bytes_;  // of a chunk
};

}  // namespace

void create(storage::write_transaction& txn, storage::table t, std::uint64_t seed,
            std::uint32_t chunk_entries, std::uint32_t phase) {
    manifest m;
    m.seed = seed;
    m.chunk_entries = chunk_entries;
    m.phase = phase;
    write_manifest(txn, t, m);
}

bool keep_up(storage::write_transaction& txn, storage::table t, manifest& m, const tail& recent,
             const chains& added, std::uint64_t before, std::uint64_t after) {
    upkeep work(txn, t, m);
    bool changed = false;
    for (std::uint64_t end = m.end_of_run(m.flushed() + 1); end <= after;
         end = m.end_of_run(end + 1)) {
        auto entries = recent.entries(m.flushed(), std::min(before, end));
        if (!entries) throw error(errc::corrupt, "the tail of an index has moved on");
        for (std::uint64_t p = std::max(before, m.flushed()) + 1; p <= end; ++p) {
            entries->push_back({added.key(static_cast<std::uint32_t>(p - before - 1)), p});
        }
        work.flush(*entries);
        changed = true;
    }
    // Shifted like the runs, so that two indexes of different phase do not work in one commit.
    const std::uint64_t span = std::max(1U, m.chunk_entries / steps_per_run);
    const std::uint64_t shift = m.phase / steps_per_run;
    const std::uint64_t steps = (after + shift) / span - (before + shift) / span;
    for (std::uint64_t i = 0; i < steps && work.step(); ++i) changed = true;
    if (changed) write_manifest(txn, t, m);
    return changed;
}

}  // namespace idem::index
