#include "projection/verify_projections.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "log/reader.hpp"
#include "projection/catalog.hpp"
#include "projection/kept_state.hpp"
#include "projection/row_history.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

using hash::operator+;

// The record as it was found; nullopt where a replay would tell nothing more.
std::optional<projection_record> check_rows(storage::environment& env, const log_tables& tables,
                                            std::uint64_t head, const projection_record& listed,
                                            finding_list& found) {
    const std::string subject = versioned(listed.name(), listed.version());
    const auto rows =
        env.find_table(state_table_name(listed.name(), listed.version(), listed.slot));
    const auto catalog = env.find_table(catalog_name);
    const storage::read_transaction txn(env);
    auto record = read_projection(txn, *catalog, catalog_key(listed.name(), listed.version()));
    if (!record || record->slot != listed.slot) return std::nullopt;  // dropped or rebuilt since
    // The head was read before; appends and inline projections may have gone on since.
    const std::uint64_t now = std::max(head, head_of(txn, tables));
    if (record->checkpoint > now) {
        found.add({"checkpoint", record->checkpoint, subject,
                   fmt::format("projection {} has applied position {}, beyond the log's last, {}; "
                               "restore a backup",
                               subject, record->checkpoint, now)});
        return std::nullopt;
    }
    const state_digest actual = rows ? digest_of_rows(txn, *rows) : state_digest{};
    if (actual == record->digest) return record;
    found.add(
        {"state_digest", record->checkpoint, subject,
         fmt::format("the rows of projection {} do not match the digest of their last commit: "
                     "{} instead of {}; replay it under a new version",
                     subject, to_string(actual), to_string(record->digest))});
    return std::nullopt;
}

// That an event which comes late can be put in its place.
void check_undo(storage::environment& env, const projection_record& listed, finding_list& found) {
    const auto table =
        env.find_table(undo_table_name(listed.name(), listed.version(), listed.slot));
    if (!table) return;
    const std::string subject = versioned(listed.name(), listed.version());
    const storage::read_transaction txn(env);
    storage::cursor cursor(txn, *table);
    std::uint64_t damaged = 0;
    std::uint64_t left = txn.stats(*table).entries;  // damaged pages may lead in a circle
    for (auto entry = cursor.first(); entry && left > 0; entry = cursor.next(), --left) {
        if (!undo::decode(entry->first, entry->second)) ++damaged;
    }
    if (damaged == 0) return;
    found.add(
        {"undo_damaged", listed.checkpoint, subject,
         fmt::format("{} entries that take rows of projection {} back are damaged; rebuild it",
                     damaged, subject)});
}

void compare_with_replay(const event_source& source, const projection& p,
                         const projection_record& record, finding_list& found) {
    const std::string subject = versioned(record.name(), record.version());
    if (record.walk_to != 0) return;      // the rows of no set of events yet
    if (!record.skipped.empty()) return;  // a replay would not skip what a person did
    if (!staleness(record, identity_of(p, *source.schemas->get())).empty()) return;  // other code
    try {
        const state replayed = replay_log(source, p, record.checkpoint, 0);
        if (replayed.digest() == record.digest) return;
    } catch (const error& e) {
        if (e.code() == errc::corrupt) return;  // the walk of the log has told of it
        if (e.code() != errc::handler_failed) throw;
    }
    found.add(
        {"state_mismatch", record.checkpoint, subject,
         fmt::format("the rows of projection {} differ from a replay of the log up to {}: the "
                     "fold has changed without a new version, or is not pure",
                     subject, record.checkpoint)});
}

}  // namespace

void verify_projections(const event_source& source, std::uint64_t head,
                        const verify_options& options, finding_list& found) {
    const auto& env = source.env;
    const auto catalog = env->find_table(catalog_name);
    std::vector<projection_record> records;
    {
        const storage::read_transaction txn(*env);
        records = list_projections(txn, *catalog);
    }
    for (const projection_record& listed : records) {
        if (found.full()) return;
        const auto record = check_rows(*env, source.tables, head, listed, found);
        check_undo(*env, listed, found);
        if (!record) continue;
        const auto given = std::find_if(
            options.projections.begin(), options.projections.end(), [&](const projection& p) {
                return p.name == record->name() && p.version == record->version();
            });
        // Without keys a replay would not see what the rows were made of.
        if (given != options.projections.end() && found.sealed_events() == 0) {
            compare_with_replay(source, *given, *record, found);
        }
    }
}

}  // namespace idem
