// What a consumer is to handle, how a delivery is judged, and how it is committed.
#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/consumers.hpp"
#include "idempotency/key_rows.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "log/reader.hpp"

namespace idem {
namespace {

constexpr std::size_t missing_max = 1000;
constexpr std::uint64_t looked_at_max = 1'000'000;  // positions, in one reading
constexpr std::size_t batch_bytes = 4 << 20;        // about; of a batch that is read

[[noreturn]] void throw_beyond(std::uint64_t position, std::uint64_t head) {
    throw error(errc::invalid_input,
                fmt::format("the batch goes up to position {}, and the log to {}", position, head),
                {.position = position});
}

void check_state(std::string_view state) {
    if (state.size() <= limits::result_bytes_max) return;
    throw error(errc::invalid_input,
                fmt::format("the state has {} bytes; the limit is {}: keep a large one in a "
                            "projection",
                            state.size(), limits::result_bytes_max),
                {.field = "state"});
}

bool is_held_by(const consumer_row& row, const std::optional<consumer_hold>& hold,
                std::uint64_t now_ms) {
    if (hold) return !row.holder.empty() && row.fence == hold->fence;
    return row.holder.empty() || !runs_until(row.leased_until, now_ms);
}

}  // namespace

std::string_view to_string(consumer_outcome outcome) noexcept {
    switch (outcome) {
        case consumer_outcome::accepted:
            return "accepted";
        case consumer_outcome::duplicate:
            return "duplicate";
        case consumer_outcome::gap:
            return "gap";
        case consumer_outcome::fenced:
            return "fenced";
        case consumer_outcome::not_selected:
            return "not_selected";
        case consumer_outcome::not_appended:
            break;
    }
    return "not_appended";
}

consumer_batch consumer_batch::of(std::string consumer, std::uint64_t position) {
    return between(std::move(consumer), position == 0 ? 0 : position - 1, position);
}
consumer_batch consumer_batch::between(std::string consumer, std::uint64_t after,
                                       std::uint64_t to) {
    consumer_batch batch;
    batch.consumer = std::move(consumer);
    batch.before = after;
    batch.covered = to;
    return batch;
}

query query_of(const consumer_row& row) {
    query select;
    if (!row.stream.empty()) select.stream = row.stream;
    select.types = row.types;
    select.tags = row.tags;
    if (!row.correlation.empty()) select.correlation_id = row.correlation;
    return select;
}

namespace {

// Of an event that the query of the row matches.
bool is_of_streams(const consumer_row& row, const event_view& e) {
    if (!row.stream.empty() || !e.stream().starts_with('$')) return true;
    return row.reserved && e.stream() != consumers_stream;
}

}  // namespace

bool is_selected(const consumer_row& row, const event_view& e) {
    return is_of_streams(row, e) && query_of(row).matches(e);
}

void consumers::impl::each_selected(const consumer_row& row, std::uint64_t above,
                                    std::uint64_t up_to, const visit_event& visit) const {
    if (above >= up_to) return;
    query select = query_of(row);
    select.from = above + 1;
    select.to = up_to;
    log_reader(transactor_.source().env, tables()).read(select, [&](const event_view& e) {
        // As projections do it: a handler has nothing to do with an event whose data is gone.
        if (e.erased() || e.sealed()) return true;
        return !is_of_streams(row, e) || visit(e);
    });
}

std::vector<std::uint64_t> consumers::impl::selected(const consumer_row& row, std::uint64_t above,
                                                     std::uint64_t up_to, std::size_t max) const {
    std::vector<std::uint64_t> found;
    each_selected(row, above, up_to, [&](const event_view& e) {
        found.push_back(e.position());
        return found.size() < max;
    });
    return found;
}

consumer_batch consumers::impl::read(std::string_view name, std::optional<consumer_hold> hold,
                                     std::size_t limit, const scanned& before) const {
    const auto now = require(name);
    consumer_batch batch;
    batch.consumer = name;
    batch.before = now.checkpoint;
    batch.state = view_of(now.row.state);
    batch.hold = std::move(hold);
    batch.version = now.version();
    std::uint64_t from = now.checkpoint;
    if (before.version == batch.version) from = std::max(from, std::min(before.covered, now.head));
    const std::size_t most = std::min(limit == 0 ? now.row.limit : limit, limits::batch_events_max);
    const std::uint64_t to = std::min(now.head, from + looked_at_max);
    batch.covered = std::max(from, to);
    std::size_t bytes = 0;
    each_selected(now.row, from, to, [&](const event_view& e) {
        batch.events.push_back(e.to_owned());
        bytes += e.data().size() + sizeof(recorded_event);
        if (batch.events.size() < most && bytes < batch_bytes) return true;
        batch.covered = e.position();
        return false;
    });
    batch.caught_up = batch.covered == now.head;
    return batch;
}

consumer_batch consumers::next(std::string_view name, std::size_t limit) const {
    return impl_.read(name, std::nullopt, limit, {});
}
consumer_batch consumers::next(const consumer_hold& hold, std::size_t limit) const {
    return impl_.read(hold.consumer, hold, limit, {});
}

consumers::impl::judgement consumers::impl::judge(const consumer_batch& batch) const {
    const auto now = require(batch.consumer);
    judgement result{.version = now.version()};
    result.verdict.checkpoint = now.checkpoint;
    if (batch.covered > now.head) throw_beyond(batch.covered, now.head);
    if (batch.covered <= now.checkpoint) {
        result.verdict.outcome = consumer_outcome::duplicate;
    } else if (batch.before < now.checkpoint) {
        if (!selected(now.row, batch.before, now.checkpoint, 1).empty()) {
            result.verdict.outcome = consumer_outcome::duplicate;
        }
    } else {
        auto missing = selected(now.row, now.checkpoint, batch.before, missing_max);
        if (!missing.empty()) result.verdict.outcome = consumer_outcome::gap;
        result.verdict.missing = std::move(missing);
    }
    if (!result.verdict.accepted()) return result;
    each_selected(now.row, now.checkpoint, batch.covered, [&result](const event_view& e) {
        ++result.handled.events;
        result.handled.last = e.id();
        return true;
    });
    return result;
}

consumer_verdict consumers::judge(std::string_view name, std::uint64_t position) const {
    const auto now = impl_.require(name);
    const log_reader reader(impl_.transactions().source().env, impl_.tables());
    if (position == 0 || position > reader.head()) {
        throw error(
            errc::not_found,
            fmt::format("the log has no position {}; it goes up to {}", position, reader.head()),
            {.position = position});
    }
    if (impl_.selected(now.row, position - 1, position, 1).empty()) {
        return {.outcome = consumer_outcome::not_selected, .checkpoint = now.checkpoint};
    }
    return impl_.judge(consumer_batch::of(std::string(name), position)).verdict;
}

consumer_verdict consumers::judge(std::string_view name, const uuid& event) const {
    const auto found = log_reader(impl_.transactions().source().env, impl_.tables()).find(event);
    if (found) return judge(name, found->position);
    throw error(errc::not_found, fmt::format("the log has no event {}", to_string(event)));
}

// The version is that of checkpoint and state together: where it is as it was, nothing has come
// between, and no event needs to be looked at.
consumers::impl::step consumers::impl::try_advance(transaction::state& s,
                                                   const consumer_batch& batch, const uuid& version,
                                                   handled_events handled,
                                                   const decide_ending& decide) const {
    const auto now = require(s, batch.consumer);
    if (!is_held_by(now.row, batch.hold, s.now_ms)) return step::fenced;
    if (now.version() != version) return step::moved;
    if (batch.covered > now.head) throw_beyond(batch.covered, now.head);
    if (batch.covered <= now.checkpoint) return step::moved;  // nothing to commit
    const uuid last = id_at(s, batch.covered);
    if (handled.events == 0) handled.last = id_in(now.row.delivered);
    ending done = decide(s);
    check_state(done.state);
    json::object_writer data;
    data.text("name", batch.consumer).text("after", to_string(version));
    data.number("position", batch.covered).text("event", to_string(last));
    if (!handled.last.is_nil()) data.text("delivered", to_string(handled.last));
    if (!done.state.empty()) data.bytes("state", done.state);
    data.number("events", handled.events);
    if (batch.hold) {
        data.number("fence", batch.hold->fence);
        data.number("leased_until", hold_end(s, *batch.hold));
    }
    data.number("at", s.at_ms());
    s.events = std::move(done.produced);
    s.events.push_back(make_event("idem.ConsumerAdvanced", batch.consumer, data.str()));
    return step::done;
}

consumer_verdict consumers::impl::advance(const consumer_batch& batch,
                                          const decide_ending& decide) const {
    constexpr int turns_max = 16;
    for (int turn = 0; turn < turns_max; ++turn) {
        uuid version = batch.version;
        handled_events handled{batch.events.size(), {}};
        if (!batch.events.empty()) handled.last = batch.events.back().id;
        if (version.is_nil()) {
            const auto judged = judge(batch);
            if (!judged.verdict.accepted()) return judged.verdict;
            version = judged.version;
            handled = judged.handled;
        }
        step reached = step::moved;
        auto appended = transactor_.run([&](transaction::state& s) {
            reached = try_advance(s, batch, version, handled, decide);
        });
        if (appended.rejection) {
            return {.outcome = consumer_outcome::not_appended,
                    .checkpoint = require(batch.consumer).checkpoint,
                    .rejection = std::move(appended.rejection)};
        }
        if (reached == step::done) {
            appended.receipts.pop_back();  // of the store's own event
            return {.checkpoint = batch.covered, .receipts = std::move(appended.receipts)};
        }
        if (reached == step::fenced) {
            return {.outcome = consumer_outcome::fenced,
                    .checkpoint = require(batch.consumer).checkpoint};
        }
        if (batch.version.is_nil()) continue;
        auto judged = judge(batch);
        if (judged.verdict.accepted()) judged.verdict.outcome = consumer_outcome::fenced;
        return judged.verdict;
    }
    throw error(errc::busy, "others advance the consumer all the time; try again");
}

consumer_verdict consumers::advance(const consumer_batch& batch, std::string_view state,
                                    std::span<const event> produced) {
    return impl_.advance(batch, [&](transaction::state&) {
        return impl::ending{std::string(state), {produced.begin(), produced.end()}};
    });
}

consumer_verdict consumers::advance(const consumer_batch& batch, const transition& decide) {
    return impl_.advance(batch, [&](transaction::state& s) {
        transaction t(s);
        std::string state = decide(t);
        return impl::ending{std::move(state), std::move(s.events)};
    });
}

}  // namespace idem
