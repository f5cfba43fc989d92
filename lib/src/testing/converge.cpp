#include <chrono>
#include <functional>
#include <map>
#include <numeric>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "testing/delivery.hpp"
#include "testing/generate.hpp"
#include "testing/random.hpp"
#include "testing/shrink.hpp"

namespace idem::testing {
namespace {

constexpr std::size_t schedules_max = 1'000'000;

order order_of(const projection& p, const options& o) {
    switch (p.order) {
        case fold_order::arrival:
            break;
        case fold_order::commutative:
            return o.order.value_or(order::commutative);
        case fold_order::canonical:
            return o.order.value_or(order::canonical);
    }
    return o.order.value_or(order::arrival);
}

// As it is folded where another order is asked for than it declares.
projection in_order(projection p, order which) {
    if (which == order::canonical) {
        p.order = fold_order::canonical;
    } else if (p.order == fold_order::canonical) {
        p.order = fold_order::arrival;
    }
    return p;
}

scenario in_order(scenario s, order which) {
    s.schedule.order = which;
    return s;
}

void check(const projection& p, const options& o) {
    if (!p.apply) {
        throw error(errc::invalid_input, "the projection " + p.name + " has no handler to test");
    }
    if (order_of(p, o) == order::canonical && !p.keys_of) {
        throw error(errc::invalid_input,
                    "the projection " + p.name +
                        " has a handler of the whole table, which is not folded in canonical order",
                    {.field = "order"});
    }
    if (o.schedules > schedules_max) {
        throw error(errc::invalid_input, "more than 1,000,000 schedules");
    }
    if (o.events_max == 0 || o.events_max > limits::batch_events_max) {
        throw error(errc::invalid_input, "events_max is from 1 to " +
                                             std::to_string(limits::batch_events_max) +
                                             ", as many as a batch takes");
    }
}

// The events of whole streams, chosen at random, in the order of the log.
std::vector<event> sample_of(std::vector<event> candidates, std::size_t events_max,
                             random_source& random) {
    if (candidates.size() <= events_max) return candidates;
    std::map<std::string, std::vector<std::size_t>> by_stream;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        by_stream[candidates[i].stream].push_back(i);
    }
    std::vector<std::string> streams;
    for (const auto& [name, events] : by_stream) streams.push_back(name);
    random.shuffle(streams);
    std::vector<bool> chosen(candidates.size(), false);
    std::size_t count = 0;
    for (const auto& name : streams) {
        for (const auto i : by_stream[name]) {
            if (count == events_max) break;
            chosen[i] = true;
            ++count;
        }
    }
    std::vector<event> sampled;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (chosen[i]) sampled.push_back(std::move(candidates[i]));
    }
    return sampled;
}

bool can_take_part(const event& e, const options& o) {
    return !e.erased && !e.sealed && (o.personal || e.data_subject.empty());
}

// One test of one projection.
class trial {
public:
    trial(const projection& p, scenario events, const options& o)
        : projection_(in_order(p, order_of(p, o))),
          scenario_(in_order(std::move(events), order_of(p, o))),
          options_(o),
          expected_(projection_, scenario_) {
        report_.seed = scenario_.schedule.seed;
        report_.order = order_of(p, o);
        report_.events = scenario_.events.size();
    }

    report run() {
        if (scenario_.events.empty()) return std::move(report_);
        const auto events = scenario_.events.size();
        for (const auto check : {step_kind::replay, step_kind::upcast, step_kind::rows}) {
            if (find(check_schedule(check, report_.order, events))) return finish();
        }
        if (options_.processes) {
            std::vector<std::size_t> all(events);
            std::iota(all.begin(), all.end(), std::size_t{1});
            expected_.know_from_child(all);
        }
        random_source seeds(report_.seed);
        for (; report_.schedules < options_.schedules; ++report_.schedules) {
            if (options_.progress && !options_.progress(report_.schedules)) {
                report_.complete = false;
                break;
            }
            if (find(generate(seeds.next(), report_.order, events))) {
                ++report_.schedules;
                break;
            }
        }
        return finish();
    }

private:
    report finish() {
        report_.deliveries = counts_.deliveries;
        report_.crashes = counts_.crashes;
        return std::move(report_);
    }

    fault deliver_once(const schedule& s, delivery_counts& counts) {
        return options_.processes ? deliver_in_child(projection_, scenario_, s, expected_, counts)
                                  : deliver(projection_, scenario_, s, false, expected_, counts);
    }

