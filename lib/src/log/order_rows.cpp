#include "log/order_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr char chunk_kind = 'c';
constexpr char sum_kind = 's';
constexpr std::string_view head_key = "m";
constexpr std::size_t key_bytes = 1 + sizeof(std::uint64_t) + sizeof(item_hash);
constexpr std::size_t sum_bytes = 20;
constexpr std::size_t head_bytes = 24;

error damaged(std::string_view how) {
    return error(errc::corrupt,
                 fmt::format("the table `order` is damaged: {}; run `idem verify`, and export the "
                             "store and import it into a new one",
                             how));
}

using row_key = std::array<char, key_bytes>;

row_key encode(char kind, const item_key& key) noexcept {
    row_key bytes;
    bytes[0] = kind;
    for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(key.clock >> (56 - 8 * i));
    std::memcpy(bytes.data() + 9, key.hash.data(), key.hash.size());
    return bytes;
}

std::string_view view_of(const row_key& key) noexcept {
    return {key.data(), key.size()};
}

item_key decode(std::string_view bytes) {
    if (bytes.size() != key_bytes) throw damaged("a key has not the size that it should");
    item_key key;
    for (int i = 0; i < 8; ++i) {
        key.clock = key.clock << 8 | static_cast<std::uint8_t>(bytes[1 + i]);
    }
    std::memcpy(key.hash.data(), bytes.data() + 9, key.hash.size());
    return key;
}

item_range decode_sum(std::string_view bytes) {
    if (bytes.size() != sum_bytes) throw damaged("a sum has not the size that it should");
    std::uint32_t count = 0;
    item_range range;
    std::memcpy(&count, bytes.data(), 4);
    std::memcpy(&range.sum.low, bytes.data() + 4, 8);
    std::memcpy(&range.sum.high, bytes.data() + 12, 8);
    range.count = count;
    return range;
}

bool is_of(char kind, const std::optional<storage::entry>& e) noexcept {
    return e && !e->first.empty() && e->first[0] == kind;
}

// The row of this kind that `key` falls into; the cursor then stands there.
std::optional<storage::entry> row_of(storage::cursor& cursor, char kind, const item_key& key) {
    const row_key wanted = encode(kind, key);
    auto found = cursor.seek(view_of(wanted));
    if (is_of(kind, found) && found->first == view_of(wanted)) return found;
    found = found ? cursor.previous() : cursor.last();
    return is_of(kind, found) ? found : std::nullopt;
}

item_key next_key(storage::cursor& cursor, char kind) {
    const auto next = cursor.next();
    return is_of(kind, next) ? decode(next->first) : item_key::end();
}

void write_chunk(storage::write_transaction& txn, storage::table order, const item_key& low,
                 std::span<const order_item> items) {
    std::string bytes;
    encode_order_chunk(bytes, items);
    txn.put(order, view_of(encode(chunk_kind, low)), bytes);
    item_range range;
    for (const auto& item : items) range.add(item.key.hash);
    std::array<char, sum_bytes> sum;
    const auto count = static_cast<std::uint32_t>(range.count);
    std::memcpy(sum.data(), &count, 4);
    std::memcpy(sum.data() + 4, &range.sum.low, 8);
    std::memcpy(sum.data() + 12, &range.sum.high, 8);
    txn.put(order, view_of(encode(sum_kind, low)), {sum.data(), sum.size()});
}

// Behind the last item more will be appended, so what is at the end is filled; in the middle more
// will come anywhere, so that pieces are of like size and have room.
void write_pieces(storage::write_transaction& txn, storage::table order, const item_key& low,
                  std::span<const order_item> items, std::size_t bytes_max, bool at_end) {
    std::size_t pieces = 0;
    for (auto rest = items; !rest.empty(); ++pieces) {
        rest = rest.subspan(items_that_fit(rest, bytes_max));
    }
    const std::size_t even = (items.size() + pieces - 1) / pieces;
    for (std::size_t at = 0; at < items.size();) {
        const auto rest = items.subspan(at);
        std::size_t size = items_that_fit(rest, bytes_max);
        if (!at_end) size = std::min(size, even);
        write_chunk(txn, order, at == 0 ? low : rest.front().key, rest.first(size));
        at += size;
    }
}

