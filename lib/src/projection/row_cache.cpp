#include "projection/row_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem {

using hash::operator+;
using hash::operator-;

row_hash hash_of_key(std::string_view key) noexcept {
    return hash::of_bytes(key);
}

cached_row& row_shard::at(std::string_view key, row_hash hash) {
    for (auto i = places_.newest(hash); i != index::chains::none; i = places_.before(i)) {
        if (rows_[i].key == key) return rows_[i];
    }
    if (key.empty() || key.size() > limits::row_key_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("a row's key has {} bytes; it has 1 to {}: {}", key.size(),
                                limits::row_key_bytes_max, text::shown(key)),
                    {.field = "key"});
    }
    assert(txn_ != nullptr);
    cached_row loaded;
    loaded.key = key;
    if (const auto bytes = txn_->get(table_, key)) {
        loaded.present = true;
        loaded.bytes = *bytes;
        loaded.stored = loaded.written = hash::of_row(key, *bytes);
    }
    loaded.counted_bytes = static_cast<std::uint32_t>(loaded.bytes.size());
    bytes_ += sizeof loaded + 4 * sizeof(void*) + key.size() + loaded.bytes.size();
    places_.push(hash);
    return rows_.emplace_back(std::move(loaded));
}

void row_shard::prefetch_row(row_hash hash) const noexcept {
    const auto i = places_.newest(hash);
    if (i == index::chains::none) return;
    const char* const row = reinterpret_cast<const char*>(&rows_[i]);
    for (std::size_t at = 0; at < sizeof(cached_row); at += 64) __builtin_prefetch(row + at);
}

void row_shard::prefetch_history(row_hash hash, int stage) const noexcept {
    const auto i = places_.newest(hash);
    if (i == index::chains::none || !rows_[i].history) return;
    const row_history& history = *rows_[i].history;
    if (stage == 0) return __builtin_prefetch(&history);
    if (history.empty()) return;
    const history_part& part = history.parts().back();
    if (stage == 1) return __builtin_prefetch(&part);
    __builtin_prefetch(part.touches.data() + part.touches.size());
}

void row_shard::touch(cached_row& r) {
    if (r.bytes.size() > limits::row_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("the row {} has {} bytes; the limit is {}", text::shown(r.key),
                                r.bytes.size(), limits::row_bytes_max),
                    {.field = "row"});
    }
    const std::size_t bytes = r.bytes.size() + (r.history ? r.history->bytes() : 0);
    if (bytes > r.counted_bytes) {
        bytes_ += bytes - r.counted_bytes;
        r.counted_bytes = static_cast<std::uint32_t>(std::min<std::size_t>(bytes, ~0U));
    }
    if (r.touched) return;
    r.touched = true;
    touched_.push_back(&r);
}

void row_shard::accept() noexcept {
    for (cached_row* r : touched_) {
        if (r->is_to_be_written()) r->stored = r->written;
        r->changed = false;
        if (r->history) r->history->note_written();
        r->touched = false;
    }
    touched_.clear();
    touches_ = 0;
}

row_history& row_shard::history_of(cached_row& r) {
    if (r.history) return *r.history;
    assert(txn_ != nullptr && undo_);
    auto history = std::make_unique<row_history>();
    if (auto newest = undo::read_newest(*txn_, *undo_, r.key)) {
        history->put_before(*std::move(newest));
    }
    r.history = std::move(history);
    return *r.history;
}

std::optional<history_part> row_shard::part_before(const cached_row& r) const {
    const std::uint32_t number = r.history->parts().front().number;
    if (number == 0) return std::nullopt;
    return undo::read(*txn_, *undo_, r.key, number - 1);
}

void row_shard::forget_history(cached_row& r) {
    for (const history_part& part : r.history->parts()) {
        touches_ -= static_cast<std::int64_t>(part.touches.size());
    }
    r.history->forget();
}

void row_shard::undo_touches(std::int64_t before) noexcept {
    touches_ = before;
    take_unsettled();
}

void row_shard::note_unsettled(cached_row& r) {
    if (r.unsettled) return;
    r.unsettled = true;
    unsettled_.push_back(&r);
}

std::vector<cached_row*> row_shard::take_unsettled() noexcept {
    for (cached_row* r : unsettled_) r->unsettled = false;
    return std::exchange(unsettled_, {});
}

