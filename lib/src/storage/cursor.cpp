#include "storage/cursor.hpp"

#include <string>
#include <vector>

#include "storage/handles.hpp"

namespace idem::storage {

cursor::cursor(const transaction& txn, table t, kept k) : transaction_(&txn), kept_(k) {
    check(txn.owner().internals(), mdb_cursor_open(txn.raw(), t.raw(), &handle_),
          "opening a cursor");
}

cursor::~cursor() {
    mdb_cursor_close(handle_);
}

std::optional<entry> cursor::move(std::string_view key, int operation) {
    MDB_val found = to_val(key);
    MDB_val value{};
    const int code = mdb_cursor_get(handle_, &found, &value, static_cast<MDB_cursor_op>(operation));
    if (code == MDB_NOTFOUND) return std::nullopt;
    check(transaction_->owner().internals(), code, "moving a cursor");
    if (kept_ == kept::no) transaction_->note_read(to_view(value));
    return entry{to_view(found), to_view(value)};
}

std::optional<entry> cursor::first() {
    return move({}, MDB_FIRST);
}
std::optional<entry> cursor::last() {
    return move({}, MDB_LAST);
}
std::optional<entry> cursor::next() {
    return move({}, MDB_NEXT);
}
std::optional<entry> cursor::previous() {
    return move({}, MDB_PREV);
}
std::optional<entry> cursor::seek(std::string_view key) {
    return move(key, MDB_SET_RANGE);
}

std::optional<entry> cursor::seek(std::uint64_t key) {
    return seek(std::string_view(reinterpret_cast<const char*>(&key), sizeof key));
}

bool erase_some(write_transaction& txn, table t, std::string_view prefix, std::size_t max) {
    std::vector<std::string> keys;
    {
        cursor found(txn, t);
        for (auto next = prefix.empty() ? found.first() : found.seek(prefix);
             next && next->first.starts_with(prefix) && keys.size() < max; next = found.next()) {
            keys.emplace_back(next->first);
        }
    }
    for (const auto& key : keys) txn.erase(t, key);
    return keys.size() == max;
}

}  // namespace idem::storage
