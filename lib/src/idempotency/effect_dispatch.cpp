// Handing effects to those who carry them out.
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/effects.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

constexpr std::size_t looked_at_once = 64;  // effects, for the next one to carry out
constexpr std::size_t reason_bytes_max = 4096;

std::chrono::milliseconds backoff_of(const effect_row& row) noexcept {
    std::uint64_t wait = row.backoff_first;
    for (std::uint32_t n = 1; n < row.attempts && wait < row.backoff_max; ++n) {
        if (wait == 0) break;
        wait = wait > row.backoff_max / 2 ? row.backoff_max : wait * 2;
    }
    // A row that was imported may hold any number.
    const auto longest_ms = static_cast<std::uint64_t>(longest_lease.count());
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(std::min({wait, row.backoff_max, longest_ms})));
}

// As much of a message as is kept.
std::string shortened(std::string text) {
    if (text.size() > reason_bytes_max) text.resize(reason_bytes_max);
    return text;
}

void check_options(const effect_handler& handler, const dispatch_options& options) {
    if (!handler) {
        throw error(errc::invalid_input, "effects are dispatched to no handler",
                    {.field = "handler"});
    }
    check_lease_length(options.lease);
}

// One dispatcher at work. The answer to an attempt waits here until it shares the commit of the
// next one's lease.
class dispatching {
public:
    dispatching(const effects::impl& e, const effect_handler& handler,
                const dispatch_options& options, dispatch_counts& counts)
        : effects_(e), handler_(handler), options_(options), counts_(counts) {}

    void run() {
        while (wants_more()) {
            if (!answer_ && !something_is_due()) return;
            if (!step(true)) return;
            if (granted_) answer_ = carry_out(*granted_, asks_probe_);
        }
        if (answer_) step(false);
        if (listener_fault_) std::rethrow_exception(listener_fault_);
    }

private:
    struct answer {
        effect_delivery delivery;
        effect_outcome outcome;
        bool for_a_person = false;  // the probe does not know
    };

    bool wants_more() const {
        return counts_.attempts < options_.limit && !options_.stop.stop_requested() &&
               !listener_fault_;
    }
    bool something_is_due() const {
        const auto next = effects_.next_time(options_.names);
        return next && *next <= effects_.transactions().clock().now_ms();
    }

    // One commit. False: nothing was there to do.
    bool step(bool claims) {
        const auto appended = effects_.transactions().run([&](transaction::state& s) {
            granted_.reset();
            asks_probe_ = false;
            given_up_.clear();
            settled_.reset();
            fenced_ = false;
            if (answer_) settle(s, *answer_);
            if (claims) claim(s);
        });
        if (appended.rejection) throw error(errc::corrupt, appended.rejection->message());
        const bool answered = answer_.has_value();
        if (answered) report(*std::exchange(answer_, std::nullopt));
        for (const auto& e : given_up_) report(e);
        if (granted_) ++counts_.attempts;
        return granted_ || answered || !given_up_.empty();
    }

    void report(const effect_given_up& e) {
        ++(e.state == effect_state::dead ? counts_.dead : counts_.unknown);
        if (options_.given_up) tell([&] { options_.given_up(e); });
    }

    void report(const answer& a) {
        if (fenced_) ++counts_.fenced;
        if (!fenced_ && settled_ == effect_state::done) ++counts_.done;
        if (!fenced_ && settled_ == effect_state::failed) ++counts_.failed;
        if (!fenced_ && settled_ == effect_state::dead) ++counts_.dead;
        if (!fenced_ && settled_ == effect_state::unknown) ++counts_.unknown;
        if (!options_.answered) return;
        tell([&] {
            options_.answered(
                {a.delivery, a.outcome, fenced_, settled_.value_or(effect_state::done)});
        });
    }
    template <class Listener>
    void tell(Listener&& listener) {
        if (listener_fault_) return;
        try {
            listener();
        } catch (...) {  // passed on when what was granted in this commit is carried out
            listener_fault_ = std::current_exception();
        }
    }

