#include "projection/row_history.hpp"

#include <fmt/format.h>

#include <cstring>
#include <iterator>
#include <type_traits>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::uint32_t newest = 0xffffffffU;
struct entry_head {
    std::uint64_t checksum;
    std::uint32_t number;
    std::uint16_t touches;
    std::uint8_t present;
    std::uint8_t reserved;
    std::uint32_t row_bytes;
};
constexpr std::size_t head_bytes = 20;  // without what the compiler adds

// Numbers and touches, one behind the other.
class touch_writer {
public:
    explicit touch_writer(std::string& to) : to_(to) {}
    void add(const row_touch& t) {
        number(t.clock - last_.clock);
        const bool less = t.position < last_.position;
        const std::uint64_t distance =
            less ? last_.position - t.position : t.position - last_.position;
        number(distance << 1 | (less ? 1U : 0U));
        const bool same = t.origin == last_.origin;
        to_ += same ? '\0' : '\1';
        if (!same) to_.append(reinterpret_cast<const char*>(&t.origin), sizeof t.origin);
        last_ = t;
    }

private:
    void number(std::uint64_t n) {
        for (; n >= 0x80; n >>= 7) to_ += static_cast<char>(n | 0x80);
        to_ += static_cast<char>(n);
    }
    std::string& to_;
    row_touch last_;
};

class touch_reader {
public:
    explicit touch_reader(std::string_view from) : from_(from) {}
    // Nullopt: there is none.
    std::optional<row_touch> next() {
        row_touch t = last_;
        t.clock += number();
        const std::uint64_t distance = number();
        t.position += (distance & 1) != 0 ? 0 - (distance >> 1) : distance >> 1;
        if (byte() != 0) {
            if (from_.size() < sizeof t.origin) return std::nullopt;
            std::memcpy(&t.origin, from_.data(), sizeof t.origin);
            from_.remove_prefix(sizeof t.origin);
        }
        if (!sound_) return std::nullopt;
        last_ = t;
        return t;
    }

private:
    std::uint8_t byte() {
        sound_ = sound_ && !from_.empty();
        if (!sound_) return 0;
        const auto b = static_cast<std::uint8_t>(from_.front());
        from_.remove_prefix(1);
        return b;
    }
    std::uint64_t number() {
        std::uint64_t n = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint8_t b = byte();
            n |= std::uint64_t{b & 0x7fU} << shift;
            if (b < 0x80) return n;
        }
        sound_ = false;
        return 0;
    }
    std::string_view from_;
    bool sound_ = true;
    row_touch last_;
};
static_assert(sizeof(uuid) == 16 && std::is_trivially_copyable_v<uuid>);

std::string key_of(std::string_view row_key, std::uint32_t number) {
    std::string key;
    key.reserve(row_key.size() + 6);
    key += static_cast<char>(row_key.size() >> 8);
    key += static_cast<char>(row_key.size());
    key += row_key;
    for (int shift = 24; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
    return key;
}

std::uint64_t checksum_of(std::string_view key, std::string_view value) {
    return hash::of_bytes(value.substr(sizeof(std::uint64_t)), hash::of_bytes(key));
}

std::optional<history_part> read_entry(const storage::transaction& txn, storage::table table,
                                       std::string_view row_key, std::uint32_t number) {
    const std::string key = key_of(row_key, number);
    const auto value = txn.get(table, key);
    if (!value) return std::nullopt;
    auto part = undo::decode(key, *value);
    if (part) return part;
    throw too_late{
        fmt::format("what is kept to take the row {} back is damaged", text::shown(row_key))};
}

}  // namespace

void row_history::add(const row_touch& touch, const state_table::slot& before) {
    if (parts_.empty() || parts_.back().touches.size() == history_part::touches_max) {
        // The part so far is written once more: it is not the newest any longer.
        if (!parts_.empty()) {
            parts_.back().changed = true;
            next_number_ = parts_.back().number + 1;
        }
        history_part part;
        part.number = next_number_;
        part.present = before.present;
        part.row = before.bytes;
        bytes_ += sizeof part + part.row.size() + history_part::touches_max * sizeof touch;
        parts_.push_back(std::move(part));
    }
    auto& touches = parts_.back().touches;
    if (touches.size() == touches.capacity())
        touches.reserve(touches.empty() ? 8 : history_part::touches_max);
    touches.push_back(touch);
    parts_.back().changed = true;
}

