// The index of canonical order.
#include <fmt/format.h>

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
    std::filesystem::remove_all(folder);
}

}  // namespace bench