    void settle(transaction::state& s, const answer& a) {
        const auto row = find_effect(open_reserved(s.log, effects_.fold()), a.delivery.id);
        fenced_ =
            !row || state_of(*row) != effect_state::attempted || row->fence != a.delivery.attempt;
        if (!fenced_) settle(s, a, *row);
    }
    void settle(transaction::state& s, const answer& a, const effect_row& row) {
        const uuid& id = a.delivery.id;
        const auto because = [&](json::object_writer& data) {
            data.text("reason", shortened(a.outcome.text));
        };
        const bool in_doubt = a.outcome.what == effect_outcome::kind::unknown;
        if (a.outcome.what == effect_outcome::kind::done) {
            settled_ = effect_state::done;
            effects::impl::append(s, "idem.EffectDone", id, row.fence, [&](auto& data) {
                const std::string_view all = a.outcome.text;
                data.bytes("result", all.substr(0, limits::result_bytes_max));
                data.number("at", s.at_ms());
            });
        } else if (a.for_a_person || (in_doubt && row.delivery == static_cast<std::uint8_t>(
                                                                      delivery::at_most_once))) {
            settled_ = effect_state::unknown;
            effects::impl::append(s, "idem.EffectUnknown", id, row.fence, because);
        } else if (a.outcome.what == effect_outcome::kind::fail ||
                   row.attempts >= row.attempts_max) {
            settled_ = effect_state::dead;
            effects::impl::append(s, "idem.EffectDead", id, row.fence, because);
        } else {
            settled_ = effect_state::failed;
            const auto after = a.outcome.after.value_or(backoff_of(row));
            const auto wait = std::clamp(after, std::chrono::milliseconds(0), longest_lease);
            effects::impl::append(s, "idem.EffectFailed", id, row.fence, [&](auto& data) {
                because(data);
                data.number("due", s.now_ms + static_cast<std::uint64_t>(wait.count()));
                data.flag("in_doubt", in_doubt);
            });
        }
    }

    // The first that can be carried out; those on the way that cannot any more are given up.
    void claim(transaction::state& s) {
        const reserved_rows rows = open_reserved(s.log, effects_.fold());
        const auto due =
            find_due(s.log.txn, rows.table(), options_.names, s.now_ms, looked_at_once);
        const auto next = next_of_its_queue(rows, s.now_ms);
        for (const auto& candidate : due) {
            if (answer_ && candidate.id == answer_->delivery.id) continue;
            if (next && *next < candidate) break;
            const auto row = find_effect(rows, candidate.id);
            if (row && take(s, candidate.id, *row)) return;
        }
        if (!next) return;
        const auto row = find_effect(rows, next->id);
        if (row) take(s, next->id, *row);
    }

    // The answer that is being settled makes room for the next of its order key, which the rows do
    // not show before the commit.
    std::optional<due_effect> next_of_its_queue(const reserved_rows& rows, std::uint64_t now) {
        if (settled_ != effect_state::done || answer_->delivery.order_key.empty()) return {};
        const auto id = second_in_queue(rows, answer_->delivery.order_key);
        const auto row = id ? find_effect(rows, *id) : std::nullopt;
        if (!row || !is_waiting(state_of(*row)) || due_time(*row) > now) return {};
        const auto& names = options_.names;
        const bool chosen = names.empty() || std::count(names.begin(), names.end(), row->name) > 0;
        return chosen ? std::optional(due_effect{due_time(*row), row->sequence, *id})
                      : std::nullopt;
    }

    bool take(transaction::state& s, const uuid& id, const effect_row& row) {
        const auto how = static_cast<delivery>(row.delivery);
        const bool lost = state_of(row) == effect_state::attempted;  // its lease is over
        const bool in_doubt = lost || row.in_doubt;
        const auto give_up = [&](effect_state state, std::string why) {
            effects::impl::append(
                s, state == effect_state::dead ? "idem.EffectDead" : "idem.EffectUnknown", id,
                row.fence, [&](auto& data) { data.text("reason", why); });
            given_up_.push_back({id, row.name, row.fence, state, std::move(why)});
            return false;
        };
        if (lost && how == delivery::at_most_once) {
            return give_up(effect_state::unknown, "its lease was over without an answer");
        }
        if (row.attempts >= row.attempts_max) {
            return give_up(effect_state::dead,
                           fmt::format("{} attempts, the last without an answer", row.attempts));
        }
        asks_probe_ = in_doubt && how == delivery::probe_then_retry;
        if (asks_probe_ && !options_.probe) {
            return give_up(
                effect_state::unknown,
                "an attempt was left without an answer, and the dispatcher has no probe");
        }
        grant(s, id, row);
        return true;
    }

