#include "log/verify_order.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "log/pass.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

constexpr std::string_view rebuild_advice = "export the store and import it into a new one";

}  // namespace

order_verifier::order_verifier(storage::environment& env, const log_tables& tables,
                               finding_list& found, const stamp_notes& notes)
    : env_(env),
      tables_(tables),
      found_(found),
      notes_(notes),
      order_(find_order_table(env)),
      derived_(tables_, notes) {
    if (!order_) return;
    const storage::read_transaction txn(env);
    try {
        if (const auto head = read_order_head(txn, *order_)) {
            covered_ = head->covered;
        } else {
            order_.reset();  // of another version, which is made anew when it is needed
        }
    } catch (const error& e) {
        if (e.code() != errc::corrupt) throw;
        damaged(e.what());
    }
}

void order_verifier::damaged(const std::string& message) {
    if (told_) return;  // one damage shows in many ways
    told_ = true;
    found_.add(
        {"index_damaged", std::nullopt, "order",
         fmt::format("the index of canonical order is damaged: {}; {}", message, rebuild_advice)});
}

bool order_verifier::check(const storage::transaction& txn, const index_view& known,
                           const event_view& e) {
    if (!order_ || told_ || e.position() > covered_) return true;
    if (e.stream() != local_stream) ++events_;
    derived_.items().clear();
    bool here = true;
    try {
        derived_.add(txn, known, e);
        order_rows rows(txn, *order_);
        for (const order_item& wanted : derived_.items()) {
            const auto found = rows.find(wanted.key);
            here = here && found && found->position == wanted.position &&
                   (found->marks & wanted.marks) == wanted.marks;
        }
    } catch (const error& fault) {
        if (fault.code() != errc::corrupt) throw;
        damaged(fault.what());
        return false;
    }
    if (here) return true;
    found_.add({"order_missing", e.position(), to_string(e.id()),
                fmt::format("the event of position {} is not where it should be in the index of "
                            "canonical order; {}",
                            e.position(), rebuild_advice)});
    return false;
}

// An item of another stamp must be one that the event has.
bool order_verifier::check_other(const storage::transaction& txn, const order_item& item) {
    const auto others = notes_.of(txn, item.position);
    return std::any_of(others.begin(), others.end(), [&](const other_stamp& other) {
        return key_of_item(other.content, other.stamp) == item.key;
    });
}

bool order_verifier::check_row(const storage::transaction& txn, const order_rows::row& row) {
    if (!row.chunk.checksum_holds()) {
        damaged(fmt::format("the chunk of clock {} does not match its checksum", row.low.clock));
        return false;
    }
    item_range sum;
    item_key before;
    for (std::size_t i = 0; i < row.chunk.size(); ++i) {
        const order_item item = row.chunk.item(i);
        const bool rises = i == 0 ? item.key >= row.low : item.key > before;
        if (!rises || item.key >= row.next) {
            damaged(fmt::format("the items of the chunk of clock {} do not rise", row.low.clock));
            return false;
        }
        before = item.key;
        sum.add(item.key.hash);
        if (item.position > covered_) continue;
        if ((item.marks & order_item::other_stamp) == 0) {
            ++items_;
        } else if (!check_other(txn, item)) {
            damaged(
                fmt::format("position {} has no stamp of clock {}", item.position, item.key.clock));
            return false;
        }
    }
    if (row.sum == sum) return true;
    damaged(
        fmt::format("the sum of the chunk of clock {} is not that of its items", row.low.clock));
    return false;
}

void order_verifier::check_rows() {
    std::optional<item_key> from = item_key::lowest();
    while (from && !told_ && !found_.full()) {
        const storage::read_transaction txn(env_);
        const order_rows rows(txn, *order_);
        item_key next = *from;
        from.reset();
        read_slice slice;
        rows.each_row(next, [&](const order_rows::row& row) {
            if (row.low < next) return true;  // seen, and has grown since
            if (!check_row(txn, row)) return false;
            next = row.next;
            if (!slice.over()) return true;
            if (next != item_key::end()) from = next;
            return false;
        });
    }
}

void order_verifier::finish() {
    if (!order_ || told_) return;
    try {
        check_rows();
        const storage::read_transaction txn(env_);
        const order_rows rows(txn, *order_);
        std::uint64_t chunks = 0;
        if (!told_) {
            rows.each_row(item_key::lowest(), [&](const order_rows::row&) {
                ++chunks;
                return true;
            });
            if (rows.rows() != 2 * chunks + 1) damaged("it has rows that belong to no chunk");
        }
    } catch (const error& e) {
        if (e.code() != errc::corrupt) throw;
        damaged(e.what());
    }
    if (told_ || !sound_ || items_ == events_) return;
    damaged(fmt::format("up to position {} the log has {} events, and it has {}", covered_, events_,
                        items_));
}

}  // namespace idem
