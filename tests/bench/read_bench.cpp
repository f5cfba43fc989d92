#include <fmt/format.h>

#include <cstring>

#include "idem/store.hpp"
#include "measure.hpp"
#include "subjects/subject.hpp"
#include "workload.hpp"

namespace bench {
namespace {

workload sample(std::uint64_t events, std::uint64_t streams) {
    workload w;
    w.version = 7;
    w.events = events;
    w.batch = 10'000;
    w.streams = streams;
    return w;
}

void fill(idem::store& store, const workload& w) {
    std::vector<idem::event> batch;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        store.append(batch);
    }
}

std::uint64_t sum_of_words(std::string_view bytes) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + i, 8);
        sum += word;
    }
    return sum;
}

std::uint64_t touch_every_field(const idem::event_view& e) {
    const idem::stamp stamp = e.stamp();
    const std::string_view stream = e.stream();
    const std::string_view type = e.type();
    std::uint64_t sum = e.position() + e.revision() + e.schema_version() + e.id().bytes[15] +
                        stamp.clock + stamp.counter +
                        static_cast<std::uint64_t>(e.time().time_since_epoch().count());
    sum += stream.size() + static_cast<unsigned char>(stream.back());
    sum += type.size() + static_cast<unsigned char>(type.back());
    sum += e.content_type().size() + e.correlation_id().size() + e.causation_id().size();
    sum += e.tag_count() + e.metadata_count();
    return sum + sum_of_words(e.data());
}

// The peer reads each byte of records of the same size, as whoever reads an event must.
void scan(const settings& s, report& r) {
    const workload w = sample(std::max<std::uint64_t>(s.events / 5, 500'000), 1000);
    idem::store store(s.folder / "ours");
    fill(store, w);
    const auto bare = open_bare_lmdb(s.folder / "bare");
    std::vector<idem::event> batch;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        bare->append(batch);
    }
    volatile std::uint64_t sink = 0;
    const auto events = static_cast<double>(w.events);
    double ours = 0;
    double peer = 0;
    for (int round = 0; round < 5; ++round) {  // the best of each: both from warm memory
        {
            const stopwatch watch;
            std::uint64_t sum = 0;
            store.read({}, [&sum](const idem::event_view& e) { sum += touch_every_field(e); });
            sink = sink + sum;
            ours = std::max(ours, events / watch.seconds());
        }
        const stopwatch watch;
        std::uint64_t sum = 0;
        bare->read_records([&sum](std::string_view record) { sum += sum_of_words(record); });
        sink = sink + sum;
        peer = std::max(peer, events / watch.seconds());
    }
    r.add({"scan with every field touched: against a bare LMDB cursor", ours / peer, 0.7, false,
           rates(ours, peer)});
}

double rebuild_rate(const settings& s, std::uint64_t events, unsigned threads) {
    idem::store store(s.folder / "ours-too", {.replay_threads = threads});
    const std::string name = "counts-" + std::to_string(threads);
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>(name).on(
        "Measured", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    store.run(counts, idem::projection_mode::manual);
    const stopwatch watch;
    store.catch_up(name);
    return static_cast<double>(events) / watch.seconds();
}

void rebuild(const settings& s, report& r) {
    const std::uint64_t events = s.rebuilt_events;
    {
        idem::store store(s.folder / "ours-too");
        fill(store, sample(events, events / 100));
    }
    const double one = rebuild_rate(s, events, 1);
    const double two = rebuild_rate(s, events, 2);
    r.add({"rebuild of a count, 100 events a row, one core, million events/s", one / 1e6, 4});
    r.add({"rebuild of a count, 100 events a row, two cores against one", two / one, 1.7, false,
           rates(two, one)});
}

}  // namespace

void measure_reading(const settings& s, report& r) {
    scan(s, r);
    rebuild(s, r);
    for (const char* name : {"ours", "bare", "ours-too"}) {
        std::filesystem::remove_all(s.folder / name);
    }
}

}  // namespace bench
