// Driving sagas: attempts outside of transactions, and who is due.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "idempotency/sagas.hpp"
#include "storage/cursor.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

constexpr std::size_t reason_bytes_max = 1000;

step_result call(const saga_step& step, saga_attempt& attempt) {
    try {
        if (!attempt.undo && attempt.again && step.probe) {
            if (auto known = step.probe(attempt.context)) return *known;
        }
        return (attempt.undo ? step.compensation : step.action)(attempt.context);
    } catch (const std::exception& e) {
        return step_result::retry(e.what());
    } catch (...) {
        return step_result::retry("it threw what is no std::exception");
    }
}

// The sagas that one call of a runner has to do with.
class due_sagas {
public:
    due_sagas(storage::environment& env, const saga_fold& fold, std::uint64_t until)
        : env_(env), fold_(fold), until_(until) {}

    // Some that are due, those left alone aside.
    std::vector<std::string> next(const saga_definition& definition) {
        constexpr std::size_t at_once = 256;
        std::vector<std::string> ids;
        const auto table = find_reserved(env_, fold_);
        if (!table) return ids;
        const storage::read_transaction txn(env_);
        const auto take = [&](due_saga found, const std::optional<saga_row>& row) {
            if (row && fits(*row, definition)) {
                ids.push_back(std::move(found.id));
            } else {
                misfits_[&definition] += 1;
                left_.insert(std::move(found.id));
            }
        };
        each(txn, *table, definition, 0, [&](due_saga found) {
            if (found.due > until_ || ids.size() == at_once) return false;
            if (!left_.contains(found.id)) {
                const auto row = row_of(txn, *table, found.id);
                take(std::move(found), row);
            }
            return true;
        });
        // Under a lease that nobody can have been granted. What waits as long does by definition.
        std::size_t looked_at = 0;
        each(txn, *table, definition, first_impossible(until_), [&](due_saga found) {
            if (ids.size() == at_once || looked_at++ == at_once) return false;
            if (left_.contains(found.id)) return true;
            const auto row = row_of(txn, *table, found.id);
            if (row && row->leased_until != 0) take(std::move(found), row);
            return true;
        });
        return ids;
    }
    // One that was driven, unless it will not be found again.
    void leave_if_due(std::string id, const saga_row& row) {
        const bool found = row.due <= until_ || row.due >= first_impossible(until_);
        if (is_open(row) && found) left_.insert(std::move(id));
    }

    void finish(std::span<const saga_definition> definitions, saga_run& run) const {
        const auto table = find_reserved(env_, fold_);
        if (!table) return;
        const storage::read_transaction txn(env_);
        for (const auto& definition : definitions) {
            each(txn, *table, definition, 0, [&](const due_saga& found) {
                if (left_.contains(found.id)) return true;
                const timestamp due = from_milliseconds(found.due);
                if (!run.next_due || due < *run.next_due) run.next_due = due;
                return false;
            });
        }
        for (const auto& [definition, count] : misfits_) {
            run.left_alone.push_back({definition->name, definition->version, count,
                                      "its steps are not those that these sagas have begun: "
                                      "other steps need another version"});
        }
        storage::cursor rows(txn, *table);
        for (auto row = rows.seek(saga_sums_prefix);
             row && row->first.starts_with(saga_sums_prefix); row = rows.next()) {
            const auto sums = unpack<wire::SagaSums>(row->second);
            const std::uint64_t open = sums.running + sums.compensating + sums.stuck;
            const bool known = std::any_of(
                definitions.begin(), definitions.end(), [&sums](const saga_definition& d) {
                    return d.name == sums.name && d.version == sums.version;
                });
            if (known || open == 0) continue;
            run.left_alone.push_back({sums.name, sums.version, open,
                                      "no definition of that name and version was given"});
        }
    }

private:
    static std::optional<saga_row> row_of(const storage::read_transaction& txn,
                                          storage::table table, std::string_view id) {
        const auto kept = txn.get(table, saga_row_key(id));
        return kept ? std::optional(unpack<wire::SagaRow>(*kept)) : std::nullopt;
    }
    template <class Visit>
    static void each(const storage::read_transaction& txn, storage::table table,
                     const saga_definition& definition, std::uint64_t from, Visit&& visit) {
        const std::string prefix = due_prefix(definition.name, definition.version);
        storage::cursor keys(txn, table);
        for (auto key = keys.seek(encode_due(prefix, from)); key && key->first.starts_with(prefix);
             key = keys.next()) {
            if (!visit(decode_due(key->first.substr(prefix.size())))) return;
        }
    }

