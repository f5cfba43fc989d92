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

constexpr int rounds = 3;

idem::projection fold_in(idem::fold_order order) {
    idem::projection fold = balances_fold(upcasting::none);
    fold.order = order;
    return fold;
}

// One that has folded the first half when the second comes, for one measurement.
idem::projection following(idem::fold_order order, unsigned threads, int round) {
    idem::projection fold = fold_in(order);
    fold.name = fmt::format("{}-{}-{}", idem::to_string(order), threads, round);
    return fold;
}

void fold_first_half(idem::store& store) {
    for (const auto order : {idem::fold_order::arrival, idem::fold_order::canonical}) {
        for (unsigned threads = 1; threads <= 2; ++threads) {
            for (int round = 0; round < rounds; ++round) {
                const auto fold = following(order, threads, round);
                store.run(fold, idem::projection_mode::manual);
                store.catch_up(fold.name);
            }
        }
    }
}

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
            if (first <= w.events / 2 && w.events / 2 < first + w.batch) fold_first_half(store);
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

// Anew: a rebuild. Live: what comes behind the events that were folded, late ones among them.
void fold_once(const std::filesystem::path& folder, idem::fold_order order, unsigned threads,
               int round, folded& best) {
    const auto measured = in_own_process("fold", [&] {
        idem::store store(folder, {.replay_threads = threads});
        folded result;
        {
            const stopwatch watch;
            store.rebuild(fold_in(order));
            result.anew = static_cast<double>(store.head()) / watch.seconds();
        }
        const auto fold = following(order, threads, round);
        const auto before = store.find_projection(fold.name).value().position;
        store.run(fold, idem::projection_mode::manual);
        {
            const stopwatch watch;
            store.catch_up(fold.name);
            result.live = static_cast<double>(store.head() - before) / watch.seconds();
        }
        const auto after = store.find_projection(fold.name).value();
        if (after.position != store.head() || after.refolds != 0) {
            throw std::runtime_error("the projection was not brought up by what came");
        }
        return result;
    });
    best.anew = std::max(best.anew, measured.anew);
    best.live = std::max(best.live, measured.live);
}

}  // namespace

void measure_canonical(const settings& s, report& r) {
    const workload w = ledger_workload(std::min<std::uint64_t>(s.typed_events, 4'000'000));
    const auto folder = s.folder / "canonical";
    fill(folder, w);
    folded arrival[2];
    folded canonical[2];
    for (int round = 0; round < rounds; ++round) {  // turn about
        for (unsigned threads = 1; threads <= 2; ++threads) {
            fold_once(folder, idem::fold_order::arrival, threads, round, arrival[threads - 1]);
            fold_once(folder, idem::fold_order::canonical, threads, round, canonical[threads - 1]);
        }
    }
    std::filesystem::remove_all(folder);
    for (int i = 0; i < 2; ++i) {
        r.add({fmt::format("rebuild in canonical order, 1 % late, {}: against that of arrival",
                           i == 0 ? "one core" : "two cores"),
               canonical[i].anew / arrival[i].anew, 0.5, false,
               rates(canonical[i].anew, arrival[i].anew)});
        r.add({fmt::format("events come to canonical rows, 1 % late, {}: against those of arrival",
                           i == 0 ? "one core" : "two cores"),
               canonical[i].live / arrival[i].live, 0.5, false,
               rates(canonical[i].live, arrival[i].live)});
    }
}

}  // namespace bench
