#include "testing/delivery.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/replica.hpp"
#include "testing/child.hpp"
#include "testing/scratch.hpp"
#include "testing/words.hpp"

namespace idem::testing {
namespace {

constexpr std::string_view given_up = "idem::testing gives this commit up";

// The same projection, which dies, or gives up, at the `at`-th event that it is given.
projection crashing(projection p, std::size_t at, bool dies) {
    const auto given = std::make_shared<std::size_t>(0);
    const auto count = [given, at, dies] {
        if (++*given != at) return;
        if (dies) die();
        throw error(errc::handler_failed, std::string(given_up));
    };
    p.apply = [apply = std::move(p.apply), count](const event_view& e, state_table& table) {
        count();
        apply(e, table);
    };
    if (!p.keys_of) return p;
    p.keys_of = [keys_of = std::move(p.keys_of), count](const event_view& e, key_sink& sink) {
        count();
        keys_of(e, sink);
    };
    return p;
}

// By number, in the order of the log: each of an origin of its own, so that none waits for another.
recorded_event stamped(const event& e, std::size_t number) {
    recorded_event result;
    static_cast<event&>(result) = e;
    if (!result.time) result.time = timestamp(std::chrono::milliseconds(stamped_at_ms));
    constexpr std::uint64_t after_setup_ms = 1000;
    result.stamp = {((stamped_at_ms + after_setup_ms) << 16) + number,
                    make_uuid_from_source("idem::testing", std::to_string(number)), 1};
    return result;
}

// What the store says against it; empty where it took all of them.
std::string put(store& to, const scenario& s, order which,
                const std::vector<std::size_t>& numbers) {
    if (which != order::canonical) {
        std::vector<event> batch;
        for (const auto n : numbers) batch.push_back(s.events[n - 1]);
        const auto result = to.append(batch);
        return result.accepted() ? std::string() : result.rejection->message();
    }
    for (std::size_t at = 0; at < numbers.size(); at += limits::accepted_max) {
        std::vector<recorded_event> part;
        for (std::size_t i = at; i < std::min(numbers.size(), at + limits::accepted_max); ++i) {
            part.push_back(stamped(s.events[numbers[i] - 1], numbers[i]));
        }
        for (const auto& answer : to.replica().accept(part)) {
            if (answer.position == 0) return answer.reason;
        }
    }
    return {};
}

// Of one schedule.
class delivery {
public:
    delivery(const projection& p, const scenario& s, const schedule& steps, bool processes,
             expectations& expected, delivery_counts& counts)
        : projection_(p),
          scenario_(s),
          steps_(steps),
          processes_(processes),
          expected_(expected),
          counts_(counts) {}

    fault run() {
        for (std::size_t i = 0; i < steps_.stores; ++i) {
            auto& to = stores_.emplace_back();
            to.path = folder_.path() / (std::to_string(i) + ".idem");
            open(to);
        }
        for (const auto& next : steps_.steps) {
            check(next);
            if (auto found = take(next); !found.message.empty()) return found;
        }
        for (std::size_t i = 0; i < stores_.size(); ++i) {
            catch_up(stores_[i]);
            if (auto found = compare(i); !found.message.empty()) return found;
        }
        return {};
    }

private:
    struct replica {
        std::filesystem::path path;
        std::unique_ptr<store> open;
        std::vector<std::size_t> delivered;  // each once, in the order in which it came
        std::set<std::size_t> known;
        std::string failure;
    };

    void open(replica& to) {
        const bool is_new = !std::filesystem::exists(to.path);
        to.open = std::make_unique<store>(to.path, scratch_options(steps_.order));
        if (is_new && !scenario_.setup.empty()) to.open->append(scenario_.setup);
        to.open->run(projection_, steps_.mode);
    }
    void reopen(replica& to) {
        to.open.reset();
        open(to);
    }

    void check(const step& next) const {
        const auto wrong = [&](const std::string& what) {
            return error(errc::invalid_input,
                         std::string(word_of(next.kind)) + ": there is no " + what);
        };
        for (const auto store : {next.store, next.other}) {
            if (store >= steps_.stores) throw wrong("store " + std::to_string(store));
        }
        for (const auto n : next.events) {
            if (n == 0 || n > scenario_.events.size()) throw wrong("event " + std::to_string(n));
        }
    }

    fault take(const step& next) {
        replica& to = stores_[next.store];
        switch (next.kind) {
            case step_kind::deliver:
                ++counts_.deliveries;
                return append(to, next.events);
            case step_kind::crash:
                ++counts_.crashes;
                return crash(to, next);
            case step_kind::reopen:
                reopen(to);
                return {};
            case step_kind::catch_up:
                catch_up(to);
                return {};
            case step_kind::rebuild:
                return rebuild(to);
            case step_kind::sync:
                return sync(to, stores_[next.other]);
            case step_kind::replay:
                return check_pure(*to.open, projection_, processes_);
            case step_kind::rows:
                return check_rows(*to.open, projection_);
            case step_kind::upcast:
                return check_upcasters(*to.open, projection_);
        }
        return {};
    }

