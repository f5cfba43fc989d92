// What it costs that data can be erased: sealed events against plain ones.
#include <fmt/format.h>

#include "idem/store.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace bench {
namespace {

struct pair_of_seconds {
    double plain = 0;
    double sealed = 0;
};

figure against_plain(std::string name, const pair_of_seconds& s, std::uint64_t events,
                     double wanted) {
    const auto n = static_cast<double>(events);
    return {std::move(name), s.plain / s.sealed, wanted, false, rates(n / s.sealed, n / s.plain)};
}

// Turn about, so that neither has the quieter disk.
pair_of_seconds fill(idem::store& plain, idem::store& sealed, const workload& w,
                     std::uint64_t subjects) {
    pair_of_seconds seconds;
    std::vector<idem::event> batch;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        {
            const stopwatch watch;
            plain.append(batch);
            seconds.plain += watch.seconds();
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
            batch[i].data_subject = fmt::format("customer-{}", mixed(first + i) % subjects);
        }
        const stopwatch watch;
        sealed.append(batch);
        seconds.sealed += watch.seconds();
    }
    return seconds;
}

double scan(const idem::store& store) {
    std::uint64_t bytes = 0;
    const stopwatch watch;
    store.read({}, [&](const idem::event_view& e) { bytes += e.data().size(); });
    return bytes > 0 ? watch.seconds() : 0;
}

}  // namespace

void measure_sealed(const settings& s, report& r) {
    workload w;
    w.version = 7;
    w.events = s.events / 5;
    {
        idem::store plain(s.folder / "plain");
        idem::store sealed(s.folder / "sealed");
        r.add(against_plain("sealed events, batch 1,000, 10,000 subjects: append against plain",
                            fill(plain, sealed, w, 10'000), w.events, 0.1));
        scan(plain);
        scan(sealed);
        r.add(against_plain("sealed events: read against plain", {scan(plain), scan(sealed)},
                            w.events, 0.02));
    }
    w.batch = 1;
    w.events = s.single_events / 8;
    idem::store plain(s.folder / "plain-single");
    idem::store sealed(s.folder / "sealed-single");
    r.add(against_plain("sealed events, single durable append: against plain",
                        fill(plain, sealed, w, 1000), w.events, 0.4));
    for (const char* name : {"plain", "sealed", "plain-single", "sealed-single"}) {
        std::filesystem::remove_all(s.folder / name);
    }
}

}  // namespace bench
