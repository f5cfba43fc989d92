#include "idempotency/row_tail.hpp"

#include <utility>

namespace idem {

const std::optional<std::string>* row_tail::find(std::string_view key) const {
    const auto found = rows_.find(key);
    return found == rows_.end() ? nullptr : &found->second;
}

void row_tail::set(std::string_view key, std::optional<std::string> row) {
    auto found = rows_.lower_bound(key);
    if (found == rows_.end() || found->first != key) {
        found = rows_.emplace_hint(found, key, std::nullopt);
        bytes_ += key.size();
    }
    if (found->second) bytes_ -= found->second->size();
    if (row) bytes_ += row->size();
    found->second = std::move(row);
}

void row_tail::begin_at(std::uint64_t mark) {
    rows_.clear();
    bytes_ = 0;
    events_ = 0;
    mark_ = mark;
    through_ = mark;
}

void row_tail::write_to(storage::write_transaction& txn, storage::table table) {
    for (const auto& [key, row] : rows_) {
        if (row) {
            txn.put(table, key, *row);
        } else {
            txn.erase(table, key);
        }
    }
    begin_at(through_);
}

row_walk::row_walk(const storage::transaction& txn, storage::table table, const row_tail* tail,
                   std::string_view from)
    : table_(txn, table), below_(from.empty() ? table_.first() : table_.seek(from)) {
    static const row_tail::changes none;
    const auto& changes = tail ? tail->rows() : none;
    above_ = changes.lower_bound(from);
    above_end_ = changes.end();
}

std::optional<storage::entry> row_walk::next() {
    while (above_ != above_end_ && (!below_ || above_->first <= below_->first)) {
        if (below_ && above_->first == below_->first) below_ = table_.next();
        const auto& [key, row] = *above_++;
        if (row) return storage::entry(key, *row);
    }
    const auto found = below_;
    if (found) below_ = table_.next();
    return found;
}

}  // namespace idem
