// A process to be killed at any moment.
//
//     crash_victim STORE append FIRST       appends numbered events in batches, from three threads,
//                                           with an inline projection
//     crash_victim STORE fill FIRST         appends numbered events, 1,000 at a time
//     crash_victim STORE catch-up           catches the projection up, over and over
//     crash_victim STORE race COUNT         appends the events 0..COUNT-1
//     crash_victim STORE once COUNT         runs the work of COUNT keys, from 16 threads
//     crash_victim STORE claim COUNT        claims COUNT keys and completes what it was granted
//     crash_victim STORE deliver COUNT AT   appends the events 0..COUNT-1, 1,000 at a time, from AT
//                                           on and then those before
//     crash_victim STORE trickle FIRST      appends numbered events, a few at a time, with pauses
//     crash_victim STORE rebuild VERSION CURRENT RATE NAP
//                                           rebuilds many_rows(VERSION); CURRENT 0: beside; rests
//                                           for NAP milliseconds at each progress
//
// `rebuild` prints "PHASE POSITION WHOLE" for each progress, and "done" at its end. What it has
// appended it prints once the append has returned: "NUMBER POSITION" for each event
// (`fill`: for the last of each batch), in one write a batch; `race` "NUMBER OUTCOME POSITION";
// `deliver` "FIRST APPENDED", how many of a batch were new; `once` and `claim` "KEY ran" for each
// key whose work it did, and `once` "KEY RESULT" for each answer.
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "counting_fold.hpp"
#include "idem/store.hpp"
#include "many_rows_fold.hpp"
#include "sample_events.hpp"

namespace {

constexpr std::uint64_t numbers_per_thread = 1'000'000;

void say(const std::string& lines) {
    static std::mutex mutex;
    const std::scoped_lock lock(mutex);
    // Lines of one write up to PIPE_BUF arrive whole or not at all.
    if (::write(STDOUT_FILENO, lines.data(), lines.size()) < 0) std::_Exit(1);
}

void append_for_ever(idem::store& store, std::uint64_t number) {
    for (std::uint64_t size = 1;; size = size % 23 + 1) {
        std::vector<idem::event> batch;
        for (std::uint64_t i = 0; i < size; ++i) {
            batch.push_back(numbered_event(number + i, "s" + std::to_string((number + i) % 11)));
        }
        std::string lines;
        for (const auto& r : store.append(batch).receipts) {
            lines += std::to_string(number++) + " " + std::to_string(r.position) + "\n";
        }
        say(lines);
    }
}

// Not to wait for anything: it spreads the work, so that a kill falls into any part of it.
void rest_for(int ms) {
    ::poll(nullptr, 0, ms);
}

void trickle_for_ever(idem::store& store, std::uint64_t number) {
    for (;;) {
        const auto last = store.append(numbered_batch(number, 5)).receipts.back();
        number += 5;
        say(std::to_string(number - 1) + " " + std::to_string(last.position) + "\n");
        rest_for(3);
    }
}

void rebuild(idem::store& store, std::uint32_t version, bool make_current, std::uint64_t rate,
             int nap_ms) {
    store.rebuild(many_rows(version), {.events_per_second_max = rate,
                                       .memory_bytes_max = 1 << 20,
                                       .make_current = make_current,
                                       .progress = [nap_ms](const idem::rebuild_progress& p) {
                                           say(std::string(to_string(p.now)) + " " +
                                               std::to_string(p.position) + " " +
                                               std::to_string(p.whole) + "\n");
                                           rest_for(nap_ms);
                                           return true;
                                       }});
    say("done\n");
}

// The result tells who did the work.
void race_once(idem::store& store, std::uint64_t keys) {
    std::vector<std::thread> threads;
    for (int n = 0; n < 16; ++n) {
        threads.emplace_back([&store, keys, n] {
            const std::string name = std::to_string(::getpid()) + "/" + std::to_string(n);
            for (std::uint64_t i = 0; i < keys; ++i) {
                const auto answer =
                    store.once({"owner", "work"}, std::to_string(i), {}, [&](idem::transaction& t) {
                        idem::event e;  // of another id in each run
                        e.stream = "work-" + std::to_string(i);
                        e.type = "Worked";
                        e.data = "{}";
                        t.append(std::move(e));
                        return name;
                    });
                if (answer.completed() && !answer.replayed) say(std::to_string(i) + " ran\n");
                say(std::to_string(i) + " " + answer.result + "\n");
            }
        });
    }
    for (auto& t : threads) t.join();
}

void race_claims(idem::store& store, std::uint64_t keys) {
    for (std::uint64_t i = 0; i < keys; ++i) {
        auto answer = store.keys().claim({"owner", "claim"}, std::to_string(i), {}, {});
        if (!answer.lease) continue;
        say(std::to_string(i) + " ran\n");
        if (!answer.lease->complete("done").completed()) std::_Exit(3);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view what = argv[2];
    idem::store store(argv[1]);
    if (what == "append") {
        store.run(counting_fold(), idem::projection_mode::inline_);
        const std::uint64_t first = std::stoull(argv[3]);
        std::vector<std::thread> threads;
        for (std::uint64_t t = 0; t < 3; ++t) {
            threads.emplace_back([&store, number = first + t * numbers_per_thread] {
                append_for_ever(store, number);
            });
        }
        for (auto& thread : threads) thread.join();
    } else if (what == "fill") {
        for (std::uint64_t first = std::stoull(argv[3]);; first += 1000) {
            const auto last = store.append(numbered_batch(first, 1000)).receipts.back();
            say(std::to_string(first + 999) + " " + std::to_string(last.position) + "\n");
        }
    } else if (what == "catch-up") {
        store.run(counting_fold(), idem::projection_mode::manual);
        say("started\n");
        for (;;) store.catch_up("counts");
    } else if (what == "trickle") {
        trickle_for_ever(store, std::stoull(argv[3]));
    } else if (what == "rebuild") {
        rebuild(store, static_cast<std::uint32_t>(std::stoul(argv[3])), argv[4][0] == '1',
                std::stoull(argv[5]), std::stoi(argv[6]));
    } else if (what == "race") {
        const std::uint64_t count = std::stoull(argv[3]);
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto r = store.append(numbered_event(i)).receipts.at(0);
            say(std::to_string(i) + " " + std::string(to_string(r.outcome)) + " " +
                std::to_string(r.position) + "\n");
        }
    } else if (what == "once") {
        race_once(store, std::stoull(argv[3]));
    } else if (what == "claim") {
        race_claims(store, std::stoull(argv[3]));
    } else if (what == "deliver") {
        const std::uint64_t count = std::stoull(argv[3]);
        const std::uint64_t at = std::stoull(argv[4]);
        for (std::uint64_t n = 0; n < count; n += 1000) {
            const std::uint64_t first = (at + n) % count;
            std::uint64_t appended = 0;
            for (const auto& r : store.append(numbered_batch(first, 1000)).receipts) {
                appended += r.outcome == idem::outcome::appended;
            }
            say(std::to_string(first) + " " + std::to_string(appended) + "\n");
        }
    }
    return 0;
}
