#include "log/order_index.hpp"

#include <algorithm>

#include "idem/error.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

constexpr std::uint64_t events_of_a_transaction = 4096;  // that pins what it reads

std::uint64_t covered_by(storage::environment& env, const std::optional<storage::table>& order) {
    if (!order) return 0;
    const storage::read_transaction txn(env);
    const auto head = read_order_head(txn, *order);
    return head ? head->covered : 0;
}

// The events behind `above` up to `position` or the head, at most so many. Returns the last.
std::uint64_t derive(storage::environment& env, const log_tables& tables, order_derivation& derived,
                     std::uint64_t above, std::uint64_t position, std::uint64_t events_max) {
    const std::uint64_t stop = above + std::min(events_max, position - above);
    while (above < stop) {
        const storage::read_transaction txn(env);
        const index_view known(txn, tables);
        const std::uint64_t end = std::min({stop, known.head(), above + events_of_a_transaction});
        if (end <= above) break;
        record_cursor records(txn, tables.log, storage::kept::no);
        while (above < end) {
            derived.add(txn, known, event_at(records, above + 1));
            ++above;
        }
    }
    return above;
}

// False: somebody else has taken them in meanwhile.
bool write_slice(storage::environment& env, std::span<const order_item> items, std::uint64_t above,
                 std::uint64_t up_to, const order_pace& pace) {
    bool written = false;
    storage::write(env, [&](storage::write_transaction& txn) {
        const storage::table order = txn.open_table(order_name);
        auto head = read_order_head(txn, order);
        written = (head ? head->covered : 0) == above;
        if (!written) return;
        if (!head) {
            txn.clear_table(order);  // of another version
            head = order_head{.chunk_bytes_max = pace.chunk_bytes_max};
        }
        insert_items(txn, order, items, head->chunk_bytes_max);
        head->covered = up_to;
        write_order_head(txn, order, *head);
    });
    return written;
}

}  // namespace

std::optional<storage::table> find_order_table(storage::environment& env) {
    return env.find_table(order_name);
}

void order_derivation::add(const storage::transaction& txn, const index_view& known,
                           const event_view& e) {
    if (e.stream() != local_stream) {
        items_.push_back({key_of_item(hasher_.of(e), e.stamp()), e.position()});
        return;
    }
    notes_->each_in(e, [&](const uuid& id, const other_stamp& other) {
        const auto position = known.find_id(id);
        if (!position) return;  // the note is of an event that is not here
        const item_key key = key_of_item(other.content, other.stamp);
        const event_view first = record_at(txn, *tables_, *position);
        const item_key own = key_of_item(hasher_.of(first), first.stamp());
        items_.push_back({own, *position, order_item::one_of_several});
        if (key == own) return;
        items_.push_back({key, *position, order_item::other_stamp | order_item::one_of_several});
    });
}

void order_derivation::sort() {
    std::sort(items_.begin(), items_.end(),
              [](const order_item& a, const order_item& b) { return a.key < b.key; });
    std::size_t kept = 0;
    for (std::size_t i = 1; i < items_.size(); ++i) {
        if (items_[i].key == items_[kept].key) {
            items_[kept].marks |= items_[i].marks;
        } else {
            items_[++kept] = items_[i];
        }
    }
    if (!items_.empty()) items_.resize(kept + 1);
}

storage::table bring_up_to(storage::environment& env, const log_tables& tables,
                           std::uint64_t position, const stamp_notes& notes,
                           const order_pace& pace) {
    for (;;) {
        const auto order = find_order_table(env);
        const std::uint64_t covered = covered_by(env, order);
        if (order && covered >= position) return *order;
        order_derivation derived(tables, notes);
        const std::uint64_t reached =
            derive(env, tables, derived, covered, position, pace.slice_events);
        if (order && reached == covered) return *order;  // that was the head
        derived.sort();
        write_slice(env, derived.items(), covered, reached, pace);
    }
}

void keep_order_up(storage::write_transaction& txn, const log_tables& tables, storage::table order,
                   const index_view& known, const indexed_events& added, const stamp_notes& notes,
                   const order_pace& pace) {
    auto head = read_order_head(txn, order);
    const std::uint64_t last = added.head + added.ids.size();
    if (!head || last <= head->covered || last - head->covered <= pace.lag_max) return;
    const std::uint64_t end = std::min(last, head->covered + added.ids.size() + pace.step_events);
    order_derivation derived(tables, notes);
    record_cursor records(txn, tables.log, storage::kept::no);
    for (std::uint64_t position = head->covered + 1; position <= end; ++position) {
        const auto record = records.at(position);
        const auto e = record ? record_reader::open_if_sound(*record, position) : std::nullopt;
        if (!e) return;
        derived.add(txn, known, *e);
    }
    derived.sort();
    insert_items(txn, order, derived.items(), head->chunk_bytes_max);
    head->covered = end;
    write_order_head(txn, order, *head);
}

}  // namespace idem
