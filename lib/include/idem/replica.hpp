// Events that were made in other stores, and came by any way, in any order, any number of times.
//
// A stamp tells where an event stands in causal order: its clock, the origin that made it, and how
// many that origin had made by then. Events that are accepted keep their stamp, so that all copies
// agree on their order; and the events of each origin enter in its own order.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/convergent.hpp"
#include "idem/event.hpp"

namespace idem {

// How an event stands to what a store knows. Exactly one holds.
enum class causal_class : std::uint8_t {
    next,          // the one that follows of its origin, and no other origin's clock is beyond it
    concurrent,    // it follows as well; others made events meanwhile, which did not know of it
    duplicate,     // known with this content, and the newest of its origin
    stale,         // known with this content, and its origin has gone on since
    gap,           // events of its origin before it have not come
    equivocation,  // its id is known with other content, or another event has its place
};
std::string_view to_string(causal_class value) noexcept;

struct classification {
    causal_class is = causal_class::next;
    std::uint64_t known_counter = 0;  // all of its origin up to there are known
    std::uint64_t position = 0;       // of the known event; 0: its id is not known
    std::string field = {};           // equivocation: the first that differs; "counter" where the
                                      // id is new
};

enum class accept_outcome : std::uint8_t {
    appended,   // it is in the log
    duplicate,  // it was known; if it came with another stamp, that is known now too
    parked,     // it waits for what comes before it
    forked,     // it is in the log, though its counter was taken: two histories under one origin
    refused,    // equivocation, a stamp too far ahead, or it breaks a rule; nothing was written
};
std::string_view to_string(accept_outcome value) noexcept;

struct accepted_event {
    accept_outcome outcome = accept_outcome::appended;
    classification found = {};   // what it was when it came
    std::uint64_t position = 0;  // in the log; 0: it is not there
    std::string reason = {};     // of what was refused
};

struct accept_options {
    // Take an event whose counter another event has: what two copies of one store have written,
    // each for itself, is lost in neither.
    bool keep_forks = false;
};

struct parked_event {
    uuid id = {};
    uuid origin = {};
    std::uint64_t counter = 0;
    std::uint64_t missing_from = 0;  // the counter that is awaited
    std::string stream = {};
    std::string type = {};
};

struct origin_info {
    uuid origin = {};
    std::uint64_t counter = 0;  // all up to it are here
    std::uint64_t clock = 0;    // the greatest of its stamps here
    bool own = false;           // of events that are appended here
};

// A store as one of several. Any thread. Lives as long as its store.
class replica {
public:
    class impl;
    explicit replica(impl& i) noexcept : impl_(&i) {}

    // How the event stands, as of now. Nothing is written.
    classification classify(const recorded_event& e) const;

    // Takes events in, in the order given, in one commit. Position and revision are not heeded:
    // the log gives its own. Accepted events create no effects and run no sagas here: that is for
    // the store where they were made. An answer for each event. At most limits::parked_max events
    // wait at one time; what comes beyond that is refused.
    std::vector<accepted_event> accept(std::span<const recorded_event> events,
                                       const accept_options& options = {});

    // What this store has, of each origin: whoever has all that has read whatever this one's
    // readers have.
    version_vector frontier() const;
    // Until this store has all that `wanted` covers. False: not within `timeout`.
    bool wait_for(const version_vector& wanted, std::chrono::milliseconds timeout) const;

    std::vector<parked_event> parked() const;
    std::vector<origin_info> origins() const;

private:
    impl* impl_;
};

}  // namespace idem
