// Two stores get what either lacks: each event once, with the stamps that it was made with.
//
// The stores compare sums of ranges of what they hold and narrow down where these differ (Meyer
// 2023, "Range-Based Set Reconciliation"), so what is said grows with the differences, not with the
// stores. Each message of events is committed before the next is asked for: a sync that was broken
// off is run again, and goes on where it was.
//
// Events that are appended while a sync runs may be left to the next one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "idem/store.hpp"

namespace idem {

// An event that was not taken in, by which side and why.
struct sync_problem {
    enum class kind : std::uint8_t {
        conflict,  // two events have its id: a person has to say which of them is right
        refused,   // its stamp is too far ahead, or a rule of the store rejects it
    };
    kind is = kind::conflict;
    bool here = true;  // this side did not take it in; false: the other did not
    uuid id = {};
    std::uint64_t position = 0;  // here, of the event that has the id; 0: none
    std::string field = {};      // the first that differs; empty where the other side did not say
    std::string reason = {};
};

struct sync_result {
    static constexpr std::size_t problems_max = 1000;

    std::uint64_t received = 0;  // events that are new here
    std::uint64_t sent = 0;      // events that are new there
    // The rest of both directions:
    std::uint64_t noted = 0;      // known already; now by this stamp too
    std::uint64_t forks = 0;      // of the new ones: two histories were written under one origin
    std::uint64_t parked = 0;     // wait for one before them, which the other side does not have
    std::uint64_t conflicts = 0;  // refusals: an id with two contents is refused on both sides
    std::uint64_t refused = 0;
    std::uint64_t skipped = 0;  // sealed under a key that is not in the store that has them
    std::vector<sync_problem> problems = {};  // the first ones
    std::uint64_t rounds = 0;                 // questions, each with its answer
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    // Both sides hold the same events. What was appended meanwhile is left aside.
    bool in_sync() const noexcept { return parked + conflicts + refused + skipped == 0; }
};

struct sync_options {
    // How long the other side may be silent. It may have to make its order index first.
    std::chrono::milliseconds silence_max = std::chrono::minutes(10);
};

// Any thread; both stores may be in use. They are open for writing. Throws as append does.
sync_result sync_stores(store& here, store& there);

// With a serve_sync() at the other end of two pipes, or of one socket. The descriptors stay open,
// and are the caller's, who ignores SIGPIPE. Throws errc::io where the other side is gone or
// silent, errc::invalid_input where it speaks another language; and as append does. What was taken
// in by then stays.
sync_result sync_over(store& here, int read_descriptor, int write_descriptor,
                      const sync_options& options = {});

// Answers a sync_over(), until that closes its end. Throws as it does.
void serve_sync(store& here, int read_descriptor, int write_descriptor,
                const sync_options& options = {});

}  // namespace idem