    bool find(const schedule& s) {
        const fault first = deliver_once(s, counts_);
        if (first.message.empty()) return false;
        finding result{.kind = first.kind, .message = first.message, .rows = first.rows};
        result.shrunk_from_events = scenario_.events.size();
        result.shrunk_from_steps = s.steps.size();
        delivery_counts uncounted;
        fault last = first;
        const auto shows = [&](const schedule& smaller) {
            fault again = deliver_once(smaller, uncounted);
            if (again.message.empty() || again.kind != first.kind) return false;
            last = std::move(again);
            return true;
        };
        schedule least = s;
        result.reproduced = shows(s);
        if (result.reproduced) least = shrink(s, options_.shrink_runs_max, shows);
        result.message = last.message;
        result.rows = last.rows;
        result.scenario = scenario_;
        result.scenario.schedule = least;
        result.scenario = without_unused_events(std::move(result.scenario));
        report_.findings.push_back(std::move(result));
        return true;
    }

    const projection projection_;
    const scenario scenario_;
    const options& options_;
    expectations expected_;
    delivery_counts counts_;
    report report_;
};

std::uint64_t seed_of(const options& o) {
    if (o.seed != 0) return o.seed;
    const uuid random = make_uuid_v4();
    const std::uint64_t seed = std::hash<uuid>()(random);
    return seed == 0 ? 1 : seed;
}

}  // namespace

scenario sample(const store& from, const options& o, std::size_t* left_out) {
    scenario result;
    result.schedule.seed = seed_of(o);
    random_source random(result.schedule.seed);
    from.read({.stream = "$schemas"},
              [&](const event_view& e) { result.setup.push_back(e.to_owned()); });
    // Of a long log some stretches, of which streams are chosen: the first, for much begins there.
    constexpr std::size_t stretches = 4;
    constexpr std::size_t candidates_per_event = 20;
    const std::uint64_t head = from.head();
    const std::uint64_t length = o.events_max * candidates_per_event / stretches;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> parts;
    if (head <= length * stretches) {
        parts.emplace_back(1, head);
    } else {
        for (std::size_t i = 0; i < stretches; ++i) {
            const std::uint64_t first = 1 + head / stretches * i;
            const std::uint64_t room = head / stretches - length;
            const std::uint64_t start = first + (i == 0 ? 0 : random.next() % (room + 1));
            parts.emplace_back(start, start + length - 1);
        }
    }
    std::vector<event> candidates;
    std::size_t without = 0;
    for (const auto& [first, last] : parts) {
        from.read({.from = first, .to = last}, [&](const event_view& e) {
            if (e.stream().starts_with('$')) return;
            event copy = e.to_owned();
            if (can_take_part(copy, o)) {
                candidates.push_back(std::move(copy));
            } else {
                ++without;
            }
        });
    }
    if (left_out) *left_out = without;
    result.events = sample_of(std::move(candidates), o.events_max, random);
    return result;
}

report converge(const projection& p, std::span<const event> log, const options& o) {
    check(p, o);
    scenario events;
    events.schedule.seed = seed_of(o);
    random_source random(events.schedule.seed);
    std::vector<event> candidates;
    std::size_t without = 0;
    for (const auto& e : log) {
        if (e.stream.starts_with('$')) {
            events.setup.push_back(e);
        } else if (can_take_part(e, o)) {
            candidates.push_back(e);
        } else {
            ++without;
        }
    }
    events.events = sample_of(std::move(candidates), o.events_max, random);
    report result = trial(p, std::move(events), o).run();
    result.left_out = without;
    return result;
}

report converge(const projection& p, const store& from, const options& o) {
    check(p, o);
    std::size_t left_out = 0;
    report result = trial(p, sample(from, o, &left_out), o).run();
    result.left_out = left_out;
    return result;
}

std::optional<finding> run(const projection& p, const scenario& s, const options& o) {
    check(p, o);
    const projection fold = in_order(p, s.schedule.order);
    expectations expected(fold, s);
    delivery_counts counts;
    fault found = o.processes ? deliver_in_child(fold, s, s.schedule, expected, counts)
                              : deliver(fold, s, s.schedule, false, expected, counts);
    if (found.message.empty()) return std::nullopt;
    finding result{.kind = found.kind, .message = std::move(found.message)};
    result.rows = std::move(found.rows);
    result.scenario = s;
    result.shrunk_from_events = s.events.size();
    result.shrunk_from_steps = s.schedule.steps.size();
    return result;
}

}  // namespace idem::testing
