// Commands under idempotency keys against plain appends of the same events, and sweeps beside
// appends.
#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "idem/store.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace bench {
namespace {

const idem::key_scope scope{"customer", "order"};

void append_once(idem::store& to, const idem::event& e) {
    const auto answer = to.once(scope, to_string(e.id), idem::request().with("order", e.stream),
                                [&e](idem::transaction& t) {
                                    t.append(e);
                                    return "accepted";
                                });
    if (!answer.completed()) throw std::runtime_error("a key was not completed");
}

// Seconds that so many threads take for their shares of `events`.
double run_threads(std::size_t threads, const std::vector<idem::event>& events,
                   const std::function<void(const idem::event&)>& each) {
    std::atomic<std::size_t> next = 0;
    const stopwatch watch;
    std::vector<std::thread> all;
    for (std::size_t n = 0; n < threads; ++n) {
        all.emplace_back([&] {
            for (std::size_t i = next++; i < events.size(); i = next++) each(events[i]);
        });
    }
    for (auto& t : all) t.join();
    return watch.seconds();
}

void measure_once(const settings& s, std::size_t threads, std::uint64_t events, report& r) {
    idem::store plain(s.folder / "plain");
    idem::store keyed(s.folder / "keyed");
    workload w;
    w.batch = 50 * threads;  // turn about, so that neither has the quieter disk
    double plain_seconds = 0;
    double keyed_seconds = 0;
    std::vector<idem::event> batch;
    for (std::uint64_t first = 0; first < events; first += w.batch) {
        w.events = first + w.batch;
        make_batch(w, first, batch);
        plain_seconds +=
            run_threads(threads, batch, [&](const idem::event& e) { plain.append(e); });
        keyed_seconds +=
            run_threads(threads, batch, [&](const idem::event& e) { append_once(keyed, e); });
    }
    const auto count = static_cast<double>(events);
    r.add({fmt::format("once of one event, {} caller{}: time against a plain append", threads,
                       threads == 1 ? "" : "s"),
           keyed_seconds / plain_seconds, 1.3, true,
           rates(count / keyed_seconds, count / plain_seconds)});
}

// Keys whose results have expired, as an import would bring them.
void fill_with_keys(idem::store& to, std::uint64_t keys) {
    constexpr std::uint64_t at_once = 10'000;
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < keys; ++i) {
        idem::event e;
        e.stream = "$keys";
        e.type = "idem.KeyFinished";
        const auto hash = idem::to_string(idem::make_uuid_v4());
        std::string hex;
        for (const char c : hash) {
            if (c != '-') hex += c;
        }
        e.data = fmt::format(
            R"({{"key":"{}","owner":"customer","operation":"order","name":"blake2b:{}",)"
            R"("request":"{}",)"
            R"("fence":0,"rejected":false,"result":"accepted","at":{},"expires":{},)"
            R"("horizon":{}}})",
            hex, hex, hex, 1'700'000'000'000 + i, 1'700'086'400'000 + i, 9'000'000'000'000);
        batch.push_back(std::move(e));
        if (batch.size() < at_once && i + 1 < keys) continue;
        to.append(batch);
        batch.clear();
    }
}

// Appends until it is stopped, in commits of 1,000.
class steady_appender {
public:
    steady_appender(idem::store& to, std::uint64_t first)
        : thread_([this, &to, first] {
              workload w;
              std::vector<idem::event> batch;
              for (std::uint64_t at = first; !stop_; at += w.batch) {
                  w.events = at + w.batch;
                  make_batch(w, at, batch);
                  to.append(batch);
                  appended_ += batch.size();
              }
          }) {}
    ~steady_appender() {
        stop_ = true;
        thread_.join();
    }
    double rate_over(const std::function<void()>& meanwhile) {
        const auto before = appended_.load();
        const stopwatch watch;
        meanwhile();
        return static_cast<double>(appended_ - before) / watch.seconds();
    }

private:
    std::atomic<bool> stop_ = false;
    std::atomic<std::uint64_t> appended_ = 0;
    std::thread thread_;
};

void measure_sweep(const settings& s, report& r) {
    idem::store store(s.folder / "swept");
    const stopwatch filling;
    fill_with_keys(store, s.swept_keys);
    const double fill_seconds = filling.seconds();
    steady_appender appender(store, 0);
    // Not to wait for anything: it is the pace of the sweep, and the length of the measurement.
    const auto rest = [](double seconds) { ::poll(nullptr, 0, static_cast<int>(seconds * 1e3)); };
    constexpr double long_enough = 5;
    const double before = appender.rate_over([&] { rest(long_enough); });
    double worst_ms = 0;
    double seconds = 0;
    std::uint64_t swept = 0;
    const double beside = appender.rate_over([&] {
        const stopwatch whole;
        for (bool more = true; more;) {
            const stopwatch watch;
            const auto step = store.keys().sweep();
            swept += step.expired;
            more = step.more;
            worst_ms = std::max(worst_ms, watch.seconds() * 1e3);
            rest(4 * watch.seconds());  // as `idem keys sweep --all` does
        }
        seconds = whole.seconds();
    });
    const double after = appender.rate_over([&] { rest(long_enough); });
    if (swept != s.swept_keys) throw std::runtime_error("not every key was swept");
    const double alone = (before + after) / 2;
    r.add({fmt::format("an appender beside a sweep of {} keys against alone", s.swept_keys),
           beside / alone, 0.7, false,
           fmt::format("{}; {:.1f} s, the longest step {:.0f} ms; they were imported at {}",
                       rates(beside, alone), seconds, worst_ms,
                       rate(static_cast<double>(s.swept_keys) / fill_seconds))});
}

}  // namespace

void measure_keys(const settings& s, report& r) {
    for (const std::size_t threads : {std::size_t{1}, std::size_t{16}}) {
        measure_once(s, threads, s.single_events * (threads == 1 ? 1 : 4) / 4, r);
        for (const char* name : {"plain", "keyed"}) std::filesystem::remove_all(s.folder / name);
    }
    measure_sweep(s, r);
    std::filesystem::remove_all(s.folder / "swept");
}

}  // namespace bench