    static void note(replica& to, std::size_t number) {
        if (to.known.insert(number).second) to.delivered.push_back(number);
    }
    fault append(replica& to, const std::vector<std::size_t>& numbers) {
        try {
            const auto refusal = put(*to.open, scenario_, steps_.order, numbers);
            if (!refusal.empty()) {
                return {finding_kind::refused, "the store did not take a batch: " + refusal};
            }
        } catch (const error& e) {
            if (e.code() != errc::handler_failed) throw;
            to.failure = e.what();
        }
        for (const auto n : numbers) note(to, n);
        return {};
    }

    void catch_up(replica& to) {
        try {
            to.open->catch_up(projection_.name);
        } catch (const error& e) {
            if (e.code() != errc::handler_failed) throw;
            to.failure = e.what();
        }
    }

    fault rebuild(replica& to) {
        try {
            to.open->rebuild(projection_);
        } catch (const error& e) {
            if (e.code() != errc::handler_failed) throw;
            to.failure = e.what();
        }
        return {};
    }

    void append_and_fold(const std::filesystem::path& path, const projection& p,
                         const std::vector<std::size_t>& numbers) {
        store own(path, scratch_options(steps_.order));
        own.run(p, steps_.mode);
        put(own, scenario_, steps_.order, numbers);
        own.catch_up(p.name);
        if (processes_) die();  // before anything of it is closed
    }

    fault crash(replica& to, const step& next) {
        to.open.reset();
        const auto p = crashing(projection_, next.at, processes_);
        std::string failure;
        if (processes_) {
            const auto end = in_child([&] {
                append_and_fold(to.path, p, next.events);
                return std::string();
            });
            if (end.signal != 0 && end.signal != SIGKILL) {
                return {finding_kind::fails,
                        "the handler ended its process by signal " + std::to_string(end.signal)};
            }
            failure = end.fault;
        } else {
            try {
                append_and_fold(to.path, p, next.events);
            } catch (const error& e) {
                if (e.code() != errc::handler_failed) throw;
                failure = e.what();
            }
        }
        open(to);
        const bool ours = failure.find(given_up) != failure.npos;
        if (!failure.empty() && !ours) to.failure = failure;
        for (const auto n : next.events) {
            if (to.open->find(scenario_.events[n - 1].id)) note(to, n);
        }
        return {};
    }

    // Each takes what it lacks in the order in which the other has it.
    fault sync(replica& a, replica& b) {
        if (&a == &b) return {};
        for (auto [from, to] : {std::pair(&a, &b), std::pair(&b, &a)}) {
            std::vector<std::size_t> lacks;
            for (const auto n : from->delivered) {
                if (!to->known.contains(n)) lacks.push_back(n);
            }
            if (lacks.empty()) continue;
            if (auto found = append(*to, lacks); !found.message.empty()) return found;
        }
        return {};
    }

    fault compare(std::size_t number) {
        const replica& is = stores_[number];
        auto wanted_order = is.delivered;
        if (steps_.order != order::arrival) std::sort(wanted_order.begin(), wanted_order.end());
        const outcome& wanted = expected_.of(wanted_order);
        outcome found;
        found.failure = is.failure;
        if (found.failure.empty()) found = outcome_of(is.open->state(projection_.name));
        if (wanted.same_as(found)) return {};
        const std::string where = "in store " + std::to_string(number) + " ";
        if (wanted.failure.empty() != found.failure.empty()) {
            return {finding_kind::fails,
                    found.failure.empty()
                        ? where +
                              "the events are folded, and in the order of the log the handler "
                              "fails: " +
                              wanted.failure
                        : where +
                              "the handler fails on a delivery of events that it folds when "
                              "they come once and in order: " +
                              found.failure};
        }
        return {finding_kind::diverges, where + advice(),
                differing_rows(projection_, wanted, found)};
    }
    std::string advice() const {
        if (steps_.order == order::arrival) {
            return "the rows are not those that the same events give when they come once: the "
                   "handler keeps something beside its rows";
        }
        if (steps_.order == order::canonical) {
            return "the rows are not those that the same events give when they come in the order "
                   "of their stamps: the handler reads positions or revisions, or keeps something "
                   "beside its rows";
        }
        return "the rows are not those that the same events give in the order of the log: the "
               "fold is not commutative";
    }

    const projection& projection_;
    const scenario& scenario_;
    const schedule& steps_;
    const bool processes_;
    expectations& expected_;
    delivery_counts& counts_;
    const scratch_folder folder_;
    std::vector<replica> stores_;
};

}  // namespace

const outcome& expectations::of(const std::vector<std::size_t>& numbers) {
    if (const auto found = known_.find(numbers); found != known_.end()) return found->second;
    const scratch_folder folder;
    store once(folder.path() / "once.idem", scratch_options(scenario_.schedule.order));
    if (!scenario_.setup.empty()) once.append(scenario_.setup);
    once.run(projection_, projection_mode::manual);
    outcome result;
    put(once, scenario_, scenario_.schedule.order, numbers);
    try {
        once.catch_up(projection_.name);
        result = outcome_of(once.state(projection_.name));
    } catch (const error& e) {
        if (e.code() != errc::handler_failed) throw;
        result.failure = e.what();
    }
    constexpr std::size_t known_max = 1000;
    if (known_.size() >= known_max) known_.clear();
    return known_.emplace(numbers, std::move(result)).first->second;
}

fault deliver(const projection& p, const scenario& s, const schedule& steps, bool processes,
              expectations& expected, delivery_counts& counts) {
    return delivery(p, s, steps, processes, expected, counts).run();
}

}  // namespace idem::testing
