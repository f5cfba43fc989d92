#include "causality/verify_origins.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "causality/origin_fold.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/pass.hpp"
#include "log/record_cursor.hpp"
#include "log/table_comparison.hpp"
#include "storage/cursor.hpp"
#include "storage/table_snapshot.hpp"

namespace idem {
namespace {

constexpr std::string_view remedy =
    "sync the store into a new one, which makes the table from the events";

// The fold of the whole log, beside the rows that are kept.
class replayed_origins {
public:
    replayed_origins(const storage::transaction& txn, const log_tables& tables)
        : known_(txn, tables),
          records_(txn, tables.log, storage::kept::no),
          env_(storage::environment::scratch(std::filesystem::temp_directory_path())) {
        write([](origin_fold&) {});  // makes the tables
    }

    // Of each event of `$local`.
    void add(const event_view& e) {
        const auto accepted = accepted_events(e);
        if (!accepted) {
            notes_.push_back(e.to_owned());
            if (notes_.size() >= limits::batch_events_max) notes_.clear();  // of no acceptance
            return;
        }
        const uuid own = e.stamp().origin;
        const std::uint64_t before = notes_.size() + *accepted;
        const encoded_batch notes = encode_recorded(notes_);
        write([&](origin_fold& rows) {
            if (before < e.position()) {
                const std::uint64_t first = e.position() - before;
                for (std::uint64_t i = 0; i < *accepted; ++i) {
                    rows.reach(event_at(records_, first + i).stamp(), own);
                }
            }
            for (std::size_t i = 0; i < notes.size(); ++i) rows.note(notes.view(i), own);
        });
        notes_.clear();
    }

    storage::environment& env() const noexcept { return *env_; }

private:
    template <class Work>
    void write(Work&& work) {
        storage::write(*env_, [&](storage::write_transaction& txn) {
            origin_fold rows(txn, [this](const uuid& id) { return known_.find_id(id); });
            work(rows);
        });
    }

    const index_view known_;
    record_cursor records_;
    const std::shared_ptr<storage::environment> env_;
    std::vector<recorded_event> notes_;  // that no acceptance has ended yet
};

void compare(const storage::transaction& txn, const std::optional<storage::table>& table,
             replayed_origins& replayed, std::string_view name, finding_list& found) {
    const auto right_table = replayed.env().find_table(name);
    const storage::read_transaction right_txn(replayed.env());
    storage::cursor right(right_txn, *right_table);
    std::optional<storage::cursor> kept;
    if (table) kept.emplace(txn, *table);
    const auto rows_of = [](storage::cursor& at) {
        return [&at, begun = false]() mutable {
            return std::exchange(begun, true) ? at.next() : at.first();
        };
    };
    const auto none = [] { return std::optional<storage::entry>(); };
    table_comparison(name, remedy, found)
        .run(kept ? table_comparison::next_row(rows_of(*kept)) : none, rows_of(right));
}

}  // namespace

void verify_origins(storage::environment& env, const log_tables& tables, finding_list& found) {
    const storage::table_snapshot in(env, {origins_table, stamps_table});
    const auto& txn = in.transaction();
    query of_notes;
    of_notes.stream = local_stream;
    const auto pass = make_pass(tables, of_notes);
    std::optional<replayed_origins> replayed;  // few stores have notes
    try {
        while (pass->run(txn, [&](const event_view& e) {
            if (!replayed) replayed.emplace(txn, tables);
            replayed->add(e);
            return !found.full();
        })) {
        }
    } catch (const error& e) {
        if (e.code() == errc::corrupt) return;  // the walk of the log has told of it
        throw;
    }
    if (!replayed && !in.table(0) && !in.table(1)) return;
    if (!replayed) replayed.emplace(txn, tables);
    compare(txn, in.table(0), *replayed, origins_table, found);
    compare(txn, in.table(1), *replayed, stamps_table, found);
}

}  // namespace idem
