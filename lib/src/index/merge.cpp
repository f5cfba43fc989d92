#include "index/merge.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "idem/error.hpp"
#include "index/merged.hpp"
#include "index/run.hpp"

namespace idem::index {
namespace {

// A chunk of default size has its checksum computed in a tenth of a millisecond, so a step of these
// takes no longer than one that writes a chunk.
constexpr std::uint32_t chunks_checked_per_step = 16;

class merge_work {
public:
    merge_work(storage::write_transaction& txn, storage::table t, const manifest& m,
               run_info& merge, std::string& bytes)
        : txn_(txn), table_(t), m_(m), merge_(merge), bytes_(bytes) {}

    bool is_written() const noexcept { return expected(merge_.chunks) == 0; }

    // Where the last chunk ended tells where to go on, so a merge needs no other memory.
    merge_state write_next() {
        entry from{};
        if (merge_.chunks > 0) {
            const auto last = sound_chunk(merge_.chunks - 1);
            if (!last) return merge_state::damaged;
            const std::uint32_t end = last->size() - 1;
            from = {last->key(end), merge_.first + last->offset(end) + 1};
        }
        const std::vector<entry> entries = next_entries(from);
        encode_chunk(bytes_, entries, merge_.first);
        txn_.put(table_, row_key(merge_.number, merge_.chunks), bytes_);
        ++merge_.chunks;
        return merge_state::unfinished;
    }

    // The directory lists the chunks that were checked, so it tells how far that has come.
    merge_state check_some() {
        auto firsts = checked();
        if (!firsts) return merge_state::damaged;
        for (std::uint32_t n = 0; n < chunks_checked_per_step && firsts->size() < merge_.chunks;
             ++n) {
            const auto number = static_cast<std::uint32_t>(firsts->size());
            const auto c = sound_chunk(number);
            if (!c) return merge_state::damaged;
            const entry first{c->key(0), merge_.first + c->offset(0)};
            if (!firsts->empty() && first <= firsts->back()) return merge_state::damaged;
            firsts->push_back(first);
        }
        txn_.put(table_, row_key(merge_.number, directory_row),
                 encode_directory(*firsts, merge_.first));
        return firsts->size() == merge_.chunks ? merge_state::whole : merge_state::unfinished;
    }

private:
    std::uint64_t expected(std::uint32_t chunk) const noexcept {
        return entries_of_chunk(merge_, chunk, m_.chunk_entries);
    }

    std::vector<entry> next_entries(const entry& from) const {
        std::vector<run> sources;
        for (const run_info& r : m_.runs) {
            if (r.first < merge_.first || r.last > merge_.last) continue;
            sources.emplace_back(txn_, table_, r, run::checksums::checked);
        }
        std::vector<const run*> pointers;
        for (const run& r : sources) pointers.push_back(&r);
        merged all(pointers, {}, from);
        std::vector<entry> entries;
        const std::uint64_t wanted = expected(merge_.chunks);
        entries.reserve(wanted);
        for (; !all.at_end() && entries.size() < wanted; all.advance()) {
            entries.push_back(all.current());
        }
        const bool is_last = expected(merge_.chunks + 1) == 0;
        if (entries.size() != wanted || all.at_end() != is_last) {
            throw error(errc::corrupt,
                        "a merge of an index has too few or too many entries; run `idem verify`, "
                        "and export the store and import it into a new one",
                        {.position = merge_.first});
        }
        return entries;
    }

    // Of those that were written; nothing where it is gone or changed.
    std::optional<chunk_view> sound_chunk(std::uint32_t number) const {
        const auto found = txn_.peek(table_, row_key(merge_.number, number));
        if (!found) return std::nullopt;
        try {
            const chunk_view c(*found);
            if (c.size() != expected(number) || !c.checksum_holds()) return std::nullopt;
            return c;
        } catch (const error& e) {
            if (e.code() != errc::corrupt) throw;
            return std::nullopt;
        }
    }

    std::optional<std::vector<entry>> checked() const {
        const auto found = txn_.peek(table_, row_key(merge_.number, directory_row));
        if (!found) return std::vector<entry>();
        auto firsts = decode_directory(*found, merge_.first);
        if (firsts && firsts->size() > merge_.chunks) return std::nullopt;
        return firsts;
    }

    storage::write_transaction& txn_;
    const storage::table table_;
    const manifest& m_;
    run_info& merge_;
    std::string& bytes_;
};

}  // namespace

merge_state advance(storage::write_transaction& txn, storage::table t, const manifest& m,
                    run_info& merge, std::string& bytes) {
    merge_work work(txn, t, m, merge, bytes);
    return work.is_written() ? work.check_some() : work.write_next();
}

std::uint64_t entries_of_chunk(const run_info& r, std::uint32_t chunk,
                               std::uint32_t chunk_entries) noexcept {
    const std::uint64_t before = std::uint64_t{chunk} * chunk_entries;
    return before >= r.entries() ? 0 : std::min<std::uint64_t>(r.entries() - before, chunk_entries);
}

}  // namespace idem::index
