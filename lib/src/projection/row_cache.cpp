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
    loaded.counted_bytes = loaded.bytes.size();
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

void row_shard::touch(cached_row& r) {
    if (r.bytes.size() > limits::row_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("the row {} has {} bytes; the limit is {}", text::shown(r.key),
                                r.bytes.size(), limits::row_bytes_max),
                    {.field = "row"});
    }
    if (r.bytes.size() > r.counted_bytes) {
        bytes_ += r.bytes.size() - r.counted_bytes;
        r.counted_bytes = r.bytes.size();
    }
    if (r.touched) return;
    r.touched = true;
    touched_.push_back(&r);
}

void row_shard::accept() noexcept {
    for (cached_row* r : touched_) {
        if (r->changed) r->stored = r->written;
        r->changed = false;
        r->touched = false;
    }
    touched_.clear();
}

void row_shard::clear() noexcept {
    touched_.clear();
    rows_.clear();
    places_.clear();
    bytes_ = 0;
}

void row_cache::use(storage::table table) noexcept {
    for (row_shard& s : shards_) s.use(table);
    table_ = table;
    mark();
}

void row_cache::read_from(const storage::transaction* txn) noexcept {
    for (row_shard& s : shards_) s.read_from(txn);
}

state_table::slot& row_cache::at(std::string_view key) {
    const row_hash hash = hash_of_key(key);
    row_shard& s = shards_[shard_of(hash)];
    cached_row& r = s.at(key, hash);
    if (r.marked != mark_) {
        r.marked = mark_;
        undo_.emplace_back(&r, static_cast<const slot&>(r));
    }
    asked_.emplace_back(&s, &r);
    return r;
}

const state_table::slot& row_cache::look_at(std::string_view key) {
    const row_hash hash = hash_of_key(key);
    return shards_[shard_of(hash)].at(key, hash);
}

void row_cache::mark() noexcept {
    ++mark_;
    undo_.clear();
    asked_.clear();
}

void row_cache::undo() noexcept {
    for (auto& [r, before] : undo_) static_cast<slot&>(*r) = std::move(before);
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
    std::erase_if(rows, [](const cached_row* r) { return !r->changed; });
    std::sort(rows.begin(), rows.end(),
              [](const cached_row* a, const cached_row* b) { return a->key < b->key; });
    const bool first = txn.stats(table_).entries == 0;  // then every row lies behind the last
    state_digest change;
    for (cached_row* r : rows) {
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

std::size_t row_cache::bytes() const noexcept {
    std::size_t bytes = 0;
    for (const row_shard& s : shards_) bytes += s.bytes();
    return bytes;
}

}  // namespace idem
