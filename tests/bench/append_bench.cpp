// Appending, against the limit and against others.
#include <fmt/format.h>

#include <atomic>
#include <thread>

#include "idem/store.hpp"
#include "measure.hpp"
#include "subjects/subject.hpp"
#include "trial.hpp"

namespace bench {
namespace {

const contestant* find(std::string_view name) {
    for (const contestant& c : contestants()) {
        if (c.name == name) return &c;
    }
    return nullptr;
}

// Turn about, so that neither has the quieter disk.
struct pair_of_rates {
    double ours = 0;
    double theirs = 0;
    double ratio() const { return ours / theirs; }
};
pair_of_rates against_bare_log(const settings& s, workload w) {
    std::filesystem::create_directories(s.folder / "ours");
    const auto ours = open_idem(s.folder / "ours");
    const auto bare = open_bare_lmdb(s.folder / "bare");
    std::vector<idem::event> batch;
    double our_seconds = 0;
    double bare_seconds = 0;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        {
            const stopwatch watch;
            ours->append(batch);
            our_seconds += watch.seconds();
        }
        const stopwatch watch;
        bare->append(batch);
        bare_seconds += watch.seconds();
    }
    const auto events = static_cast<double>(w.events);
    return {events / our_seconds, events / bare_seconds};
}

void remove_stores(const settings& s) {
    for (const char* name : {"ours", "bare"}) std::filesystem::remove_all(s.folder / name);
}

void against_peer(const settings& s, const workload& w, const char* name, double wanted,
                  const measurement& ours, report& r) {
    const contestant* peer = find(name);
    if (peer == nullptr) {
        fmt::print("(built without {})\n", name);
        return;
    }
    const trial_options some_time{.seconds_max = s.peer_seconds_max};
    const measurement m = run_trial(*peer, w, some_time, s.folder / "trial");
    r.add({fmt::format("v4 ids, batch 1,000, 1,000 streams: against {}", name), ours.rate / m.rate,
           wanted, false, rates(ours.rate, m.rate)});
}

}  // namespace

void measure_flat_cost(const settings& s, report& r) {
    workload w;
    w.events = s.events;
    const contestant& idem = contestants().front();
    const measurement m = run_trial(idem, w, {false, true}, s.folder / "trial");
    against_peer(s, w, "RocksDB", 4, m, r);
    against_peer(s, w, "SQLite", 10, m, r);
    const measurement bare = run_trial({"bare log", open_bare_lmdb}, w, {}, s.folder / "trial");
    r.add({"v4 ids, batch 1,000: last tenth against first tenth", m.last_rate / m.first_rate, 0.7,
           false,
           fmt::format("{}; the bare log {:.2f}", rates(m.last_rate, m.first_rate),
                       bare.last_rate / bare.first_rate)});
    r.add({"v4 ids, batch 1,000: worst commit, milliseconds", m.worst_ms, 150, true});
    r.add({"v4 ids, batch 1,000: bytes written a byte of payload", m.written, 8, true,
           fmt::format("the disk counts {:.2f}; the bare log {:.2f}, {:.2f}", m.sectors,
                       bare.written, bare.sectors)});
    r.add({"v4 ids, batch 1,000: heap beyond the map, MiB", m.heap_mib, 128, true});
    r.add({"100 % duplicates, batch 1,000, random order, two callers, million checks/s",
           m.again_by_two / 1e6, 1, false, "one caller " + rate(m.again)});
    w.streams = 1'000'000;
    const measurement many = run_trial(idem, w, {}, s.folder / "trial");
    r.add({"v4 ids, batch 1,000: 1 M streams at random against 1,000 streams", many.rate / m.rate,
           0.5, false, rates(many.rate, m.rate)});
}

void measure_rising(const settings& s, report& r) {
    workload w;
    w.version = 7;
    w.events = s.events / 5;
    const pair_of_rates rising = against_bare_log(s, w);
    r.add({"v7 ids, batch 1,000: against the bare LMDB log", rising.ratio(), 0.6, false,
           rates(rising.ours, rising.theirs)});
    remove_stores(s);
}

void measure_single(const settings& s, report& r) {
    workload w;
    w.batch = 1;
    w.events = s.single_events / 4;
    const pair_of_rates single = against_bare_log(s, w);
    const measurement once =
        run_trial({"one wait", open_bare_lmdb_waiting_once}, w, {}, s.folder / "trial");
    r.add({"single durable append: against a bare LMDB commit", single.ratio(), 0.95, false,
           fmt::format("{}; a bare one that waits once {}", rates(single.ours, single.theirs),
                       rate(once.rate))});
    remove_stores(s);
    const contestant& idem = contestants().front();
    const measurement one = run_trial(idem, w, {}, s.folder / "trial");
    w.batch = 16;
    w.events = s.single_events * 2;
    const measurement full = run_trial(idem, w, {}, s.folder / "trial");
    w.batch = 1;
    w.writers = 16;
    const measurement many = run_trial(idem, w, {}, s.folder / "trial");
    r.add(
        {"16 writers of single events: against one", many.rate / one.rate, 10, false,
         fmt::format("{}; one in batches of 16 {}", rates(many.rate, one.rate), rate(full.rate))});
}

}  // namespace bench
