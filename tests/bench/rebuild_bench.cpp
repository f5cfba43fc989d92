// The rebuild of a typed projection, whole: replay, load, catch-up and swap.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "ledger.hpp"
#include "measure.hpp"
#include "own_process.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

struct rebuilt {
    double rate = 0;          // events a second
    double held_ms = 0;       // the writer, by the swap
    idem::state_digest rows;  // of the same events, the same
};

struct beside {
    double alone = 0;  // events a second
    double together = 0;
    double rebuild = 0;
    double held_ms = 0;
};

void fill(const std::filesystem::path& folder, const workload& w, payload_form form) {
    in_own_process("idem", [&] {
        idem::store store(folder);
        store.add_schema(ledger_schema(1));
        store.add_schema(ledger_schema(2), ledger_upcasters_in_json);
        std::vector<idem::event> batch;
        for (std::uint64_t first = 0; first < w.events; first += w.batch) {
            make_ledger_batch(w, first, form, batch);
            store.append(batch);
        }
        return true;
    });
}

rebuilt rebuild_once(idem::store& store, upcasting how) {
    const auto events = static_cast<double>(store.head());
    const stopwatch watch;
    const auto result = store.rebuild(balances_fold(how));
    const double seconds = watch.seconds();
    return {events / seconds, static_cast<double>(result.writer_held.count()) / 1e6, result.digest};
}

// The best of some, as all of them read from warm memory; but the longest hold of the writer.
void run(const std::filesystem::path& folder, unsigned threads, upcasting how, rebuilt& best) {
    const rebuilt once = in_own_process("rebuild", [&] {
        idem::store store(folder, {.replay_threads = threads});
        return rebuild_once(store, how);
    });
    if (best.rate != 0 && best.rows != once.rows) throw std::runtime_error("other rows");
    best = {std::max(best.rate, once.rate), std::max(best.held_ms, once.held_ms), once.rows};
}

// Appends as fast as it can, in commits of 1,000; counts events and the time that they took.
class appender {
public:
    appender(const std::filesystem::path& folder, std::uint64_t first) : store_(folder) {
        thread_ = std::jthread([this, first](const std::stop_token& stop) {
            const workload w = ledger_workload(0);
            std::vector<idem::event> batch;
            for (std::uint64_t at = first; !stop.stop_requested(); at += w.batch) {
                make_ledger_batch(w, at, payload_form::flatbuffers, batch);
                const stopwatch watch;
                store_.append(batch);
                seconds_ = seconds_ + watch.seconds();
                events_ += w.batch;
                events_.notify_all();
            }
        });
    }
    struct mark {
        double events;
        double seconds;
    };
    mark now() const { return {static_cast<double>(events_), seconds_}; }

    // Until it has appended for so long.
    void wait_for(double seconds) const {
        const double end = seconds_ + seconds;
        while (seconds_ < end) events_.wait(events_);
    }

private:
    idem::store store_;
    std::atomic<std::uint64_t> events_ = 0;
    std::atomic<double> seconds_ = 0;
    std::jthread thread_;
};

// The appender by itself, then beside rebuilds, then by itself again for as long.
beside measure_beside(const std::filesystem::path& folder, std::uint64_t events, double seconds) {
    beside result;
    idem::store store(folder);
    const appender writer(folder, events);
    const auto first = writer.now();
    writer.wait_for(seconds);
    const auto from = writer.now();
    const stopwatch watch;
    std::uint64_t rebuilds = 0;
    do {
        const rebuilt once = rebuild_once(store, upcasting::none);
        result.held_ms = std::max(result.held_ms, once.held_ms);
        result.rebuild += once.rate;
        ++rebuilds;
    } while (watch.seconds() < seconds);
    const auto to = writer.now();
    writer.wait_for(seconds);
    const auto last = writer.now();
    result.rebuild /= static_cast<double>(rebuilds);
    result.together = (to.events - from.events) / (to.seconds - from.seconds);
    result.alone = (last.events - to.events + from.events - first.events) /
                   (last.seconds - to.seconds + from.seconds - first.seconds);
    return result;
}