    void grant(transaction::state& s, const uuid& id, const effect_row& row) {
        const auto until = s.now_ms + static_cast<std::uint64_t>(options_.lease.count());
        effects::impl::append(s, "idem.EffectAttempted", id, row.fence + 1,
                              [&](auto& data) { data.number("leased_until", until); });
        granted_ = effect_delivery{.id = id,
                                   .event = read_effect_id(view_of(row.event)),
                                   .name = row.name,
                                   .index = row.index,
                                   .attempt = row.fence + 1,
                                   .payload = std::string(view_of(row.payload)),
                                   .content_type = row.content_type,
                                   .order_key = row.order_key,
                                   .leased_until = from_milliseconds(until)};
    }

    // Outside of any transaction.
    answer carry_out(const effect_delivery& d, bool ask_first) const {
        const char* who = ask_first ? "the probe: " : "";
        try {
            if (ask_first) {
                switch (options_.probe(d)) {
                    case probe_answer::done:
                        return {d, effect_outcome::done()};
                    case probe_answer::unknown:
                        return {d, effect_outcome::unknown("the probe could not tell"), true};
                    case probe_answer::not_done:
                        break;
                }
            }
            who = "";
            return {d, handler_(d)};
        } catch (const std::exception& e) {
            return {d, effect_outcome::unknown(std::string(who) + e.what())};
        } catch (...) {
            return {d, effect_outcome::unknown(std::string(who) + "threw what is no exception")};
        }
    }

    const effects::impl& effects_;
    const effect_handler& handler_;
    const dispatch_options& options_;
    dispatch_counts& counts_;

    std::optional<answer> answer_;  // not on disk yet
    std::exception_ptr listener_fault_;

    // Of the commit under way.
    std::optional<effect_delivery> granted_;
    bool asks_probe_ = false;
    std::vector<effect_given_up> given_up_;
    std::optional<effect_state> settled_;  // what the answer has made of its effect
    bool fenced_ = false;
};

}  // namespace

effect_outcome effect_outcome::done(std::string result) {
    return {kind::done, std::move(result), {}};
}
effect_outcome effect_outcome::retry(std::string reason,
                                     std::optional<std::chrono::milliseconds> after) {
    return {kind::retry, std::move(reason), after};
}
effect_outcome effect_outcome::fail(std::string reason) {
    return {kind::fail, std::move(reason), {}};
}
effect_outcome effect_outcome::unknown(std::string reason) {
    return {kind::unknown, std::move(reason), {}};
}

std::optional<std::uint64_t> effects::impl::next_time(const std::vector<std::string>& names) const {
    const auto table = find_reserved(environment(), fold_);
    if (!table) return std::nullopt;
    const storage::read_transaction txn(environment());
    return next_due_time(txn, *table, names, transactor_.clock().now_ms());
}

dispatch_counts effects::dispatch(const effect_handler& handler, const dispatch_options& options) {
    check_options(handler, options);
    dispatch_counts counts;
    dispatching(impl_, handler, options, counts).run();
    return counts;
}

dispatch_counts effects::run(const effect_handler& handler, const dispatch_options& options) {
    check_options(handler, options);
    constexpr std::uint64_t longest_wait_ms = 10'000;
    constexpr std::uint64_t shortest_wait_ms = 1;  // whatever a row that is due stands for
    storage::environment& env = impl_.environment();
    storage::file_watch& watch = env.watch();
    const std::stop_callback wake(options.stop, [&watch] { watch.notify(); });
    dispatch_counts counts;
    while (!options.stop.stop_requested() && counts.attempts < options.limit) {
        const std::uint64_t ticket = watch.ticket();
        env.check_files();
        dispatching(impl_, handler, options, counts).run();
        if (counts.attempts >= options.limit) break;
        const std::uint64_t next = impl_.next_time(options.names).value_or(~0ULL);
        const std::uint64_t now = impl_.transactions().clock().now_ms();
        const std::uint64_t left = next > now ? next - now : 0;
        watch.wait(ticket,
                   std::chrono::milliseconds(std::clamp(left, shortest_wait_ms, longest_wait_ms)));
    }
    return counts;
}

}  // namespace idem
