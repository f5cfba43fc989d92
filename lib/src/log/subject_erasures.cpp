#include "log/subject_erasures.hpp"

#include <vector>

#include "base/clock.hpp"

namespace idem {

bool kept_erasures::contains(const uuid& id) const {
    return subject_rows::is_open(txn_, table_, subject_, id);
}
void kept_erasures::add(const uuid& id) {
    subject_rows::add_open(txn_, table_, subject_, id);
}
void kept_erasures::drop(const uuid& id) {
    subject_rows::drop_open(txn_, table_, subject_, id);
}
void kept_erasures::clear() {
    for (const auto& id : subject_rows::open_erasures(txn_, table_, subject_)) drop(id);
}

subject_erasure_row find_erasures(storage::write_transaction& txn, storage::table t,
                                  const index_view& known, const std::string& subject) {
    subject_erasure_row row = subject_rows::erasure_of(txn, t, subject);
    if (!row.is_erased() || row.open != 0) return row;
    std::vector<subject_statement> statements;  // what is written moves what is read in place
    known.forwards(erasures_stream, 1, [&](const event_view& e) {
        auto says = read_erasure(e.type(), e.data());
        if (says && says->what != erasure_statement::kind::event && says->subject == subject) {
            statements.push_back(
                {*std::move(says), e.id(), wall_clock::milliseconds_of(e.time()), e.position()});
        }
        return true;
    });
    row = {};
    kept_erasures open(txn, t, subject);
    for (const auto& s : statements) apply(s, row, open);
    subject_rows::put_erasure(txn, t, subject, row);
    return row;
}

}  // namespace idem
