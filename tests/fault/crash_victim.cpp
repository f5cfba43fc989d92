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
//     crash_victim STORE decide COUNT FIRST makes COUNT decisions, in order and each unless
//     somebody has
//                                           made it, and appends the event FIRST + its number
//     crash_victim STORE tag FIRST          appends numbered events, 1,000 at a time, each with two
//                                           tags, unless one of the batch has been there
//     crash_victim STORE trickle FIRST      appends numbered events, a few at a time, with pauses
//     crash_victim STORE erase FIRST        appends an event of a new data subject and erases the
//                                           subject, over and over; prints its number after both
//     crash_victim STORE rebuild VERSION CURRENT RATE NAP
//                                           rebuilds many_rows(VERSION); CURRENT 0: beside; rests
//                                           for NAP milliseconds at each progress
//     crash_victim STORE rebuild-until VERSION CURRENT SECTION WHAT NUMBER MOMENT FIRST
//                                           the same, until a disk operation of its own (see
//                                           killed_rebuild.hpp), while a thread appends numbered
//                                           events; WHAT: operations or commits; MOMENT: before,
//                                           midway or after
//     crash_victim STORE append-until FIRST BATCHES NUMBER MOMENT
//                                           appends batches of numbered events, until a disk
//                                           operation
//     crash_victim STORE consume            works as the consumer `c` until nothing is left
//     crash_victim STORE die-at WHEN        handles one batch of `c`, and is killed `before` its
//                                           commit or `after` it; exits with 0 where nothing is
//                                           left
//     crash_victim STORE ingest COUNT       takes in the positions 1..COUNT of a source, from where
//                                           it stands, each behind the one before
//
// `rebuild` prints "PHASE POSITION WHOLE" for each progress, and "done" at its end. What it has
// appended it prints once the append has returned: "NUMBER POSITION" for each event
// (`fill`, `tag`, `trickle`: for the last of each batch), in one write a batch; `race` "NUMBER
// OUTCOME POSITION"; `decide` "NUMBER OUTCOME POSITION", the latter of the event or of the match;
// `deliver` "FIRST APPENDED", how many of a batch were new; `consume` "POSITION" for each batch
// that it begins, and "done"; `ingest` "POSITION" for each that was accepted; `once` and `claim`
// "KEY ran" for each key whose work it did, and `once` "KEY RESULT" for each answer.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "counting_fold.hpp"
#include "disk_kill.hpp"
#include "idem/store.hpp"
#include "killed_rebuild.hpp"
#include "many_rows_fold.hpp"
#include "sample_events.hpp"
#include "stream_counts.hpp"

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

void decide(idem::store& store, std::uint64_t count, std::uint64_t first) {
    for (std::uint64_t i = 0; i < count; ++i) {
        auto e = numbered_event(first + i);
        e.tags = {"all", "decision:" + std::to_string(i)};
        const auto result = store.append({&e, 1}, {.unless = {{.tags = {e.tags.back()}}}});
        const std::uint64_t at =
            result.accepted() ? result.receipts.at(0).position : result.rejection->match.value();
        say(std::to_string(i) + " " + std::string(to_string(result.outcome())) + " " +
            std::to_string(at) + "\n");
    }
}

