#include <cstring>

#include "bare_lmdb.hpp"
#include "idem/store.hpp"
#include "measure.hpp"

namespace bench {
namespace {

constexpr std::uint64_t batch_events = 10'000;

void fill(idem::store& store, std::uint64_t events, std::uint64_t streams) {
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < events; ++i) {
        batch.push_back(sample_event(i, streams));
        if (batch.size() == batch_events || i + 1 == events) {
            store.append(batch);
            batch.clear();
        }
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
figure sequential(const settings& s) {
    idem::store store(s.folder / "read.idem");
    fill(store, s.events, 1);
    bare_lmdb bare(s.folder / "bare-read");
    std::vector<std::string> records;
    const auto flush = [&] {
        bare.append(records.size(), [&](std::uint64_t i) { return std::string_view(records[i]); });
        records.clear();
    };
    std::uint64_t bytes = 0;
    for (const auto& table : store.stats().tables) {
        if (table.name == "log") bytes = table.bytes;
    }
    const std::size_t size = bytes / s.events / 8 * 8;
    for (std::uint64_t i = 0; i < s.events; ++i) {
        records.emplace_back(size, static_cast<char>(i));
        if (records.size() == batch_events) flush();
    }
    flush();
    volatile std::uint64_t sink = 0;
    double ours = 0;
    double peer = 0;
    for (int round = 0; round < 5; ++round) {  // the best of each: both from warm memory
        {
            const stopwatch watch;
            std::uint64_t sum = 0;
            store.read({}, [&sum](const idem::event_view& e) { sum += touch_every_field(e); });
            sink = sink + sum;
            ours = std::max(ours, static_cast<double>(s.events) / watch.seconds());
        }
        const stopwatch watch;
        std::uint64_t sum = 0;
        bare.read([&sum](std::string_view record) { sum += sum_of_words(record); });
        sink = sink + sum;
        peer = std::max(peer, static_cast<double>(s.events) / watch.seconds());
    }
    return {"sequential read, every field, against a bare LMDB cursor", ours, peer, ours / peer,
            0.5};
}

figure catch_up(const settings& s) {
    constexpr std::uint64_t keys = 100'000;
    idem::store store(s.folder / "catch-up.idem");
    fill(store, s.events, keys);
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Measured", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    store.run(counts, idem::projection_mode::manual);
    const stopwatch watch;
    store.catch_up("counts");
    const double rate = static_cast<double>(s.events) / watch.seconds();
    return {"catch-up of a count over 100,000 keys, million events/s", rate, 1e6, rate / 1e6, 1};
}

}  // namespace

std::vector<figure> read_figures(const settings& s) {
    return {sequential(s), catch_up(s)};
}

}  // namespace bench