void row_shard::clear() noexcept {
    touched_.clear();
    unsettled_.clear();
    touches_ = 0;
    rows_.clear();
    places_.clear();
    bytes_ = 0;
}

row_cache::row_cache(storage::table table, std::optional<storage::table> undo, std::size_t shards)
    : table_(table), undo_table_(undo) {
    shards_.reserve(shards);
    for (std::size_t i = 0; i < shards; ++i) shards_.emplace_back(table, undo);
    undo_touches_.resize(shards);
}

void row_cache::use(storage::table table, std::optional<storage::table> undo) noexcept {
    for (row_shard& s : shards_) s.use(table, undo);
    table_ = table;
    undo_table_ = undo;
    mark();
}

void row_cache::read_from(const storage::transaction* txn) noexcept {
    for (row_shard& s : shards_) s.read_from(txn);
}

std::pair<row_shard*, cached_row*> row_cache::place_of(std::string_view key) {
    const row_hash hash = hash_of_key(key);
    row_shard& s = shards_[shard_of(hash)];
    cached_row& r = s.at(key, hash);
    if (r.marked != mark_) {
        r.marked = mark_;
        auto history = r.history ? std::make_unique<row_history>(*r.history) : nullptr;
        undo_.push_back({&r, static_cast<const slot&>(r), std::move(history)});
    }
    return asked_.emplace_back(&s, &r);
}

const state_table::slot& row_cache::look_at(std::string_view key) {
    const row_hash hash = hash_of_key(key);
    return shards_[shard_of(hash)].at(key, hash);
}

void row_cache::mark() noexcept {
    ++mark_;
    undo_.clear();
    asked_.clear();
    for (std::size_t i = 0; i < shards_.size(); ++i) undo_touches_[i] = shards_[i].touches();
}

void row_cache::undo() noexcept {
    for (auto& u : undo_) {
        static_cast<slot&>(*u.row) = std::move(u.before);
        u.row->history = std::move(u.history);
    }
    for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i].undo_touches(undo_touches_[i]);
    mark();
}

void row_cache::check_touched() {
    if (asked_.size() > limits::rows_per_event_max) {
        throw error(errc::invalid_input,
                    fmt::format("the event asks for rows {} times; the limit is {}", asked_.size(),
                                limits::rows_per_event_max),
                    {.field = "row"});
    }
    for (const auto& [s, r] : asked_) s->touch(*r);
    asked_.clear();
}

state_digest row_cache::write(storage::write_transaction& txn) {
    std::vector<cached_row*> rows;
    for (const row_shard& s : shards_) {
        rows.insert(rows.end(), s.touched().begin(), s.touched().end());
    }
    std::erase_if(rows, [](const cached_row* r) { return !r->is_to_be_written(); });
    std::sort(rows.begin(), rows.end(),
              [](const cached_row* a, const cached_row* b) { return a->key < b->key; });
    const bool first = txn.stats(table_).entries == 0;  // then every row lies behind the last
    state_digest change;
    for (cached_row* r : rows) {
        if (r->history) undo::write(txn, *undo_table_, r->key, *r->history);
        if (!r->changed) {
            r->written = r->stored;
            continue;
        }
        if (r->present && first) {
            txn.append(table_, r->key, r->bytes);
        } else if (r->present) {
            txn.put(table_, r->key, r->bytes);
        } else {
            txn.erase(table_, r->key);
        }
        r->written = r->present ? hash::of_row(r->key, r->bytes) : state_digest{};
        change = change + r->written - r->stored;
    }
    return change;
}

void row_cache::accept() noexcept {
    for (row_shard& s : shards_) s.accept();
    mark();
}

void row_cache::clear() noexcept {
    for (row_shard& s : shards_) s.clear();
    mark();
}

std::size_t row_cache::touched() const noexcept {
    std::size_t rows = 0;
    for (const row_shard& s : shards_) rows += s.touched().size();
    return rows;
}

std::int64_t row_cache::touches() const noexcept {
    std::int64_t touches = 0;
    for (const row_shard& s : shards_) touches += s.touches();
    return touches;
}

std::size_t row_cache::bytes() const noexcept {
    std::size_t bytes = 0;
    for (const row_shard& s : shards_) bytes += s.bytes();
    return bytes;
}

}  // namespace idem
