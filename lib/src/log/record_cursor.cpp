#include "log/record_cursor.hpp"

#include <algorithm>

namespace idem {
namespace {

constexpr std::size_t line_bytes = 64;

void prefetch(std::string_view record) {
    constexpr std::size_t bytes_max = 1024;
    for (std::size_t at = 0; at < std::min(record.size(), bytes_max); at += line_bytes) {
        __builtin_prefetch(record.data() + at);
    }
    if (!record.empty()) __builtin_prefetch(&record.back());  // the checksum, which is read first
}

// LMDB fills a page from its end, so the next block of few records lies just before this one, and
// is about as long. To ask for it now hides most of the wait for memory; a wrong guess costs
// nothing.
void prefetch_next(std::string_view block) {
    constexpr std::size_t shared_bytes_max = 2048;  // longer ones have pages of their own
    if (block.size() > shared_bytes_max) return;
    const char* const next = block.data() - block.size();
    for (std::size_t at = 0; at < std::min<std::size_t>(block.size(), 1024); at += line_bytes) {
        __builtin_prefetch(next + at);
    }
}

}  // namespace

log_extent extent_of(const storage::transaction& txn, storage::table log) {
    const auto measured = txn.stats(log);
    log_extent extent;
    extent.blocks = measured.entries;
    extent.bytes = measured.bytes;
    extent.page_bytes = measured.page_bytes;
    storage::cursor cursor(txn, log, storage::kept::yes);
    const auto entry = cursor.last();
    if (!entry) {
        extent.absent = extent.blocks;
        return extent;
    }
    const std::uint64_t key = storage::integer_key(entry->first);
    extent.last = key;
    const auto block = block_view::open(entry->second);
    if (!block) {
        extent.absent = 1;
        return extent;
    }
    extent.last = std::max(key + block->size() - 1, block->last());
    const auto blocks = static_cast<std::uint32_t>(extent.blocks);
    extent.absent = std::max(blocks, block->ordinal()) - std::min(blocks, block->ordinal());
    if (key != block->first()) extent.absent = std::max<std::uint64_t>(extent.absent, 1);
    return extent;
}

std::optional<std::string_view> record_cursor::at(std::uint64_t position) {
    if (!block_ || changes_ != txn_->changes() || !block_->holds(position)) go_to(position);
    if (!block_ || !block_->holds(position)) return std::nullopt;
    return block_->record(position);
}

void record_cursor::go_to(std::uint64_t position) {
    const bool here = block_ && changes_ == txn_->changes();
    changes_ = txn_->changes();
    if (here && position == block_->last() + 1) {
        take(cursor_.next());
        if (block_) return;
    } else if (here && position + 1 == block_->first()) {
        take(cursor_.previous());
        if (block_) return;
    }
    take(entry_of(position));
}

// The block that holds the position if any does.
std::optional<storage::entry> record_cursor::entry_of(std::uint64_t position) {
    const auto entry = cursor_.seek(position);
    if (!entry) return cursor_.last();
    return storage::integer_key(entry->first) > position ? cursor_.previous() : entry;
}

void record_cursor::find(std::span<wanted> records) {
    block_.reset();
    for (wanted& w : records) {
        const auto entry = entry_of(w.position);
        if (!entry) continue;
        w.record = entry->second;
        block_view::prefetch(w.record, w.position - storage::integer_key(entry->first));
    }
    for (wanted& w : records) {
        const auto block = block_view::open(w.record);
        w.record =
            block && block->holds(w.position) ? block->record(w.position) : std::string_view();
        prefetch(w.record);
    }
}

void record_cursor::take(const std::optional<storage::entry>& entry) {
    block_.reset();
    if (!entry) return;
    block_ = block_view::open(entry->second);
    if (block_ && block_->first() != storage::integer_key(entry->first)) block_.reset();
    if (block_) prefetch_next(entry->second);
}

}  // namespace idem
