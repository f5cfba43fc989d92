// An index as it stands in one transaction: its runs, and the tail behind them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "index/manifest.hpp"
#include "index/run.hpp"
#include "index/tail.hpp"

namespace idem::index {

// Reads the fingerprints of the positions (above, up_to] from the log.
using read_fingerprints =
    std::function<std::vector<fingerprint>(std::uint64_t above, std::uint64_t up_to)>;

// For keys that have many positions, of which the newest is wanted; or for keys that have one: the
// runs where the others were found come first, wherever they are.
enum class search_order : std::uint8_t { newest_first, likeliest_first };

// Lives within its transaction. Two keys can have one fingerprint: whoever is given a position
// looks at the record before it believes it.
class view {
public:
    // `recent` holds the tail up to `head`, unless it has moved on: then the log is read again.
    view(const storage::transaction& txn, storage::table t, const tail& recent, std::uint64_t head,
         read_fingerprints from_log);
    // The same, with the manifest that stands in the table, or would if there were one.
    view(const storage::transaction& txn, storage::table t, const tail& recent, std::uint64_t head,
         read_fingerprints from_log, manifest contents);

    const manifest& contents() const noexcept { return manifest_; }

    // For each key asks of its positions until one is accepted. `done` says for which none is
    // wanted, and then for which one was accepted.
    void search(std::span<const fingerprint> keys, std::vector<char>& done,
                const accept_candidate& accept, search_order order) const;

    // Visits the positions of one key in order until told to stop (false). A visitor may use the
    // index, for nothing is locked meanwhile.
    using visit_position = std::function<bool(std::uint64_t)>;
    void forwards(fingerprint key, std::uint64_t from, const visit_position& visit) const;
    void backwards(fingerprint key, std::uint64_t from, const visit_position& visit) const;

    // Visits keys from `from` on, each with the newest of its positions and how many there are.
    using visit_key =
        std::function<bool(fingerprint key, std::uint64_t newest, std::uint64_t entries)>;
    void each_key(fingerprint from, const visit_key& visit) const;

private:
    const run& at(std::size_t number) const;
    struct wanted {
        std::size_t number = 0;   // of the key
        std::uint32_t chunk = 0;  // where it may be
        bool likely = false;
    };
    std::size_t search_run(const run& r, std::span<const fingerprint> keys, std::span<wanted> group,
                           std::vector<char>& done, const accept_candidate& accept) const;
    // False: told to stop. The newest entry of the key is in this chunk, if it is anywhere.
    static bool newest_first(const run& r, std::uint32_t chunk, fingerprint key,
                             const visit_position& visit);
    void search_tail(std::span<const fingerprint> keys, std::vector<char>& done,
                     std::uint64_t up_to, const accept_candidate& accept) const;
    // False: told to stop.
    bool backwards_in_tail(fingerprint key, std::uint64_t from, const visit_position& visit) const;
    const tail& own_tail() const;

    const storage::transaction* txn_;
    storage::table table_;
    const tail* recent_;
    std::uint64_t head_;
    read_fingerprints from_log_;
    manifest manifest_;
    mutable std::vector<std::unique_ptr<run>> runs_;  // opened when first needed
    mutable std::unique_ptr<tail> own_tail_;
};

}  // namespace idem::index
