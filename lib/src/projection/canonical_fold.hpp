// Puts an event in its place among those that have touched a row.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "log/index.hpp"
#include "log/order_view.hpp"
#include "projection/row_cache.hpp"
#include "schema/payload_reader.hpp"

namespace idem {

// Reads events of the log once more, for rows that are made of them again. One thread at a time.
class event_again {
public:
    event_again(const log_tables& tables, const payload_reader* payloads, const stamp_notes& notes)
        : tables_(&tables),
          payloads_(payloads),
          notes_(&notes),
          unsealer_(tables.subjects, &arena_) {}

    // Where from; nullptr while there is none.
    void read_from(const storage::transaction* txn);
    const storage::transaction* transaction() const noexcept { return txn_; }
    struct reading {
        reading(event_again& who, const storage::transaction* txn) : again(who) {
            again.read_from(txn);
        }
        ~reading() {
            again.read_from(nullptr);
            again.expect({});
        }
        reading(const reading&) = delete;
        reading& operator=(const reading&) = delete;
        event_again& again;
    };
    // Events about to be written, which the log does not have yet; they are not copied.
    void expect(std::span<const event_view> batch) noexcept { batch_ = batch; }

    uuid id_at(std::uint64_t position);
    // Where an event stands by all that is known of its stamps.
    order_key key_at(std::uint64_t position);
    // The event as its projection reads it; valid until the next call.
    event_view read(std::uint64_t position);

private:
    bool is_expected(std::uint64_t position) const noexcept {
        return !batch_.empty() && position >= batch_.front().position();
    }
    event_view find(std::uint64_t position);

    const log_tables* tables_;
    const payload_reader* payloads_;
    const stamp_notes* notes_;
    const storage::transaction* txn_ = nullptr;
    std::optional<record_cursor> records_;
    std::span<const event_view> batch_;
    payload_arena arena_;
    unsealer unsealer_;
    bool unsealing_ = false;
};

struct fold_terms {
    std::uint64_t floor = 0;  // clock of the horizon
    bool walking = false;     // events come in canonical order, from the first on
};

// Applies the event to a row, as if it and all that were applied before had come in canonical
// order. What stands behind it waits in the row's history until it is settled, so that of several
// late events the later ones cost little. Throws too_late.
void fold_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again);

// An event that the row has taken in came with another stamp: it goes to its new place, which is
// before that of before. Nothing where it stands there already. Throws too_late.
void move_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again);

// Applies what waits in the rows that were asked for since they were last settled.
void settle(const projection& p, row_shard& rows, event_again& again);

}  // namespace idem