// Both rise. Equal ones become one.
std::vector<order_item> merge(const order_chunk& old, std::span<const order_item> added) {
    std::vector<order_item> merged;
    merged.reserve(old.size() + added.size());
    std::size_t next = 0;
    for (std::size_t i = 0; i < old.size(); ++i) {
        order_item item = old.item(i);
        while (next < added.size() && added[next].key < item.key) merged.push_back(added[next++]);
        if (next < added.size() && added[next].key == item.key) item.marks |= added[next++].marks;
        merged.push_back(item);
    }
    merged.insert(merged.end(), added.begin() + static_cast<std::ptrdiff_t>(next), added.end());
    return merged;
}

}  // namespace

void item_range::add(const item_hash& hash) noexcept {
    ++count;
    sum.add(hash);
}

void item_range::add(const item_range& other) noexcept {
    count += other.count;
    sum.add(other.sum);
}

std::optional<order_head> read_order_head(const storage::transaction& txn, storage::table order) {
    const auto bytes = txn.peek(order, head_key);
    if (!bytes) return std::nullopt;
    if (bytes->size() != head_bytes) throw damaged("its head has not the size that it should");
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, bytes->data(), sizeof checksum);
    if (checksum != hash::of_bytes(bytes->substr(sizeof checksum))) {
        throw damaged("its head does not match its checksum");
    }
    order_head head;
    std::memcpy(&head.version, bytes->data() + 8, 4);
    std::memcpy(&head.chunk_bytes_max, bytes->data() + 12, 4);
    std::memcpy(&head.covered, bytes->data() + 16, 8);
    if (head.version != order_head::version_now) return std::nullopt;
    return head;
}

void write_order_head(storage::write_transaction& txn, storage::table order, const order_head& h) {
    std::array<char, head_bytes> bytes;
    std::memcpy(bytes.data() + 8, &h.version, 4);
    std::memcpy(bytes.data() + 12, &h.chunk_bytes_max, 4);
    std::memcpy(bytes.data() + 16, &h.covered, 8);
    const std::uint64_t checksum = hash::of_bytes({bytes.data() + 8, head_bytes - 8});
    std::memcpy(bytes.data(), &checksum, sizeof checksum);
    txn.put(order, head_key, {bytes.data(), bytes.size()});
}

void insert_items(storage::write_transaction& txn, storage::table order,
                  std::span<const order_item> items, std::size_t chunk_bytes_max) {
    while (!items.empty()) {
        item_key low = item_key::lowest();
        item_key high = item_key::end();
        std::vector<order_item> merged;
        std::size_t size = 0;
        {
            storage::cursor cursor(txn, order, storage::kept::yes);
            const auto found = row_of(cursor, chunk_kind, items.front().key);
            order_chunk old;
            if (found) {
                low = decode(found->first);
                old = order_chunk(found->second);
                if (!old.checksum_holds()) throw damaged("a chunk does not match its checksum");
                high = next_key(cursor, chunk_kind);
            }
            const auto end =
                std::lower_bound(items.begin(), items.end(), high,
                                 [](const order_item& i, const item_key& k) { return i.key < k; });
            size = static_cast<std::size_t>(end - items.begin());
            if (size == 0) throw damaged("its keys do not rise");
            merged = merge(old, items.first(size));
        }
        write_pieces(txn, order, low, merged, chunk_bytes_max, high == item_key::end());
        items = items.subspan(size);
    }
}

// ---- reading

void order_rows::each_row(const item_key& low, const std::function<bool(const row&)>& visit) const {
    storage::cursor chunks(*txn_, order_, storage::kept::yes);
    auto entry = row_of(chunks, chunk_kind, low);
    while (is_of(chunk_kind, entry)) {
        row r;
        r.low = decode(entry->first);
        r.chunk = order_chunk(entry->second);
        const auto sum = txn_->peek(order_, view_of(encode(sum_kind, r.low)));
        if (sum) r.sum = decode_sum(*sum);
        entry = chunks.next();
        r.next = is_of(chunk_kind, entry) ? decode(entry->first) : item_key::end();
        if (r.next <= r.low) throw damaged("its keys do not rise");
        if (!visit(r)) return;
    }
}

std::uint64_t order_rows::rows() const {
    return txn_->stats(order_).entries;
}

