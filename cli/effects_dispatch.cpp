// idem effects dispatch: a program for each effect that is due.
#include <fmt/format.h>
#include <poll.h>
#include <string.h>
#include <sysexits.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "effects_commands.hpp"
#include "exit_code.hpp"
#include "idem/effects.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "run_program.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

// Asks for a stop when a signal comes. What is being carried out is finished first.
class stop_at_signal {
public:
    explicit stop_at_signal(const interrupt& signals)
        : signals_(signals), thread_([this] {
              pollfd wait{signals_.descriptor(), POLLIN, 0};
              while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
              }
              stop_.request_stop();
          }) {}
    ~stop_at_signal() { signals_.wake(); }

    std::stop_token token() const { return stop_.get_token(); }

private:
    const interrupt& signals_;
    std::stop_source stop_;
    std::jthread thread_;  // last: ends before what it uses goes
};

// Up to the end of the lease, behind which another dispatcher may take over.
program_result run_for(const std::string& command, const effect_delivery& d) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(
        d.leased_until - std::chrono::system_clock::now());
    return run_program({.command = command,
                        .input = d.payload,
                        .variables = {{"IDEM_EFFECT_ID", to_string(d.id)},
                                      {"IDEM_EFFECT_NAME", d.name},
                                      {"IDEM_EFFECT_ATTEMPT", std::to_string(d.attempt)},
                                      {"IDEM_EFFECT_EVENT", to_string(d.event)},
                                      {"IDEM_EFFECT_ORDER_KEY", d.order_key},
                                      {"IDEM_EFFECT_CONTENT_TYPE", d.content_type}},
                        .time_max = std::max(left, std::chrono::milliseconds(0)),
                        .output_bytes_max = limits::result_bytes_max});
}

std::string how_it_ended(const program_result& r) {
    if (r.timed_out) return "the program ran longer than the lease, and was killed";
    if (r.signal != 0) return fmt::format("the program ended by SIG{}", ::sigabbrev_np(r.signal));
    return fmt::format("the program ended with exit code {}", r.exit_code);
}

effect_outcome outcome_of(program_result r) {
    constexpr int cannot_run = 126;  // as the shell says it; and 127, where there is none
    if (r.timed_out || r.signal != 0) return effect_outcome::unknown(how_it_ended(r));
    switch (r.exit_code) {
        case 0:
            return effect_outcome::done(std::move(r.output));
        case EX_TEMPFAIL:
        case cannot_run:
        case cannot_run + 1:
            return effect_outcome::retry(how_it_ended(r));
        case EX_DATAERR:
            return effect_outcome::fail(how_it_ended(r));
        default:
            return effect_outcome::unknown(how_it_ended(r));
    }
}

probe_answer ask(const std::string& command, const effect_delivery& d) {
    const program_result r = run_for(command, d);
    if (r.timed_out || r.signal != 0 || r.exit_code > 1) return probe_answer::unknown;
    return r.exit_code == 0 ? probe_answer::done : probe_answer::not_done;
}

// `reason` is empty for what was done.
void tell(const uuid& id, const std::string& name, std::uint64_t attempt, std::string_view state,
          const std::string& reason, session& s) {
    if (s.json) {
        json_line line;
        line.text("id", to_string(id)).text("name", name);
        line.number("attempt", attempt).text("state", state);
        s.out.write(line.text_or_null("reason", reason).str());
    } else {
        s.out.write(fmt::format("{} {} attempt {}: {}{}\n", to_string(id), printable(name), attempt,
                                state, reason.empty() ? "" : "; " + printable(reason)));
    }
    s.out.flush();
}
void tell(const effect_answer& a, session& s) {
    const bool done = a.outcome.what == effect_outcome::kind::done;
    tell(a.delivery.id, a.delivery.name, a.delivery.attempt,
         a.fenced ? "fenced" : to_string(a.state), done ? "" : a.outcome.text, s);
}

void tell(const dispatch_counts& counts, session& s) {
    if (s.json) {
        json_line line;
        line.number("attempts", counts.attempts).number("done", counts.done);
        line.number("failed", counts.failed).number("dead", counts.dead);
        s.out.write(line.number("unknown", counts.unknown).number("fenced", counts.fenced).str());
        return;
    }
    s.out.write(fmt::format("{} attempts: {} done, {} failed, {} dead, {} unknown, {} fenced\n",
                            with_commas(counts.attempts), with_commas(counts.done),
                            with_commas(counts.failed), with_commas(counts.dead),
                            with_commas(counts.unknown), with_commas(counts.fenced)));
}

}  // namespace

int run(const effects_dispatch_options& options, session& s) {
    constexpr std::uint64_t usual_lease = 30;
    constexpr std::uint64_t longest_lease = 24 * 3600;
    const std::uint64_t lease = options.lease_seconds.value_or(usual_lease);
    if (lease == 0 || lease > longest_lease) {
        throw error(errc::invalid_input,
                    fmt::format("--lease {}: give 1 to {} seconds", lease, longest_lease));
    }
    store to = open_to_write(options.store);
    const interrupt signals;
    const stop_at_signal stop(signals);
    dispatch_options how;
    how.limit = options.limit.value_or(how.limit);
    how.lease = std::chrono::seconds(lease);
    how.names = options.names;
    how.stop = stop.token();
    how.answered = [&s](const effect_answer& a) { tell(a, s); };
    how.given_up = [&s](const effect_given_up& e) {
        tell(e.id, e.name, e.attempt, to_string(e.state), e.reason, s);
    };
    if (!options.probe.empty()) {
        how.probe = [&](const effect_delivery& d) { return ask(options.probe, d); };
    }
    const effect_handler handler = [&](const effect_delivery& d) {
        return outcome_of(run_for(options.program, d));
    };
    const dispatch_counts counts =
        options.follow ? to.effects().run(handler, how) : to.effects().dispatch(handler, how);
    tell(counts, s);
    if (signals.requested()) return interrupted_by(signals.signal());
    return counts.failed + counts.dead + counts.unknown + counts.fenced == 0 ? success : rejected;
}

}  // namespace idem::cli
