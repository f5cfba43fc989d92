#include "idempotency/keys.hpp"

#include <fmt/format.h>

#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const char* field, const std::string& why) {
    throw error(errc::invalid_input, fmt::format("{} {}", field, why), {.field = field});
}

void check_text(const char* field, std::string_view text, std::size_t bytes_max) {
    if (text.empty()) refuse(field, "is empty");
    if (text.size() > bytes_max) {
        refuse(field, fmt::format("has {} bytes; the limit is {}", text.size(), bytes_max));
    }
    if (text::invalid_utf8(text)) refuse(field, "is not UTF-8");
}

// Longer keys are known by their hash alone.
std::string shown_name(std::string_view key, const key_hash& hash) {
    if (key.size() <= limits::name_bytes_max) return std::string(key);
    return "blake2b:" + blake2b::to_hex(hash);
}

std::vector<receipt> receipts_of(const transaction::state& s, const key_row& row) {
    std::vector<receipt> receipts;
    for (const uuid& id : ids_of(row)) {
        const auto position = s.log.known.find_id(id);
        if (!position) continue;  // a part of the log was imported without it
        const auto e = record_at(s.log.txn, s.source.tables, *position);
        receipts.push_back({id, outcome::duplicate, e.position(), e.revision()});
    }
    return receipts;
}

key_answer replay(const transaction::state& s, const key_row& row) {
    key_answer answer;
    answer.outcome =
        state_of(row) == key_state::rejected ? key_outcome::rejected : key_outcome::completed;
    answer.replayed = true;
    answer.result = view_of(row.result);
    answer.receipts = receipts_of(s, row);
    return answer;
}

key_answer too_old() {
    return {.outcome = key_outcome::too_old,
            .reason =
                "the key was used longer ago than its horizon; whoever means new work "
                "gives it a key of its own"};
}
key_answer mismatch() {
    return {.outcome = key_outcome::key_mismatch,
            .reason =
                "the key is known with another request; ask the same as then, or give "
                "this request a key of its own"};
}
key_answer expired() {
    return {.outcome = key_outcome::expired,
            .reason =
                "the work was done, and its result is kept no longer; read what came of it "
                "from the events, and give new work a key of its own"};
}

std::optional<key_answer> answer_of(const transaction::state& s, const key_row& row) {
    switch (state_of(row)) {
        case key_state::completed:
        case key_state::rejected:
            if (row.expires > s.log_ms()) return replay(s, row);
            [[fallthrough]];
        case key_state::expired:
            return row.horizon > s.log_ms() ? expired() : too_old();
        case key_state::dead:
            return key_answer{.outcome = key_outcome::dead, .reason = row.reason};
        case key_state::running:
            if (runs_until(row.leased_until, s.now_ms)) {
                return key_answer{.outcome = key_outcome::in_progress,
                                  .leased_until = from_milliseconds(row.leased_until)};
            }
            [[fallthrough]];
        case key_state::abandoned:
        case key_state::in_doubt:
            break;
    }
    if (row.calling.empty()) return std::nullopt;
    return key_answer{.outcome = key_outcome::unknown, .reason = row.calling};
}

}  // namespace

std::vector<uuid> ids_of(const key_row& row) {
    std::vector<uuid> ids(row.events.size() / sizeof(uuid::bytes));
    auto from = row.events.begin();
    for (uuid& id : ids) {
        std::copy_n(from, id.bytes.size(), id.bytes.begin());
        from += static_cast<std::ptrdiff_t>(id.bytes.size());
    }
    return ids;
}

timestamp from_milliseconds(std::uint64_t ms) noexcept {
    constexpr std::uint64_t last = 9'223'372'036'854;  // that a timestamp can be
    return timestamp(std::chrono::milliseconds(std::min(ms, last)));
}

asked_key make_asked_key(std::string owner, std::string operation, std::string name,
                         std::string request, const key_hash& hash) {
    json::object_writer naming;
    naming.text("key", blake2b::to_hex(hash)).text("owner", owner).text("operation", operation);
    naming.text("name", name).text("request", request);
    return {std::move(owner), std::move(operation), std::move(name), std::move(request), hash,
            naming.members()};
}

asked_key keys::impl::ask(const key_scope& scope, std::string_view key, const request& asked) {
    check_text("owner", scope.owner, limits::name_bytes_max);
    check_text("operation", scope.operation, limits::name_bytes_max);
    check_text("key", key, limits::key_bytes_max);
    const auto hash = blake2b::of({scope.owner, scope.operation, key});
    return make_asked_key(scope.owner, scope.operation, shown_name(key, hash),
                          blake2b::to_hex(asked.fingerprint()), hash);
}