    storage::environment& env_;
    const saga_fold& fold_;
    const std::uint64_t until_;
    std::set<std::string, std::less<>> left_;
    std::map<const saga_definition*, std::uint64_t> misfits_;
};

void count_end(const saga_row& row, saga_run& run) {
    switch (state_of(row)) {
        case saga_state::completed:
            ++run.completed;
            break;
        case saga_state::compensated:
            ++run.compensated;
            break;
        case saga_state::stuck:
            ++run.stuck;
            break;
        case saga_state::running:
        case saga_state::compensating:
            ++run.waiting;
            break;
    }
}

void add(saga_run& to, saga_run&& more) {
    to.attempts += more.attempts;
    to.completed += more.completed;
    to.compensated += more.compensated;
    to.stuck += more.stuck;
    to.waiting = more.waiting;
    to.fenced += more.fenced;
    to.left_alone = std::move(more.left_alone);
    to.next_due = more.next_due;
}

}  // namespace

bool sagas::impl::renew(std::string_view id, std::uint64_t fence,
                        std::chrono::milliseconds lease) const {
    bool held = false;
    transactor_.run([&](transaction::state& s) {
        const auto kept = row(s, id);
        held = is_open(kept) && kept.fence == fence;
        if (!held) return;
        const auto until = s.now_ms + static_cast<std::uint64_t>(lease.count());
        const auto data = about_saga(id).number("fence", fence).number("leased_until", until);
        s.events.push_back(make_saga_event("idem.SagaRenewed", id, data.str()));
    });
    return held;
}

saga_report sagas::impl::make_attempt(const saga_definition& definition, std::string_view id,
                                      saga_attempt& attempt,
                                      std::chrono::milliseconds lease) const {
    saga_report report{attempt.step, attempt.undo, attempt.context.fence};
    attempt.context.renew = [this, id, fence = report.fence, lease] {
        return renew(id, fence, lease);
    };
    report.result = call(definition.steps[attempt.step], attempt);
    auto& [how, text] = report.result;
    if (how == step_result::kind::done && text.size() > limits::result_bytes_max) {
        report.result = step_result::retry(
            fmt::format("its result has {} bytes; the limit is {}: keep large results elsewhere "
                        "and give a reference",
                        text.size(), limits::result_bytes_max));
    }
    if (how == step_result::kind::done) {
        report.events = std::move(attempt.context.events);
    } else if (text.size() > reason_bytes_max) {
        text.resize(reason_bytes_max);
    }
    return report;
}