// By reading all rows and folding them in the application.
struct peer_rate {
    double events = 0;
    double rate = 0;
};
peer_rate rebuild_of_peer(const contestant& who, payload_form form, const settings& s) {
    const double seconds_max = std::min(s.peer_seconds_max, 45.0);
    const std::filesystem::path folder = s.folder / "peer";
    std::filesystem::create_directories(folder);
    const peer_rate result = in_own_process(who.name, [&] {
        const auto peer = who.open(folder);
        const workload w = ledger_workload(s.typed_events);
        std::vector<idem::event> batch;
        std::uint64_t events = 0;
        for (const stopwatch watch; events < w.events && watch.seconds() < seconds_max;) {
            make_ledger_batch(w, events, form, batch);
            events += peer->append(batch);
        }
        double best = 0;
        for (int round = 0; round < 3; ++round) {
            const stopwatch watch;
            balances rows;
            peer->read_all([&](std::string_view stream, std::string_view data) {
                if (form == payload_form::json) return take_json(rows, stream, data);
                take_flatbuffers(rows, data);
            });
            peer->keep(rows);
            best = std::max(best, static_cast<double>(events) / watch.seconds());
        }
        return peer_rate{static_cast<double>(events), best};
    });
    std::filesystem::remove_all(folder);
    return result;
}

void against_peer(const char* name, payload_form form, double ours, const settings& s, report& r) {
    const auto& all = contestants();
    const auto who =
        std::find_if(all.begin(), all.end(), [&](const contestant& c) { return c.name == name; });
    if (who == all.end()) {
        fmt::print("({} is not there)\n", name);
        return;
    }
    const peer_rate peer = rebuild_of_peer(*who, form, s);
    r.add({fmt::format("rebuild, typed, all cores: against reading and folding with {}", name),
           ours / peer.rate, 8, false,
           fmt::format("{}, {:.1f} M events there", rates(ours, peer.rate), peer.events / 1e6)});
}

}  // namespace

void measure_rebuild(const settings& s, report& r) {
    const workload w = ledger_workload(s.typed_events);
    const workload few = ledger_workload(std::max<std::uint64_t>(s.typed_events / 10, 200'000));
    const auto now = s.folder / "now";
    const auto older = s.folder / "older";
    const auto older_few = s.folder / "older-few";
    fill(now, w, payload_form::flatbuffers);
    fill(older, w, payload_form::flatbuffers_v1);
    fill(older_few, few, payload_form::flatbuffers_v1);
    rebuilt one;
    rebuilt two;
    rebuilt all;
    rebuilt builder;
    rebuilt object;
    rebuilt json;
    for (int round = 0; round < 3; ++round) {  // turn about
        run(now, 1, upcasting::none, one);
        run(now, 2, upcasting::none, two);
        run(now, 0, upcasting::none, all);
        run(older, 1, upcasting::builder, builder);
        run(older, 1, upcasting::object, object);
    }
    run(older_few, 1, upcasting::none, json);
    if (one.rows != two.rows || one.rows != builder.rows || one.rows != object.rows) {
        throw std::runtime_error("rebuilds of the same events gave other rows");
    }
    std::filesystem::remove_all(older);
    std::filesystem::remove_all(older_few);
    r.add({"rebuild, typed, 100,000 rows, one core, million events/s", one.rate / 1e6, 3});
    r.add({"rebuild, typed, 100,000 rows, two cores against one", two.rate / one.rate, 1.7, false,
           rates(two.rate, one.rate)});
    r.add({"rebuild, typed, one core: upcast by a builder against not upcast",
           builder.rate / one.rate, 0.7, false,
           fmt::format("{}; by objects {}, by JSON in the store {}", rates(builder.rate, one.rate),
                       rate(object.rate), rate(json.rate))});
    const double seconds = std::max(s.quick ? 1.0 : 4.0, static_cast<double>(w.events) / all.rate);
    const beside m =
        in_own_process("appender", [&] { return measure_beside(now, w.events, seconds); });
    r.add({"appender beside a rebuild on all cores: against alone", m.together / m.alone, 0.7,
           false, fmt::format("{}; the rebuild {}", rates(m.together, m.alone), rate(m.rebuild))});
    r.add({"rebuild, typed: the swap holds the writer, milliseconds, the worst",
           std::max({one.held_ms, two.held_ms, all.held_ms, m.held_ms}), 50, true,
           fmt::format("beside the appender {:.1f}", m.held_ms)});
    std::filesystem::remove_all(now);
    against_peer("SQLite", payload_form::flatbuffers, all.rate, s, r);
    against_peer("Message DB", payload_form::json, all.rate, s, r);
}

}  // namespace bench
