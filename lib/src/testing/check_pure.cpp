#include <algorithm>
#include <filesystem>

#include "idem/error.hpp"
#include "testing/checks.hpp"
#include "testing/child.hpp"
#include "testing/outcome.hpp"
#include "testing/scratch.hpp"
#include "testing/world.hpp"

namespace idem::testing {
namespace {

outcome replay_in(const store& from, const projection& p, const world& w) {
    const entered_world entered(w);
    try {
        return outcome_of(from.replay(in_world(p, w)));
    } catch (const error& e) {
        if (e.code() != errc::handler_failed) throw;
        return {.failure = e.what()};
    }
}

outcome replay_in_child(const store& from, const projection& p, const world& w) {
    const auto folder = from.path();
    const auto end = in_child([&] {
        const store own(std::filesystem::absolute(folder), scratch_options());
        return encode(replay_in(own, p, w));
    });
    if (end.signal != 0) {
        return {.failure =
                    "the process that replayed died of signal " + std::to_string(end.signal)};
    }
    if (!end.fault.empty()) return {.failure = end.fault};
    return decode_outcome(end.said);
}

// Lets the handlers see the events from the last to the first; what comes of it does not matter.
void see_backwards(const store& from, const projection& p) {
    const scratch_folder folder;
    store other(folder.path() / "backwards.idem", scratch_options());
    std::vector<event> setup;
    std::vector<event> events;
    from.read({}, [&](const event_view& e) {
        (e.stream().starts_with('$') ? setup : events).push_back(e.to_owned());
    });
    std::reverse(events.begin(), events.end());
    other.append(setup);
    other.append(events);
    try {
        (void)other.replay(p);
    } catch (const error&) {
        // that a fold fails in this order is not the question here
    }
}

fault difference(const projection& p, const outcome& one, const outcome& other,
                 const std::string& where) {
    if (one.same_as(other)) return {};
    if (one.failure.empty() != other.failure.empty()) {
        return {finding_kind::fails,
                "a replay of the same events fails " + where + ", and another does not: " +
                    (one.failure.empty() ? other.failure : one.failure) +
                    "; a handler must depend on the events and its rows alone"};
    }
    return {finding_kind::impure,
            "two replays of the same events give other rows " + where +
                ": the handler reads something that is neither the event nor its rows",
            differing_rows(p, one, other)};
}

fault compare_worlds(const store& from, const projection& p, bool processes) {
    std::optional<outcome> alone;  // first: nothing has been called in this process yet
    if (processes) {
        alone = replay_in_child(from, p,
                                {.clock_ahead_s = 40'000'123, .seed = 77, .other_place = true});
    }
    const auto reads_before = clock_reads();
    const outcome here = replay_in(from, p, {.clock_ahead_s = 0, .seed = 1});
    const std::string hint =
        clock_reads() == reads_before ? "" : "; it asked for the time while it ran";
    const auto with_hint = [&](fault found) {
        if (!found.message.empty()) found.message += hint;
        return found;
    };
    if (alone) {
        if (auto f = difference(p, here, *alone, "in another process, at another time");
            !f.message.empty()) {
            return with_hint(std::move(f));
        }
    }
    see_backwards(from, p);
    const outcome again = replay_in(from, p, {.clock_ahead_s = -7'000'021, .seed = 0xa5});
    return with_hint(difference(p, here, again, "later in the same process, with the clock moved"));
}

}  // namespace

fault check_pure(const store& from, const projection& p, bool processes) {
    auto found = compare_worlds(from, p, processes);
    if (!found.message.empty() || !p.keys_of || p.order == fold_order::canonical) return found;
    projection by_apply = p;  // in this way appends run it
    by_apply.keys_of = {};
    by_apply.apply_row = {};
    return compare_worlds(from, by_apply, processes);
}

}  // namespace idem::testing
