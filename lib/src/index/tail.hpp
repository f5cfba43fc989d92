// The newest entries of an index, in memory: those of the events that stand in no run yet, and
// some that do, for the readers of an older snapshot. A pure function of the log, so nothing is
// lost with the process.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "index/chains.hpp"
#include "index/manifest.hpp"

namespace idem::index {

// Asked of each candidate, newest first; true: this is it, look no further. Asked under the tail's
// lock, so it calls nobody who could use the tail.
using accept_candidate = std::function<bool(std::size_t index, std::uint64_t position)>;

// Any thread. Positions are added in order, each by whoever sees it first.
class tail {
public:
    // `ends` tells where runs of level 0 end.
    explicit tail(const manifest& ends);

    std::uint64_t next() const;  // the position to add next
    // Where it ends before `flushed`, forgets everything and goes on there.
    void skip_to(std::uint64_t flushed);
    // Ignores a position that another thread has added.
    void add(std::uint64_t position, std::span<const fingerprint> keys);
    // Forgets what stands in runs even for the readers of a snapshot of some time ago; nothing
    // behind `written`, what stands nowhere but in the log.
    void drop_old(std::uint64_t written = ~0ULL);
    // Whether all of (above, up_to] is here.
    bool has(std::uint64_t above, std::uint64_t up_to) const;

    // Asks of the positions of these keys in (above, up_to], newest first. Done keys are skipped,
    // and those accepted are done. False: not all of that range is here, and nothing was asked.
    bool search(std::span<const fingerprint> keys, std::vector<char>& done, std::uint64_t above,
                std::uint64_t up_to, const accept_candidate& accept) const;
    // The entries of (above, up_to], in the order of positions; nothing where not all are here.
    std::optional<std::vector<entry>> entries(std::uint64_t above, std::uint64_t up_to) const;

private:
    struct part {
        std::uint64_t above = 0;  // holds the positions behind this one
        std::uint64_t end = 0;    // and up to this one, when it is full
        chains entries;
        std::uint64_t last() const noexcept { return above + entries.size(); }
    };
    void push(fingerprint key);
    bool holds(std::uint64_t above, std::uint64_t up_to) const noexcept;

    const manifest ends_;
    mutable std::shared_mutex mutex_;
    std::deque<part> parts_;  // adjacent
    std::uint64_t last_ = 0;  // the position added last
};

}  // namespace idem::index
