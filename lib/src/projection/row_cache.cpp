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

std::size_t row_cache::text_hash::operator()(std::string_view text) const noexcept {
    return hash::of_bytes(text);
}

row_cache::row& row_cache::load(std::string_view key) {
    if (const auto found = rows_.find(key); found != rows_.end()) return *found;
    if (key.empty() || key.size() > limits::row_key_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("a row's key has {} bytes; it has 1 to {}: {}", key.size(),
                                limits::row_key_bytes_max, text::shown(key)),
                    {.field = "key"});
    }
    assert(txn_ != nullptr);
    cached loaded;
    if (const auto bytes = txn_->get(table_, key)) {
        loaded.present = true;
        loaded.bytes = *bytes;
        loaded.stored = loaded.written = hash::of_row(key, *bytes);
    }
    bytes_ += sizeof(row) + 4 * sizeof(void*) + key.size() + loaded.bytes.size();
    return *rows_.emplace(key, std::move(loaded)).first;
}

state_table::slot& row_cache::at(std::string_view key) {
    row& r = load(key);
    if (r.second.marked != mark_) {
        r.second.marked = mark_;
        undo_.emplace_back(&r, static_cast<const slot&>(r.second));
    }
    return r.second;
}

void row_cache::mark() noexcept {
    ++mark_;
    undo_.clear();
}

void row_cache::undo() noexcept {
    for (auto& [r, before] : undo_) static_cast<slot&>(r->second) = std::move(before);
    mark();
}

void row_cache::check_touched() {
    for (const auto& [r, before] : undo_) {
        if (r->second.bytes.size() > limits::row_bytes_max) {
            throw error(
                errc::invalid_input,
                fmt::format("the row {} has {} bytes; the limit is {}", text::shown(r->first),
                            r->second.bytes.size(), limits::row_bytes_max),
                {.field = "row"});
        }
        if (r->second.bytes.size() > before.bytes.size()) {
            bytes_ += r->second.bytes.size() - before.bytes.size();
        }
        if (!r->second.touched) {
            r->second.touched = true;
            touched_.push_back(r);
        }
    }
}

state_digest row_cache::write(storage::write_transaction& txn) {
    std::sort(touched_.begin(), touched_.end(),
              [](const row* a, const row* b) { return a->first < b->first; });
    state_digest change;
    for (row* r : touched_) {
        cached& c = r->second;
        if (!c.changed) continue;
        if (c.present) {
            txn.put(table_, r->first, c.bytes);
            c.written = hash::of_row(r->first, c.bytes);
        } else {
            txn.erase(table_, r->first);
            c.written = {};
        }
        change = change + c.written - c.stored;
    }
    return change;
}

void row_cache::accept() noexcept {
    for (row* r : touched_) {
        if (r->second.changed) r->second.stored = r->second.written;
        r->second.changed = false;
        r->second.touched = false;
    }
    touched_.clear();
    mark();
}

void row_cache::clear() noexcept {
    undo_.clear();
    touched_.clear();
    rows_.clear();
    bytes_ = 0;
}

}  // namespace idem
