#include "causality/origin_tables.hpp"

#include <cstring>

#include "causality/origin_fold.hpp"
#include "idem/limits.hpp"
#include "storage/cursor.hpp"

namespace idem {

origin_tables::origin_tables(storage::environment& env)
    : origins_(env.find_table(origins_table)),
      stamps_(env.find_table(stamps_table)),
      parked_(env.find_table(parked_table)) {}

origin_tables::origin_tables(storage::write_transaction& txn)
    : origins_(txn.open_table(origins_table)),
      stamps_(txn.open_table(stamps_table)),
      parked_(txn.open_table(parked_table)) {}

std::optional<origin_row> origin_tables::origin(const storage::transaction& txn,
                                                const uuid& origin) const {
    const auto row = origins_ ? txn.peek(*origins_, origin_key(origin)) : std::nullopt;
    return row ? std::optional(read_origin_row(*row)) : std::nullopt;
}

std::map<uuid, origin_row> origin_tables::origins(const storage::transaction& txn) const {
    std::map<uuid, origin_row> all;
    if (!origins_) return all;
    storage::cursor rows(txn, *origins_);
    for (auto row = rows.first(); row; row = rows.next()) {
        uuid origin;
        if (row->first.size() != origin.bytes.size()) continue;
        std::memcpy(origin.bytes.data(), row->first.data(), row->first.size());
        all[origin] = read_origin_row(row->second);
    }
    return all;
}

std::vector<other_stamp> origin_tables::stamps(const storage::transaction& txn,
                                               std::uint64_t position) const {
    const auto row = stamps_ ? txn.peek(*stamps_, stamps_key(position)) : std::nullopt;
    return row ? read_stamps_row(*row) : std::vector<other_stamp>();
}

std::optional<std::string> origin_tables::parked(const storage::transaction& txn,
                                                 const parked_key& key) const {
    const auto row = parked_ ? txn.peek(*parked_, to_bytes(key)) : std::nullopt;
    return row ? std::optional<std::string>(*row) : std::nullopt;
}

std::vector<std::pair<parked_key, std::string>> origin_tables::all_parked(
    const storage::transaction& txn) const {
    std::vector<std::pair<parked_key, std::string>> all;
    if (!parked_) return all;
    storage::cursor rows(txn, *parked_);
    for (auto row = rows.first(); row && all.size() < limits::parked_max; row = rows.next()) {
        if (const auto key = parked_key_of(row->first)) all.emplace_back(*key, row->second);
    }
    return all;
}

std::uint64_t origin_tables::parked_count(const storage::transaction& txn) const {
    return parked_ ? txn.stats(*parked_).entries : 0;
}

void origin_tables::park(storage::write_transaction& txn, const parked_key& key,
                         std::string_view event) const {
    txn.put(*parked_, to_bytes(key), event);
}

void origin_observer::batch(const open_log& log, std::span<const event_view> events) {
    // Whatever came from elsewhere ends with a note of this store.
    if (events.empty() || events.back().stream() != local_stream) return;
    const uuid own = events.back().stamp().origin;
    origin_fold rows(log.txn, [&](const uuid& id) {
        for (const auto& e : events) {
            if (e.id() == id) return std::optional(e.position());
        }
        return log.known.find_id(id);
    });
    for (const auto& e : events) {
        rows.reach(e.stamp(), own);
        rows.note(e, own);
    }
}

// Tables that are there are looked for now: a transaction sees none that is found after it began.
noted_stamps::noted_stamps(storage::environment& env) : env_(env) {
    const origin_tables found(env);
}

void noted_stamps::each_in(const event_view& note, const visit_stamp& visit) const {
    if (const auto noted = read_note(note, stamp_noted_type)) visit(noted->id, noted->other);
}

std::vector<other_stamp> noted_stamps::of(const storage::transaction& txn,
                                          std::uint64_t position) const {
    return origin_tables(env_).stamps(txn, position);
}

}  // namespace idem