void tag_for_ever(idem::store& store, std::uint64_t first) {
    for (;; first += 1000) {
        auto batch = numbered_batch(first, 1000);
        const std::string own = "batch:" + std::to_string(first);
        for (std::size_t i = 0; i < batch.size(); ++i) {
            batch[i].tags = {own, "some:" + std::to_string(i % 7)};
        }
        const auto last = store.append(batch, {.unless = {{.tags = {own}}}}).receipts.back();
        say(std::to_string(first + 999) + " " + std::to_string(last.position) + "\n");
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

void erase_for_ever(idem::store& store, std::uint64_t number) {
    for (;; ++number) {
        idem::event e = numbered_event(number);
        e.data_subject = "c" + std::to_string(number);
        store.append(e);
        store.erase_subject(e.data_subject);
        say(std::to_string(number) + "\n");
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

disk_kill::moment moment_of(std::string_view word) {
    return word == "after"    ? disk_kill::moment::after
           : word == "midway" ? disk_kill::moment::midway
                              : disk_kill::moment::before;
}

void rebuild_until(idem::store& store, const killed_rebuild& r, std::uint64_t number) {
    std::mutex mutex;
    std::condition_variable more;
    std::uint64_t appended = 0;
    constexpr std::uint64_t batch_events = 20;
    std::jthread appender([&](const std::stop_token& stop) {
        disk_kill::spare_this_thread();
        for (; !stop.stop_requested(); number += batch_events) {
            const auto last = store.append(numbered_batch(number, batch_events)).receipts.back();
            say(std::to_string(number + batch_events - 1) + " " + std::to_string(last.position) +
                "\n");
            {
                const std::scoped_lock lock(mutex);
                appended += batch_events;
            }
            more.notify_one();
            rest_for(1);
        }
    });
    r.run(
        store,
        [&](std::uint64_t events) {
            std::unique_lock lock(mutex);
            more.wait(lock, [&, end = appended + events] { return appended >= end; });
        },
        say);
    say("done\n");
}

void append_until(idem::store& store, std::uint64_t number, std::uint64_t batches,
                  std::uint64_t operation, disk_kill::moment when) {
    disk_kill::arm(operation, when);
    for (std::uint64_t i = 0; i < batches; ++i) {
        const std::uint64_t events = 1 + i % 4 * 50;
        const auto last = store.append(numbered_batch(number, events)).receipts.back();
        number += events;
        say(std::to_string(number - 1) + " " + std::to_string(last.position) + "\n");
    }
    say("done\n");
}

void consume(idem::store& store) {
    store.consumers().run(
        "c",
        [](const idem::consumer_batch& batch, std::vector<idem::event>& produced) {
            say(std::to_string(batch.covered) + "\n");
            return count_streams(batch, produced);
        },
        {.wait = false});
    say("done\n");
}

void die_at(idem::store& store, std::string_view when) {
    const auto batch = store.consumers().next("c");
    if (batch.events.empty()) return;
    std::vector<idem::event> produced;
    const auto state = count_streams(batch, produced);
    if (when == "after") store.consumers().advance(batch, state, produced);
    ::raise(SIGKILL);
}

void ingest(idem::store& store, std::uint64_t count) {
    for (;;) {
        const auto source = store.consumers().find_source("source");
        const std::uint64_t last = source ? *source->position : 0;
        if (last == count) return;
        const idem::event e = numbered_event(last + 1);
        const idem::ingest_options options =
            source ? idem::ingest_options{.after = last} : idem::ingest_options{};
        const auto answer = store.consumers().ingest("source", last + 1, std::span(&e, 1), options);
        if (answer.outcome != idem::ingest_outcome::accepted) continue;
        say(std::to_string(last + 1) + "\n");
    }
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

// What commands and what follows from them do. False: it is something else.
bool work_on_commands(idem::store& store, std::string_view what, char** argv) {
    if (what == "consume") {
        consume(store);
    } else if (what == "die-at") {
        die_at(store, argv[3]);
    } else if (what == "ingest") {
        ingest(store, std::stoull(argv[3]));
    } else if (what == "once") {
        race_once(store, std::stoull(argv[3]));
    } else if (what == "claim") {
        race_claims(store, std::stoull(argv[3]));
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const std::string_view what = argv[2];
    idem::store store(argv[1]);
    if (work_on_commands(store, what, argv)) return 0;
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
    } else if (what == "decide") {
        decide(store, std::stoull(argv[3]), std::stoull(argv[4]));
    } else if (what == "tag") {
        tag_for_ever(store, std::stoull(argv[3]));
    } else if (what == "trickle") {
        trickle_for_ever(store, std::stoull(argv[3]));
    } else if (what == "erase") {
        erase_for_ever(store, std::stoull(argv[3]));
    } else if (what == "rebuild") {
        rebuild(store, static_cast<std::uint32_t>(std::stoul(argv[3])), argv[4][0] == '1',
                std::stoull(argv[5]), std::stoi(argv[6]));
    } else if (what == "rebuild-until") {
        rebuild_until(
            store,
            {.version = static_cast<std::uint32_t>(std::stoul(argv[3])),
             .make_current = argv[4][0] == '1',
             .section = argv[5],
             .what = std::string_view(argv[6]) == "commits" ? disk_kill::counted::commits
                                                            : disk_kill::counted::operations,
             .number = std::stoull(argv[7]),
             .when = moment_of(argv[8])},
            std::stoull(argv[9]));
    } else if (what == "append-until") {
        append_until(store, std::stoull(argv[3]), std::stoull(argv[4]), std::stoull(argv[5]),
                     moment_of(argv[6]));
    } else if (what == "race") {
        const std::uint64_t count = std::stoull(argv[3]);
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto r = store.append(numbered_event(i)).receipts.at(0);
            say(std::to_string(i) + " " + std::string(to_string(r.outcome)) + " " +
                std::to_string(r.position) + "\n");
        }
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
