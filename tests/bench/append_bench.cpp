#include <atomic>
#include <thread>

#include "bare_lmdb.hpp"
#include "idem/store.hpp"
#include "measure.hpp"

namespace bench {
namespace {

constexpr std::uint64_t batch_events = 1000;

// The bytes that a store keeps for one sample event, so that the bare log writes as many.
std::uint64_t record_bytes(const settings& s) {
    idem::store store(s.folder / "one.idem");
    const std::uint64_t few = 2000;
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < few; ++i) batch.push_back(sample_event(i));
    store.append(batch);
    for (const auto& table : store.stats().tables) {
        if (table.name == "log") return table.bytes / few / 8 * 8;
    }
    return 0;
}

// Both writers take turns, so that neither has the quieter disk.
figure batches(const settings& s) {
    const std::uint64_t size = record_bytes(s);
    bare_lmdb bare(s.folder / "bare");
    idem::store store(s.folder / "batches.idem");
    const std::string record(size, 'r');
    double bare_seconds = 0;
    double store_seconds = 0;
    std::vector<idem::event> batch(batch_events);
    for (std::uint64_t done = 0; done < s.events; done += batch_events) {
        for (std::uint64_t i = 0; i < batch_events; ++i) batch[i] = sample_event(done + i);
        {
            const stopwatch watch;
            store.append(batch);
            store_seconds += watch.seconds();
        }
        const stopwatch watch;
        bare.append(batch_events, [&record](std::uint64_t) { return std::string_view(record); });
        bare_seconds += watch.seconds();
    }
    const auto events = static_cast<double>(s.events);
    const double ours = events / store_seconds;
    const double peer = events / bare_seconds;
    return {"append, v7 ids, batches of 1,000, against a bare LMDB log", ours, peer, ours / peer,
            0.5};
}

double rate_of(idem::store& store, unsigned threads, std::uint64_t events) {
    std::atomic<std::uint64_t> next = 0;
    std::vector<std::thread> running;
    const stopwatch watch;
    for (unsigned t = 0; t < threads; ++t) {
        running.emplace_back([&] {
            while (next.fetch_add(1) < events) store.append(sample_event(next));
        });
    }
    for (auto& thread : running) thread.join();
    return static_cast<double>(events) / watch.seconds();
}

figure threads(const settings& s) {
    idem::store store(s.folder / "threads.idem");
    rate_of(store, 1, s.single_events / 20);
    const double one = rate_of(store, 1, s.single_events / 4);
    const double many = rate_of(store, 16, s.single_events);
    return {"append of single events, 16 threads against one", many, one, many / one, 6};
}

}  // namespace

std::vector<figure> append_figures(const settings& s) {
    return {batches(s), threads(s)};
}

}  // namespace bench
