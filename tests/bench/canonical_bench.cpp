// Folds in canonical order, of a log in which one event of a hundred comes late, against the same
// fold in the order of arrival: from nothing, and event after event in its wake.
#include <fmt/format.h>

#include <algorithm>

#include "idem/replica.hpp"
#include "ledger.hpp"
#include "measure.hpp"
#include "own_process.hpp"

namespace bench {
namespace {

constexpr std::uint64_t late_one_in = 100;
constexpr std::uint64_t late_by_max = 20'000;  // events

// Two origins: what the second has made comes late.
void fill(const std::filesystem::path& folder, const workload& w) {
    in_own_process("idem", [&] {
        idem::store store(folder);
        store.add_schema(ledger_schema(1));
        store.add_schema(ledger_schema(2), ledger_upcasters_in_json);
        const idem::uuid origins[] = {idem::make_uuid_v7(), idem::make_uuid_v7()};
        std::uint64_t counters[] = {0, 0};
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        const auto ms = std::chrono::floor<std::chrono::milliseconds>(now).count();
        const std::uint64_t end = static_cast<std::uint64_t>(ms) << 16;
        std::vector<idem::event> batch;
        std::vector<idem::recorded_event> stamped;
        std::uint64_t late_clock = 0;
        for (std::uint64_t first = 0; first < w.events; first += w.batch) {
            make_ledger_batch(w, first, payload_form::flatbuffers, batch);
            stamped.clear();
            for (std::uint64_t i = 0; i < batch.size(); ++i) {
                idem::recorded_event e;
                static_cast<idem::event&>(e) = batch[i];
                // An hour of events, of which the last has just come.
                std::uint64_t number = first + i;
                const bool late = mixed(number) % late_one_in == 0 && number > late_by_max;
                if (late) number -= 1 + mixed(number + 1) % late_by_max;
                std::uint64_t clock = end - ((w.events - number) << 8);
                if (late) clock = late_clock = std::max(clock + 1, late_clock + 1);
                e.stamp = {clock, origins[late ? 1 : 0], ++counters[late ? 1 : 0]};
                stamped.push_back(std::move(e));
            }
            for (const auto& answer : store.replica().accept(stamped)) {
                if (answer.position == 0) throw std::runtime_error(answer.reason);
            }
        }
        return true;
    });
}

struct folded {
    double anew = 0;  // events a second
    double live = 0;
};

// Anew: a rebuild. Live: a manual projection, once the log was there, from a kept beginning.
folded fold_once(const std::filesystem::path& folder, idem::fold_order order, unsigned threads) {
    return in_own_process("fold", [&] {
        idem::store store(folder, {.replay_threads = threads});
        idem::projection fold = balances_fold(upcasting::none);
        fold.order = order;
        const auto events = static_cast<double>(store.head());
        folded result;
        {
            const stopwatch watch;
            store.rebuild(fold);
            result.anew = events / watch.seconds();
        }
        return result;
    });
}

}  // namespace

void measure_canonical(const settings& s, report& r) {
    const workload w = ledger_workload(std::min<std::uint64_t>(s.typed_events, 4'000'000));
    const auto folder = s.folder / "canonical";
    fill(folder, w);
    folded arrival[2];
    folded canonical[2];
    for (int round = 0; round < 3; ++round) {  // turn about
        for (unsigned threads = 1; threads <= 2; ++threads) {
            auto& a = arrival[threads - 1];
            auto& c = canonical[threads - 1];
            a.anew = std::max(a.anew, fold_once(folder, idem::fold_order::arrival, threads).anew);
            c.anew = std::max(c.anew, fold_once(folder, idem::fold_order::canonical, threads).anew);
        }
    }
    std::filesystem::remove_all(folder);
    for (int i = 0; i < 2; ++i) {
        r.add({fmt::format("rebuild in canonical order, 1 % late, {}: against that of arrival",
                           i == 0 ? "one core" : "two cores"),
               canonical[i].anew / arrival[i].anew, 0.5, false,
               rates(canonical[i].anew, arrival[i].anew)});
    }
}

}  // namespace bench
