// A replica that lives in memory: what a store is to a sync, and nothing else.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "causality/sync_transfer.hpp"
#include "log/record.hpp"
#include "sample_events.hpp"

class memory_replica final : public idem::sync::item_set, public idem::sync::event_port {
public:
    explicit memory_replica(std::uint64_t origin) : origin_(numbered_id(1'000'000 + origin)) {}

    // Appends the event of this number, or notes that it came once more.
    void append(const idem::event& e) {
        idem::sync::carried_event carried;
        static_cast<idem::event&>(carried.event) = e;
        if (!carried.event.time) carried.event.time = idem::timestamp();
        clock_ += 1;
        carried.event.stamp = {clock_, origin_, counters_[origin_] + 1};
        take_in({&carried, 1});
    }

    idem::item_range add_up(const idem::item_key& low, const idem::item_key& high) const override {
        idem::item_range range;
        for (auto i = items.lower_bound(low); i != items.end() && i->first < high; ++i) {
            range.add(i->first.hash);
        }
        return range;
    }
    std::vector<idem::order_rows::part> split(const idem::item_key& low, const idem::item_key& high,
                                              std::uint64_t part_items) const override {
        std::vector<idem::order_rows::part> parts(1);
        for (auto i = items.lower_bound(low); i != items.end() && i->first < high; ++i) {
            if (parts.back().of.count == part_items) {
                parts.back().high = i->first;
                parts.emplace_back();
            }
            parts.back().of.add(i->first.hash);
        }
        parts.back().high = high;
        return parts;
    }
    std::vector<idem::item_key> list(const idem::item_key& low, const idem::item_key& high,
                                     std::size_t max) const override {
        std::vector<idem::item_key> keys;
        for (auto i = items.lower_bound(low);
             i != items.end() && i->first < high && keys.size() < max; ++i) {
            keys.push_back(i->first);
        }
        return keys;
    }

    std::optional<idem::sync::carried_event> load(const idem::item_key& key) override {
        const known& k = events_.at(items.at(key));
        idem::sync::carried_event carried{k.event};
        carried.event.stamp = k.stamps.begin()->stamp;
        for (auto s = std::next(k.stamps.begin()); s != k.stamps.end(); ++s) {
            if (s->stamp.clock <= key.clock) carried.others.push_back(*s);
        }
        return carried;
    }
    std::vector<idem::sync::verdict> take_in(
        std::span<const idem::sync::carried_event> events) override {
        std::vector<idem::sync::verdict> given;
        for (const auto& carried : events) given.push_back(take(carried));
        return given;
    }

    std::map<idem::item_key, idem::uuid> items;
    std::uint64_t gaps = 0;  // stamps that came before an earlier one of their origin

private:
    struct known {
        idem::recorded_event event;
        std::set<idem::other_stamp> stamps;
    };

    idem::sync::verdict take(const idem::sync::carried_event& carried) {
        using idem::sync::verdict;
        auto [found, is_new] = events_.try_emplace(carried.event.id, known{carried.event, {}});
        if (!is_new && first_difference(found->second.event, carried.event)) {
            return verdict::conflict;
        }
        const auto keys = carried.keys();
        auto stamps = carried.others;
        stamps.insert(stamps.begin(), {carried.event.stamp, content_of(carried)});
        for (std::size_t i = 0; i < keys.size(); ++i) {
            items[keys[i]] = carried.event.id;
            found->second.stamps.insert(stamps[i]);
            clock_ = std::max(clock_, stamps[i].stamp.clock);
            std::uint64_t& counter = counters_[stamps[i].stamp.origin];
            if (stamps[i].stamp.counter > counter + 1) ++gaps;
            counter = std::max(counter, stamps[i].stamp.counter);
        }
        return is_new ? verdict::accepted : verdict::noted;
    }
    static idem::sha256::digest content_of(const idem::sync::carried_event& carried) {
        const idem::event& e = carried.event;
        const idem::encoded_batch batch({&e, 1});
        idem::content_hasher hasher;
        return hasher.of(batch.view(0));
    }

    const idem::uuid origin_;
    std::uint64_t clock_ = 0;
    std::map<idem::uuid, known> events_;
    std::map<idem::uuid, std::uint64_t> counters_;
};
