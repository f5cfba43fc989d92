// Which data subjects are erased: what the statements of the stream of erasures make of one
// another.
//
// Each erasure of a subject is open until a readmission lifts it, and the subject is erased while
// one is open. A readmission names the erasure that it lifts, so that one which comes late, or from
// another store, lifts no erasure that it was not meant for. Those of an older idem name none: they
// lift all that are open, unless one of those was said at a later time than theirs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "log/index.hpp"
#include "log/subjects.hpp"

namespace idem {

// The open erasures of a subject in the table, within a write transaction.
class kept_erasures {
public:
    kept_erasures(storage::write_transaction& txn, storage::table t, std::string subject)
        : txn_(txn), table_(t), subject_(std::move(subject)) {}

    bool contains(const uuid& id) const;
    void add(const uuid& id);
    void drop(const uuid& id);
    void clear();

private:
    storage::write_transaction& txn_;
    storage::table table_;
    std::string subject_;
};

// The same as a batch would leave them that is not written yet.
class foreseen_erasures {
public:
    explicit foreseen_erasures(kept_erasures kept) : kept_(std::move(kept)) {}

    bool contains(const uuid& id) const {
        if (added_.contains(id)) return true;
        return !cleared_ && !dropped_.contains(id) && kept_.contains(id);
    }
    void add(const uuid& id) { added_.insert(id); }
    void drop(const uuid& id) {
        added_.erase(id);
        dropped_.insert(id);
    }
    void clear() {
        added_.clear();
        cleared_ = true;
    }

private:
    const kept_erasures kept_;
    std::set<uuid> added_;
    std::set<uuid> dropped_;
    bool cleared_ = false;
};

// An event of the stream that is about a subject.
struct subject_statement {
    erasure_statement says;
    uuid id = {};
    std::uint64_t time_ms = 0;  // since 1970
    std::uint64_t position = 0;
};

// Total: one that contradicts what was before has no effect.
template <class Open>
void apply(const subject_statement& s, subject_erasure_row& row, Open& open) {
    if (s.says.what == erasure_statement::kind::subject) {
        row.erased = s.position;
        row.latest_ms = std::max(row.open == 0 ? 0 : row.latest_ms, s.time_ms);
        if (!open.contains(s.id)) ++row.open;
        open.add(s.id);
        return;
    }
    if (row.open == 0) return;
    if (s.says.id.is_nil()) {
        if (s.time_ms < row.latest_ms) return;
        open.clear();
        row.open = 0;
    } else {
        if (!open.contains(s.says.id)) return;
        open.drop(s.says.id);
        --row.open;
    }
    if (row.open == 0) row.readmitted = s.position;
}

// The row of a subject. Where an older idem has left it, without the erasures that are open, these
// are found in the log, as far as `known` goes.
subject_erasure_row find_erasures(storage::write_transaction& txn, storage::table t,
                                  const index_view& known, const std::string& subject);

}  // namespace idem