std::optional<saga_attempt> sagas::impl::take_turn(const saga_definition& definition,
                                                   std::string_view id, const turn_options& options,
                                                   std::optional<saga_report>& report,
                                                   driven& result) const {
    std::optional<saga_attempt> next;
    bool moved = false;
    const auto decide = [&](transaction::state& s) {
        next.reset();
        saga_turn turn(s, id, row(s, id), definition, options);
        result.fits = fits(turn.row(), definition);
        if (result.fits) next = report ? turn.report(*report) : turn.take();
        result.fenced = turn.fenced();
        result.row = turn.row();
        moved = !s.events.empty();
    };
    const auto run = [&]() -> std::string {
        const auto appended = transactor_.run(decide);
        return appended.rejection ? appended.rejection->message() : "";
    };
    std::string rejected;
    try {
        rejected = run();
    } catch (const error& e) {
        // Of a handler, what an effect rule or a projection in step makes of the events.
        const bool of_events = e.code() == errc::invalid_input || e.code() == errc::handler_failed;
        if (!of_events || !report || report->events.empty()) throw;
        rejected = e.what();
    }
    result.moved = result.moved || moved;
    if (rejected.empty()) return next;
    if (!report || report->events.empty()) throw error(errc::corrupt, rejected);
    // The events that were to be appended with its completion cannot be.
    report->events.clear();
    report->result = step_result::retry("its events were rejected: " + rejected);
    rejected = run();
    if (!rejected.empty()) throw error(errc::corrupt, rejected);
    return next;
}

sagas::impl::driven sagas::impl::drive(const saga_definition& definition, std::string_view id,
                                       const saga_options& options,
                                       const std::stop_token& stop) const {
    driven result;
    std::optional<saga_report> report;
    for (;;) {
        const turn_options turn{options.lease, !stop.stop_requested()};
        auto next = take_turn(definition, id, turn, report, result);
        if (!next) return result;
        ++result.attempts;
        report = make_attempt(definition, id, *next, options.lease);
    }
}

saga_run sagas::impl::run_due(std::span<const saga_definition> definitions,
                              const saga_options& options, const std::stop_token& stop) const {
    const std::uint64_t until = transactor_.clock().now_ms();
    due_sagas due(env(), fold_, until);
    saga_run run;
    for (const auto& definition : definitions) {
        for (auto ids = due.next(definition); !ids.empty(); ids = due.next(definition)) {
            for (auto& id : ids) {
                if (stop.stop_requested()) return run;
                const auto left = drive(definition, id, options, stop);
                run.attempts += left.attempts;
                run.fenced += left.fenced;
                if (left.moved && !left.fenced) count_end(left.row, run);
                due.leave_if_due(std::move(id), left.row);
            }
        }
    }
    due.finish(definitions, run);
    return run;
}

saga_info sagas::drive(const saga_definition& definition, std::string_view id,
                       const saga_options& options) {
    check_definition(definition);
    check_lease_length(options.lease);
    check_saga_id(id);
    const auto left = impl_.drive(definition, id, options, {});
    if (!left.fits) {
        throw error(
            errc::invalid_input,
            fmt::format("the saga {} is of {}@{}, and has not begun the steps of the "
                        "definition {}@{} that was given",
                        id, left.row.name, left.row.version, definition.name, definition.version),
            {.field = "definition"});
    }
    return left.fenced ? describe(id, impl_.find(id).value()) : describe(id, left.row);
}

saga_run sagas::run_due(std::span<const saga_definition> definitions, const saga_options& options) {
    return impl_.run_due(definitions, options, {});
}

saga_run sagas::run(std::span<const saga_definition> definitions, const saga_options& options,
                    std::stop_token stop) {
    constexpr std::chrono::milliseconds longest_wait = std::chrono::seconds(10);
    constexpr std::chrono::milliseconds shortest_wait(1);
    storage::file_watch& watch = impl_.env().watch();
    const std::stop_callback wake(stop, [&watch] { watch.notify(); });
    saga_run total;
    while (!stop.stop_requested()) {
        const std::uint64_t ticket = watch.ticket();
        saga_run turn = impl_.run_due(definitions, options, stop);
        const bool worked = turn.attempts > 0;
        const auto next_due = turn.next_due;
        add(total, std::move(turn));
        if (worked) continue;  // what has become due meanwhile
        auto wait = longest_wait;
        if (next_due) {
            const auto now = from_milliseconds(impl_.transactions().clock().now_ms());
            wait = std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*next_due - now),
                              shortest_wait, longest_wait);
        }
        impl_.env().check_files();
        watch.wait(ticket, wait);
    }
    return total;
}

}  // namespace idem
