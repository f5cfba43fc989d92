// The entries of several sorted sources as one sorted sequence.
#pragma once

#include <span>
#include <vector>

#include "index/run.hpp"

namespace idem::index {

class merged {
public:
    // Runs, oldest first, and sorted entries that are newer than all of them. Starts at the first
    // entry that is not less than `from`.
    merged(std::span<const run* const> runs, std::span<const entry> newest, const entry& from);

    bool at_end() const noexcept { return best_ == nullptr; }
    const entry& current() const noexcept { return best_->value; }
    void advance();

private:
    struct source {
        const run* of;  // null: the newest entries
        run::place place;
        const chunk_view* chunk;  // where that is; null: not yet looked up
        entry value;
    };
    bool load(source& s) const;  // false: it is at its end
    bool next(source& s) const;
    void choose() noexcept;

    std::span<const entry> newest_;
    std::vector<source> sources_;  // none is at its end; oldest first
    source* best_ = nullptr;
};

}  // namespace idem::index
