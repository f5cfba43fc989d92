// The index of canonical order, and what two stores say to find their differences.
#include <fmt/format.h>

#include <algorithm>

#include "causality/log_items.hpp"
#include "idem/store.hpp"
#include "log/order_index.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace bench {
namespace {

struct opened {
    explicit opened(const std::filesystem::path& folder)
        : env(idem::storage::environment::open(folder, {})), tables(idem::log_tables::open(*env)) {}
    std::shared_ptr<idem::storage::environment> env;
    idem::log_tables tables;
};

double fill(const std::filesystem::path& folder, const workload& w) {
    idem::store store(folder);
    std::vector<idem::event> batch;
    double seconds = 0;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        const stopwatch watch;
        store.append(batch);
        seconds += watch.seconds();
    }
    return seconds;
}

struct counted final : idem::sync::differences {
    void here_only(const idem::item_key&) override { ++found; }
    void there_only(const idem::sync::listed_item&) override { ++found; }
    void there_only(const idem::item_key&, const idem::item_key&, std::uint64_t count) override {
        found += count;
    }
    std::uint64_t found = 0;
};

// Of two stores one of which lacks events all over the other: here, whose items the order of their
// hash picks.
class thinned final : public idem::sync::item_set {
public:
    thinned(const idem::sync::item_set& whole, const std::vector<idem::item_key>& without)
        : whole_(whole), without_(without) {}
    idem::item_range add_up(const idem::item_key& low, const idem::item_key& high) const override {
        auto range = whole_.add_up(low, high);
        for (auto i = std::lower_bound(without_.begin(), without_.end(), low);
             i != without_.end() && *i < high; ++i) {
            idem::item_sum one;
            one.add(i->hash);
            --range.count;
            range.sum.high -= one.high + (range.sum.low < one.low ? 1 : 0);
            range.sum.low -= one.low;
        }
        return range;
    }
    std::vector<idem::order_rows::part> split(const idem::item_key& low, const idem::item_key& high,
                                              std::uint64_t part_items) const override {
        auto parts = whole_.split(low, high, part_items);
        idem::item_key from = low;
        for (auto& part : parts) {
            part.of = add_up(from, part.high);
            from = part.high;
        }
        return parts;
    }
    std::vector<idem::item_key> list(const idem::item_key& low, const idem::item_key& high,
                                     std::size_t max) const override {
        auto keys = whole_.list(low, high, max);
        std::erase_if(keys, [this](const idem::item_key& key) {
            return std::binary_search(without_.begin(), without_.end(), key);
        });
        return keys;
    }

private:
    const idem::sync::item_set& whole_;
    const std::vector<idem::item_key>& without_;
};

void measure_differences(const idem::sync::log_items& items, std::uint64_t events,
                         std::uint64_t differences, report& r) {
    std::vector<idem::item_key> without;
    const auto all = idem::item_key::end();
    std::uint64_t position = 0;
    for (idem::item_key from; without.size() < differences;) {
        const auto page = items.list(from, all, 1000);
        if (page.empty()) break;
        for (const auto& key : page) {
            if (++position % (events / differences) == 0) without.push_back(key);
        }
        from = page.back();
        from.hash.back() += 1;
        if (from.hash.back() == 0) ++from.clock;
    }
    const thinned there(items, without);
    counted found;
    const stopwatch watch;
    const auto result = idem::sync::compare(
        items, [&](const std::string& m) { return idem::sync::answer(there, m); }, found);
    const double seconds = watch.seconds();
    const auto bytes = static_cast<double>(result.bytes_in + result.bytes_out);
    r.add({fmt::format("compare {} events with {} differences: bytes said", events, differences),
           bytes, 1024.0 * static_cast<double>(differences), true,
           fmt::format("{} found in {:.0f} ms, {} rounds", found.found, seconds * 1000,
                       result.rounds)});
}

}  // namespace

void measure_order(const settings& s, report& r) {
    workload w;
    w.version = 7;
    w.events = s.events;
    const auto folder = s.folder / "order";
    const double append = fill(folder, w);
    const opened store(folder);
    const auto n = static_cast<double>(w.events);
    const stopwatch watch;
    const idem::sync::log_items items(*store.env, store.tables, idem::no_other_stamps());
    const double build = watch.seconds();
    std::uint64_t bytes = 0;
    {
        const auto order = idem::find_order_table(*store.env);
        const idem::storage::read_transaction txn(*store.env);
        bytes = txn.stats(*order).bytes;
    }
    r.add({"order index: built against appended", append / build, 0.2, false,
           rates(n / build, n / append)});
    r.add({"order index: bytes an event", static_cast<double>(bytes) / n, 28, true});
    constexpr int times = 20;
    const stopwatch sums;
    std::uint64_t count = 0;
    for (int i = 0; i < times; ++i) {
        count += items.add_up(idem::item_key::lowest(), idem::item_key::end()).count;
    }
    r.add({"order index: milliseconds for the sum of all", sums.seconds() / times * 1000, 5, true,
           fmt::format("{} items", count / times)});
    for (const std::uint64_t differences : {10U, 100U, 10'000U}) {
        measure_differences(items, w.events, differences, r);
    }
    std::filesystem::remove_all(folder);
}

}  // namespace bench
