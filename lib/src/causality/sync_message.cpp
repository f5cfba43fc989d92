#include "causality/sync_message.hpp"

#include <algorithm>

#include "causality/sync_wire.hpp"

namespace idem::sync {
namespace {

void write_parts(writer& to, const std::vector<order_rows::part>& told) {
    to.number(told.size());
    for (std::size_t i = 0; i < told.size(); ++i) {
        if (i + 1 < told.size()) to.key(told[i].high);  // the last ends with the range
        to.number(told[i].of.count);
        if (told[i].of.count == 0) continue;
        to.raw(&told[i].of.sum.low, 8);
        if (told[i].of.count > few_items) to.raw(&told[i].of.sum.high, 8);
    }
}

std::vector<order_rows::part> read_parts(reader& from, const asked_range& asked) {
    std::vector<order_rows::part> told(from.number(parts + 1, "parts"));
    if (told.empty()) refuse_message("has no parts of a range");
    item_key low = asked.low;
    for (std::size_t i = 0; i < told.size(); ++i) {
        auto& part = told[i];
        part.high = i + 1 < told.size() ? from.key() : asked.high;
        if (part.high <= low) refuse_message("has parts that do not rise");
        low = part.high;
        part.of.count = from.number();
        if (part.of.count == 0) continue;
        from.raw(&part.of.sum.low, 8);
        if (part.of.count > few_items) from.raw(&part.of.sum.high, 8);
    }
    return told;
}

std::vector<listed_item> read_items(reader& from, std::uint64_t count, const asked_range& asked) {
    std::vector<listed_item> items(count);
    const listed_item* before = nullptr;
    for (auto& item : items) {
        item = from.item();
        if (before != nullptr && item < *before) refuse_message("lists items that do not rise");
        if (item < listed(asked.low) || item > listed(asked.high)) {
            refuse_message("lists an item that is not of the range");
        }
        before = &item;
    }
    return items;
}

}  // namespace

bool agree(const item_range& here, const item_range& there) noexcept {
    return here.count == there.count && here.sum.low == there.sum.low &&
           (here.count <= few_items || here.sum.high == there.sum.high);
}

listed_item listed(const item_key& key) noexcept {
    listed_item item{key.clock, {}};
    std::copy_n(key.hash.begin(), item.hash.size(), item.hash.begin());
    return item;
}

std::string encode(const std::vector<asked_range>& asked) {
    writer to(wire_kind::asks);
    to.number(asked.size());
    for (const auto& range : asked) {
        to.key(range.low);
        to.key(range.high);
        to.number(static_cast<std::uint64_t>(range.is));
    }
    return to.take();
}

std::vector<asked_range> decode_asked(std::string_view message) {
    reader from(message, wire_kind::asks);
    std::vector<asked_range> asked(from.number(ranges_max, "ranges"));
    item_key behind = item_key::lowest();
    for (auto& range : asked) {
        range.low = from.key();
        range.high = from.key();
        if (range.low < behind || range.high <= range.low) refuse_message("has ranges that meet");
        behind = range.high;
        range.is = static_cast<asked_range::what>(from.number(1, "as what is asked"));
    }
    from.end();
    return asked;
}

std::string encode(const std::vector<asked_range>& asked, const std::vector<told_range>& told) {
    writer to(wire_kind::tells);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].is == asked_range::what::split) {
            write_parts(to, told[i].parts);
        } else if (!told[i].items) {
            to.number(0);
        } else {
            to.number(told[i].items->size() + 1);
            for (const auto& item : *told[i].items) to.item(item);
        }
    }
    return to.take();
}

std::vector<told_range> decode_told(std::string_view message,
                                    const std::vector<asked_range>& asked) {
    reader from(message, wire_kind::tells);
    std::vector<told_range> told(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].is == asked_range::what::split) {
            told[i].parts = read_parts(from, asked[i]);
        } else if (const auto count = from.number(listed_max + 1, "items"); count > 0) {
            told[i].items = read_items(from, count - 1, asked[i]);
        }
    }
    from.end();
    return told;
}

}  // namespace idem::sync
