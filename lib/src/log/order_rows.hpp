// The table `order`: chunks of items, how many each holds and the sum of their hashes.
//
//   key                      value
//   'c' clock hash           a chunk: the items from this key on to that of the next chunk
//   'm'                      order_head, behind its XXH3-64
//   's' clock hash           of that chunk: how many items, 4 bytes; their sum, 16 bytes
//
// Clocks in keys are big-endian. The first chunk has the lowest key, whatever its first item is.
// Rows of 's' are short and adjacent, so that to add up any range of items is to read those of its
// chunks, and two chunks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/order_chunk.hpp"
#include "log/order_item.hpp"
#include "storage/storage.hpp"

namespace idem {

inline constexpr std::string_view order_name = "order";

// Of the index as a whole.
struct order_head {
    // Of fingerprints and rows; another one is made anew.
    static constexpr std::uint32_t version_now = 1;
    static constexpr std::uint32_t page_value_bytes = 4080;  // a page of 4 KiB to itself

    std::uint32_t version = version_now;
    std::uint32_t chunk_bytes_max = page_value_bytes;
    std::uint64_t covered = 0;  // the events up to this position have their items here
};
// Nullopt: there is none yet, or one of another version. Throws corrupt.
std::optional<order_head> read_order_head(const storage::transaction& txn, storage::table order);
void write_order_head(storage::write_transaction& txn, storage::table order, const order_head& h);

struct item_range {
    std::uint64_t count = 0;
    item_sum sum;

    void add(const item_hash& hash) noexcept;
    void add(const item_range& other) noexcept;
    friend bool operator==(const item_range&, const item_range&) = default;
};

// Puts items in, which rise; one that is there already only gets further marks.
void insert_items(storage::write_transaction& txn, storage::table order,
                  std::span<const order_item> items, std::size_t chunk_bytes_max);

// Reads. Lives within its transaction, which does not write meanwhile. Throws corrupt.
class order_rows {
public:
    order_rows(const storage::transaction& txn, storage::table order) : txn_(&txn), order_(order) {}

    // In order, of [low, high); false: stop.
    using visit_item = std::function<bool(const order_item&)>;
    void each(const item_key& low, const item_key& high, const visit_item& visit) const;

    // How many items [low, high) has, and their sum.
    item_range add_up(const item_key& low, const item_key& high) const;

    // The same range in parts of about so many items, each with its own count and sum.
    struct part {
        item_key high;  // behind its last item, no longer than is needed to tell it from the next
        item_range of;
    };
    std::vector<part> split(const item_key& low, const item_key& high,
                            std::uint64_t part_items) const;

    std::optional<order_item> find(const item_key& key);

    // For whoever verifies: each chunk from the one of `low` on, with the row of its sum, if there
    // is one; `next` is where the next begins.
    struct row {
        item_key low;
        item_key next;
        order_chunk chunk;
        std::optional<item_range> sum;
    };
    void each_row(const item_key& low, const std::function<bool(const row&)>& visit) const;
    std::uint64_t rows() const;  // of any kind

private:
    const storage::transaction* txn_;
    storage::table order_;
    std::optional<row> last_;  // where find() has looked
};

}  // namespace idem