reserved_rows keys::impl::rows(const transaction::state& s) const {
    return s.reserved.open(s.log, fold_.stream());
}

std::optional<key_row> keys::impl::row(const transaction::state& s, const key_hash& hash) const {
    return read_key(rows(s), hash);
}

key_standing keys::impl::look(const transaction::state& s, const asked_key& key) const {
    key_standing standing{.row = row(s, key.hash)};
    // A row that does not bear the key's own time came from elsewhere, under the key's hash alone:
    // it does not make a forgotten key one that is known.
    const auto made = time_of_key(key.name);
    if (!standing.row || standing.row->made != made) {
        if (is_forgotten_key(rows(s), key.owner, key.operation, made)) standing.answer = too_old();
    }
    if (!standing.row || standing.answer) return standing;
    const auto request = blake2b::from_hex(key.request);
    if (view_of(standing.row->request) != blake2b::bytes_of(*request)) {
        standing.answer = mismatch();
    } else {
        standing.answer = answer_of(s, *standing.row);
    }
    return standing;
}

void keys::impl::doubt(transaction::state& s, const key_hash& hash, const key_row& row) {
    if (state_of(row) == key_state::in_doubt) return;
    json::object_writer data;
    data.text("key", blake2b::to_hex(hash)).number("fence", row.fence);
    s.events.push_back(make_event("idem.KeyInDoubt", hash, data.str()));
}

void keys::impl::check_reason(std::string_view reason) {
    if (reason.size() <= limits::result_bytes_max) return;
    refuse("reason",
           fmt::format("has {} bytes; the limit is {}", reason.size(), limits::result_bytes_max));
}

event keys::impl::make_event(std::string_view type, const key_hash& hash, std::string data) {
    event e;
    e.stream = "$keys";
    e.type = type;
    e.data = std::move(data);
    e.correlation_id = blake2b::to_hex(hash);
    return e;
}

void keys::impl::finish(transaction::state& s, const asked_key& key, std::uint64_t fence,
                        const ending& how) {
    if (how.value.size() > limits::result_bytes_max) {
        refuse("result", fmt::format("has {} bytes; the limit is {}: keep large results elsewhere "
                                     "and store a reference",
                                     how.value.size(), limits::result_bytes_max));
    }
    if (s.events.size() > limits::events_per_key_max) {
        refuse("events", fmt::format("are {}; under one key the limit is {}", s.events.size(),
                                     limits::events_per_key_max));
    }
    std::string ids;
    for (const auto& e : s.events) {
        ids += ids.empty() ? "[" : ",";
        json::append_string(ids, to_string(e.id));
    }
    const std::uint64_t keep =
        static_cast<std::uint64_t>(std::max<std::int64_t>(how.keep_result.count(), 0));
    const std::uint64_t horizon =
        std::max(keep, static_cast<std::uint64_t>(std::max<std::int64_t>(how.horizon.count(), 0)));
    json::object_writer data(key.naming);
    data.number("fence", fence).flag("rejected", how.rejected).bytes("result", how.value);
    if (!ids.empty()) data.raw("events", ids + "]");
    data.number("at", s.at_ms()).number("expires", s.at_ms() + keep);
    data.number("horizon", s.at_ms() + horizon);
    s.events.push_back(make_event("idem.KeyFinished", key.hash, data.str()));
    s.is_sound = s.events.back().id;
}

key_answer keys::impl::settle(key_answer answer, append_result appended) {
    if (appended.rejection) {
        return {.outcome = key_outcome::not_appended, .rejection = std::move(appended.rejection)};
    }
    if (!appended.receipts.empty()) {
        appended.receipts.pop_back();  // of the store's own event
        answer.receipts = std::move(appended.receipts);
    }
    return answer;
}

key_answer keys::once(const key_scope& scope, std::string_view key, const request& asked,
                      const command& work, const key_options& options) {
    const asked_key k = impl::ask(scope, key, asked);
    key_answer answer;
    auto appended = impl_.transactions().run([&](transaction::state& s) {
        const auto standing = impl_.look(s, k);
        if (standing.answer) {
            answer = *standing.answer;
            if (answer.outcome == key_outcome::unknown) impl::doubt(s, k.hash, *standing.row);
            return;
        }
        transaction t(s);
        const command_result result = work(t);
        answer = {.outcome = result.rejected ? key_outcome::rejected : key_outcome::completed,
                  .result = result.value};
        impl::finish(s, k, standing.fence(),
                     {result.value, result.rejected, options.keep_result, options.horizon});
    });
    return impl::settle(std::move(answer), std::move(appended));
}

}  // namespace idem