void order_rows::each(const item_key& low, const item_key& high, const visit_item& visit) const {
    if (high <= low) return;
    storage::cursor chunks(*txn_, order_, storage::kept::yes);
    for (auto entry = row_of(chunks, chunk_kind, low); is_of(chunk_kind, entry);
         entry = chunks.next()) {
        const order_chunk chunk(entry->second);
        for (std::size_t i = chunk.lower_bound(low); i < chunk.size(); ++i) {
            const order_item item = chunk.item(i);
            if (item.key >= high || !visit(item)) return;
        }
    }
}

namespace {

// The pieces of a range: a chunk that lies wholly in it, or what of one does.
class order_pieces {
public:
    order_pieces(const storage::transaction& txn, storage::table order, const item_key& low,
                 const item_key& high)
        : txn_(txn),
          order_(order),
          cursor_(txn, order, storage::kept::yes),
          low_(low),
          high_(high) {
        if (low < high) take(row_of(cursor_, sum_kind, low));
    }

    bool done() const noexcept { return !here_; }
    const item_range& whole() const noexcept { return sum_; }
    bool is_whole() const noexcept { return low_ <= from_ && next_ <= high_; }

    // The items of it.
    template <class Visit>
    void each(Visit&& visit) const {
        const auto bytes = txn_.peek(order_, view_of(encode(chunk_kind, from_)));
        if (!bytes) throw damaged("a sum has no chunk");
        const order_chunk chunk(*bytes);
        for (std::size_t i = chunk.lower_bound(low_), end = chunk.lower_bound(high_); i < end;
             ++i) {
            visit(chunk.key(i));
        }
    }

    void next() {
        if (!next_entry_ || next_ >= high_) {
            here_ = false;
        } else {
            take(next_entry_);
        }
    }

private:
    void take(const std::optional<storage::entry>& entry) {
        here_ = is_of(sum_kind, entry);
        if (!here_) return;
        from_ = decode(entry->first);
        sum_ = decode_sum(entry->second);
        next_entry_ = cursor_.next();
        if (!is_of(sum_kind, next_entry_)) next_entry_.reset();
        next_ = next_entry_ ? decode(next_entry_->first) : item_key::end();
    }

    const storage::transaction& txn_;
    const storage::table order_;
    storage::cursor cursor_;
    const item_key low_;
    const item_key high_;
    bool here_ = false;
    item_key from_;
    item_key next_;
    item_range sum_;
    std::optional<storage::entry> next_entry_;
};

// The shortest key that is greater than `last` and at most `next`.
item_key bound_between(const item_key& last, const item_key& next) noexcept {
    item_key bound{next.clock, {}};
    if (last.clock < next.clock) return bound;
    for (std::size_t i = 0; i < bound.hash.size() && bound <= last; ++i) {
        bound.hash[i] = next.hash[i];
    }
    return bound;
}

}  // namespace

item_range order_rows::add_up(const item_key& low, const item_key& high) const {
    item_range range;
    for (order_pieces at(*txn_, order_, low, high); !at.done(); at.next()) {
        if (at.is_whole()) {
            range.add(at.whole());
        } else {
            at.each([&](const item_key& key) { range.add(key.hash); });
        }
    }
    return range;
}

std::vector<order_rows::part> order_rows::split(const item_key& low, const item_key& high,
                                                std::uint64_t part_items) const {
    std::vector<part> parts;
    item_range of;
    item_key last;
    const auto take = [&](const item_key& key) {
        if (of.count >= part_items) {
            parts.push_back({bound_between(last, key), of});
            of = {};
        }
        of.add(key.hash);
        last = key;
    };
    for (order_pieces at(*txn_, order_, low, high); !at.done(); at.next()) {
        // A part that a chunk fills ends inside of it or at the first item of the next, which is
        // then looked at for the bound.
        if (at.is_whole() && of.count + at.whole().count < part_items) {
            of.add(at.whole());
        } else {
            at.each(take);
        }
    }
    if (of.count > 0 || parts.empty()) parts.push_back({high, of});
    parts.back().high = high;
    return parts;
}

std::optional<order_item> order_rows::find(const item_key& key) {
    if (!last_ || key < last_->low || key >= last_->next) {
        last_.reset();
        each_row(key, [this](const row& r) {
            last_ = r;
            return false;
        });
    }
    if (!last_) return std::nullopt;
    const std::size_t i = last_->chunk.lower_bound(key);
    if (i == last_->chunk.size() || last_->chunk.key(i) != key) return std::nullopt;
    return last_->chunk.item(i);
}

}  // namespace idem
