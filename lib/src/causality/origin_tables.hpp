// The tables of what came from elsewhere: how far each origin is known, the other stamps of events,
// and the events that wait for one before them.
//
// The first two are folds of the log: of the stamps of its records, and of the notes in "$local".
// A parked event is not in the log yet; the store that sent it has it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "causality/origin_rows.hpp"
#include "log/appender.hpp"
#include "log/order_item.hpp"

namespace idem {

// As they stand in a transaction. Empty where a table is not there yet.
class origin_tables {
public:
    // For transactions that begin later.
    explicit origin_tables(storage::environment& env);
    explicit origin_tables(storage::write_transaction& txn);  // makes them

    std::optional<origin_row> origin(const storage::transaction& txn, const uuid& origin) const;
    std::map<uuid, origin_row> origins(const storage::transaction& txn) const;
    std::vector<other_stamp> stamps(const storage::transaction& txn, std::uint64_t position) const;

    std::optional<std::string> parked(const storage::transaction& txn, const parked_key& key) const;
    // Bytes of all that are parked are bounded by limits::parked_max rows.
    std::vector<std::pair<parked_key, std::string>> all_parked(
        const storage::transaction& txn) const;
    std::uint64_t parked_count(const storage::transaction& txn) const;

    void park(storage::write_transaction& txn, const parked_key& key, std::string_view event) const;

private:
    std::optional<storage::table> origins_;
    std::optional<storage::table> stamps_;
    std::optional<storage::table> parked_;
};

// Takes accepted events into the tables, in their commit.
class origin_observer final : public append_observer {
public:
    void begin(storage::write_transaction&) override {}
    void batch(const open_log& log, std::span<const event_view> events) override;
    void finish(storage::write_transaction&) override {}
};

// Other stamps, as order index and canonical order ask for them.
class noted_stamps final : public stamp_notes {
public:
    explicit noted_stamps(storage::environment& env);
    void each_in(const event_view& note, const visit_stamp& visit) const override;
    std::vector<other_stamp> of(const storage::transaction& txn,
                                std::uint64_t position) const override;

private:
    storage::environment& env_;
};

}  // namespace idem