void row_history::put_before(history_part part) {
    bytes_ += sizeof part + part.row.size() + part.touches.size() * sizeof(row_touch);
    parts_.insert(parts_.begin(), std::move(part));
}

std::vector<row_touch> row_history::cut(std::size_t part, state_table::slot& before) {
    std::vector<row_touch> taken;
    for (std::size_t i = part; i < parts_.size(); ++i) {
        taken.insert(taken.end(), parts_[i].touches.begin(), parts_[i].touches.end());
    }
    next_number_ = parts_[part].number;
    before.present = parts_[part].present;
    before.bytes = std::move(parts_[part].row);
    before.changed = true;
    parts_.resize(part);
    return taken;
}

void row_history::forget() {
    if (!parts_.empty()) next_number_ = parts_.back().number;
    parts_.clear();
    bytes_ = sizeof *this;
}

bool row_history::changed() const noexcept {
    for (const history_part& part : parts_) {
        if (part.changed) return true;
    }
    return false;
}

void row_history::note_written() noexcept {
    if (parts_.size() > 1) parts_.erase(parts_.begin(), std::prev(parts_.end()));
    if (!parts_.empty()) parts_.back().changed = false;
}

namespace undo {

std::optional<history_part> decode(std::string_view key, std::string_view value) {
    entry_head head{};
    if (value.size() < head_bytes) return std::nullopt;
    std::memcpy(&head, value.data(), head_bytes);
    if (head.checksum != checksum_of(key, value)) return std::nullopt;
    if (head.touches == 0 || head.touches > history_part::touches_max) return std::nullopt;
    if (value.size() - head_bytes < head.row_bytes) return std::nullopt;
    history_part part;
    part.number = head.number;
    part.present = head.present != 0;
    part.row = value.substr(head_bytes, head.row_bytes);
    part.touches.reserve(history_part::touches_max);
    touch_reader touches(value.substr(head_bytes + head.row_bytes));
    for (std::size_t i = 0; i < head.touches; ++i) {
        const auto touch = touches.next();
        if (!touch) return std::nullopt;
        part.touches.push_back(*touch);
    }
    return part;
}

std::optional<history_part> read_newest(const storage::transaction& txn, storage::table table,
                                        std::string_view row_key) {
    return read_entry(txn, table, row_key, newest);
}

std::optional<history_part> read(const storage::transaction& txn, storage::table table,
                                 std::string_view row_key, std::uint32_t number) {
    return read_entry(txn, table, row_key, number);
}

void write(storage::write_transaction& txn, storage::table table, std::string_view row_key,
           const row_history& history) {
    std::string value;
    const auto& parts = history.parts();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const history_part& part = parts[i];
        if (!part.changed) continue;
        const std::string key = key_of(row_key, i + 1 == parts.size() ? newest : part.number);
        entry_head head{0,
                        part.number,
                        static_cast<std::uint16_t>(part.touches.size()),
                        static_cast<std::uint8_t>(part.present ? 1 : 0),
                        0,
                        static_cast<std::uint32_t>(part.row.size())};
        value.assign(reinterpret_cast<const char*>(&head), head_bytes);
        value += part.row;
        touch_writer touches(value);
        for (const row_touch& t : part.touches) touches.add(t);
        head.checksum = checksum_of(key, value);
        std::memcpy(value.data(), &head.checksum, sizeof head.checksum);
        txn.put(table, key, value);
    }
}

swept sweep(storage::write_transaction& txn, storage::table table, const std::string& from,
            std::uint64_t floor, std::size_t entries) {
    swept result;
    std::vector<std::string> dead;
    {
        storage::cursor cursor(txn, table);
        auto entry = from.empty() ? cursor.first() : cursor.seek(from);
        for (; entry; entry = cursor.next()) {
            if (entries-- == 0) {
                result.next = entry->first;
                break;
            }
            const auto part = decode(entry->first, entry->second);
            // A damaged one stays, so that who needs it and who verifies it are told.
            if (!part || !part->is_below(floor)) continue;
            result.touches += part->touches.size();
            dead.emplace_back(entry->first);
        }
    }
    for (const std::string& key : dead) txn.erase(table, key);
    return result;
}

}  // namespace undo

}  // namespace idem
