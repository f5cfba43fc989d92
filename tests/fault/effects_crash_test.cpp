// Effects carried out by several processes, and by one that dies at it.
#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>

#include "idem/effects.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

using idem::effect_outcome;
using idem::effect_state;

namespace {

idem::effect numbered_effect(std::uint64_t number) {
    idem::effect e;
    e.name = "mail";
    e.payload = std::to_string(number);
    if (number % 4 == 0) e.order_key = "key " + std::to_string(number % 20);
    return e;
}

idem::uuid declare(idem::store& s, std::uint64_t number, const idem::effect& e) {
    idem::uuid id;
    s.transact([&](idem::transaction& t) {
        t.append(numbered_event(number));
        id = t.declare(numbered_id(number), e);
    });
    return id;
}

// Id and attempt of each call of a handler.
using calls = std::set<std::pair<std::string, std::uint64_t>>;

// False: one of them was there before.
bool add_calls(calls& all, const std::string& lines) {
    std::istringstream in(lines);
    std::string id;
    bool fresh = true;
    for (std::uint64_t attempt = 0; in >> id >> attempt;) {
        fresh = all.emplace(id, attempt).second && fresh;
    }
    return fresh;
}

// A clock an hour ahead: every lease of before is over.
idem::open_options later() {
    return {.clock = [] {
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(
            std::chrono::system_clock::now() + std::chrono::hours(1));
    }};
}

}  // namespace

TEST_CASE("four threads and two processes carry a thousand effects out, each once") {
    constexpr std::uint64_t count = 1000;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    idem::store store(path);
    for (std::uint64_t first = 0; first < count; first += 100) {
        store.transact([&](idem::transaction& t) {
            for (std::uint64_t n = first; n < first + 100; ++n) {
                t.append(numbered_event(n));
                t.declare(numbered_id(n), numbered_effect(n));
            }
        });
    }
    victim_process one({path, "dispatch", std::to_string(count)});
    victim_process two({path, "dispatch", std::to_string(count)});
    std::mutex mutex;
    std::string lines;
    std::vector<std::thread> threads;
    for (int n = 0; n < 4; ++n) {
        threads.emplace_back([&] {
            const auto handler = [&](const idem::effect_delivery& d) {
                const std::scoped_lock lock(mutex);
                lines += to_string(d.id) + " " + std::to_string(d.attempt) + "\n";
                return effect_outcome::done();
            };
            while (store.effects().stats().done < count) store.effects().dispatch(handler);
        });
    }
    for (auto& t : threads) t.join();
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    calls all;
    CHECK(add_calls(all, lines));
    CHECK(add_calls(all, one.lines()));
    CHECK(add_calls(all, two.lines()));
    CHECK(all.size() == count);  // no lease was over, so one attempt each
    for (const auto& call : all) CHECK(call.second == 1);
    CHECK(store.effects().stats().done == count);
    std::uint64_t done_events = 0;
    store.read({.types = {"idem.EffectDone"}}, [&](const idem::event_view&) { ++done_events; });
    CHECK(done_events == count);
}

TEST_CASE("a process is killed between an attempt and its answer: what follows is as was chosen") {
    for (const auto how : {idem::delivery::at_least_once, idem::delivery::at_most_once,
                           idem::delivery::probe_then_retry}) {
        CAPTURE(to_string(how));
        const scratch_folder folder;
        const std::string path = folder / "s.idem";
        idem::effect e = numbered_effect(1);
        e.delivery = how;
        const idem::uuid id = [&] {
            idem::store store(path);
            return declare(store, 1, e);
        }();
        victim_process victim({path, "hang"});
        REQUIRE(victim.read_until_line(to_string(id) + " 1"));
        victim.kill_hard();

        calls seen;
        int probed = 0;
        const auto handler = [&](const idem::effect_delivery& d) {
            seen.emplace(to_string(d.id), d.attempt);
            return effect_outcome::done("second");
        };
        idem::dispatch_options options;
        options.probe = [&](const idem::effect_delivery& d) {
            ++probed;
            CHECK(d.id == id);
            return idem::probe_answer::not_done;
        };
        {
            idem::store store(path);
            CHECK(store.effects().find(id)->state == effect_state::attempted);
            CHECK(store.effects().dispatch(handler, options).attempts == 0);  // the lease runs
        }
        idem::store store(path, later());
        store.effects().dispatch(handler, options);
        const bool again = how != idem::delivery::at_most_once;
        CHECK(seen == (again ? calls{{to_string(id), 2}} : calls{}));
        CHECK(probed == (how == idem::delivery::probe_then_retry ? 1 : 0));
        CHECK(store.effects().find(id)->state ==
              (again ? effect_state::done : effect_state::unknown));
    }
}

TEST_CASE("dispatchers are killed again and again, and each effect is done once in the end") {
    constexpr std::uint64_t count = 300;
    constexpr int kills = 12;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    {
        idem::store store(path);
        for (std::uint64_t n = 0; n < count; ++n) declare(store, n, numbered_effect(n));
    }
    calls all;
    for (int n = 0; n < kills; ++n) {
        victim_process victim({path, "drain"});
        victim.read_until(static_cast<std::size_t>(1 + n * 13 % 97));
        victim.kill_hard();
        CHECK(add_calls(all, victim.lines()));
    }
    idem::store store(path, later());
    const auto counts = store.effects().dispatch([&](const idem::effect_delivery& d) {
        CHECK(all.emplace(to_string(d.id), d.attempt).second);
        return effect_outcome::done();
    });
    CHECK(counts.fenced == 0);
    CHECK(store.effects().stats().done == count);
    std::map<std::string, std::uint64_t> done;
    store.read({.types = {"idem.EffectDone"}},
               [&](const idem::event_view& e) { ++done[std::string(e.correlation_id())]; });
    CHECK(done.size() == count);
    for (const auto& [id, times] : done) CHECK(times == 1);
}
