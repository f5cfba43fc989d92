// Two stores of many events that differ in few, all over their history.
#include "idem/sync.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "idem/limits.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace bench {
namespace {

void fill(const std::filesystem::path& folder, std::uint64_t events) {
    idem::store store(folder);
    workload w;
    w.version = 7;
    w.events = events;
    std::vector<idem::event> batch;
    for (std::uint64_t first = 0; first < events; first += w.batch) {
        make_batch(w, first, batch);
        store.append(batch);
    }
}

// Events as so many devices made them, one each, at times spread over those of the store.
void take_in_others(idem::store& to, std::uint64_t events) {
    const std::uint64_t from = to.at(1)->stamp.clock;
    const std::uint64_t step = (to.at(to.head())->stamp.clock - from) / events;
    std::vector<idem::recorded_event> batch;
    for (std::uint64_t i = 0; i < events; ++i) {
        idem::recorded_event e;
        e.id = idem::make_uuid_v4();
        e.stream = fmt::format("device-{}", i);
        e.type = "Measured";
        e.data = fmt::format(R"({{"value":{}}})", i);
        e.stamp = {from + i * step + 1, idem::make_uuid_v4(), 1};
        batch.push_back(std::move(e));
        if (batch.size() < idem::limits::accepted_max && i + 1 < events) continue;
        for (const auto& answer : to.replica().accept(batch)) {
            if (answer.outcome != idem::accept_outcome::appended) {
                throw std::runtime_error(answer.reason);
            }
        }
        batch.clear();
    }
}

struct timed_sync {
    idem::sync_result result;
    double seconds = 0;
};
timed_sync sync(idem::store& a, idem::store& b) {
    const stopwatch watch;
    timed_sync done;
    done.result = idem::sync_stores(a, b);
    done.seconds = watch.seconds();
    if (!done.result.in_sync()) throw std::runtime_error("the stores are not in sync");
    return done;
}

double kib_of(const idem::sync_result& r) {
    return static_cast<double>(r.bytes_in + r.bytes_out) / 1024;
}

// Of two copies of one store.
struct two_copies {
    two_copies(const std::filesystem::path& folder, std::uint64_t events) {
        std::filesystem::create_directories(folder / "b");
        fill(folder / "a", events);
        std::filesystem::copy_file(folder / "a" / "data.mdb", folder / "b" / "data.mdb");
        a.emplace(folder / "a");
        b.emplace(folder / "b");
    }
    std::optional<idem::store> a;
    std::optional<idem::store> b;
};

void measure_equal(const std::filesystem::path& folder, std::uint64_t events, report& r) {
    two_copies stores(folder, events);
    const auto first = sync(*stores.a, *stores.b);  // makes the indexes
    const auto again = sync(*stores.a, *stores.b);
    r.add({fmt::format("sync of two equal stores of {} events: milliseconds", events),
           again.seconds * 1000, 100, true,
           fmt::format("{:.1f} KiB; the first one, which makes the indexes, {:.1f} s",
                       kib_of(again.result), first.seconds)});
}

void measure_differences(two_copies& stores, std::uint64_t events, std::uint64_t differences,
                         report& r) {
    take_in_others(*stores.a, differences / 2);
    take_in_others(*stores.b, differences / 2);
    const auto done = sync(*stores.a, *stores.b);
    if (done.result.received + done.result.sent != differences) {
        throw std::runtime_error("other events went over than differ");
    }
    // The events themselves are some 200 bytes each.
    r.add({fmt::format("sync of {} events that differ in {}: KiB said", events, differences),
           kib_of(done.result), std::max(10.0, static_cast<double>(differences)), true,
           fmt::format("{:.0f} ms, {} rounds", done.seconds * 1000, done.result.rounds)});
}

}  // namespace

void measure_sync(const settings& s, report& r) {
    const auto folder = s.folder / "sync";
    measure_equal(folder / "equal", s.events, r);
    std::filesystem::remove_all(folder);
    const std::uint64_t events = std::min<std::uint64_t>(s.events, 1'000'000);
    {
        two_copies stores(folder / "differ", events);
        sync(*stores.a, *stores.b);  // makes the indexes
        for (const std::uint64_t differences : {10U, 100U, 10'000U}) {
            measure_differences(stores, events, differences, r);
        }
    }
    std::filesystem::remove_all(folder);
}

}  // namespace bench
