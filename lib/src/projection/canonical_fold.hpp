// Puts an event in its place among those that have touched a row.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "log/index.hpp"
#include "log/order_view.hpp"
#include "log/record.hpp"
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
    // Events about to be written, which the log does not have yet; they are not copied. And the
    // other stamps that notes among them tell of.
    void expect(std::span<const event_view> batch) noexcept {
        batch_ = batch;
        told_.clear();
    }
    void expect(std::uint64_t position, const stamp& other) { told_[position].push_back(other); }

    uuid id_at(std::uint64_t position);
    // Where an event stands by all that is known of its stamps.
    order_key key_at(std::uint64_t position);
    // All stamps of an event but that of its record.
    std::vector<stamp> other_stamps(std::uint64_t position) const;
    // The event as its projection reads it, with the stamp of its record, or the one by which a row
    // has it; valid until the next call of either. Throw too_late where that stamp is not known.
    event_view read(std::uint64_t position);
    event_view read(const row_touch& touch);

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
    std::map<std::uint64_t, std::vector<stamp>> told_;  // by position
    stamp least_;
    event_view::shown_payload shown_ = {{}, {}, 1};
    payload_arena arena_;
    unsealer unsealer_;
    bool unsealing_ = false;
};

struct fold_terms {
    std::uint64_t floor = 0;  // clock of the horizon
    bool walking = false;     // events come in canonical order, from the first on
};

// Applies the event, which has the stamp of that place, to a row, as if it and all that were
// applied before had come in canonical order. What stands behind it waits in the row's history
// until it is settled, so that of several late events the later ones cost little. Throws too_late.
void fold_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again);

// An event that the row has taken in came with another stamp: it goes to its new place, which is
// before that of before. Nothing where it stands there already. Throws too_late.
void move_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again);

// Applies what waits in the rows that were asked for since they were last settled.
void settle(const projection& p, row_shard& rows, event_again& again);

}  // namespace idem
