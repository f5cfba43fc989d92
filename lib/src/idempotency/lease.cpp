#include "idem/lease.hpp"

#include <fmt/format.h>

#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"

namespace idem {
namespace {

// The space of the names that external calls are given.
uuid downstream(const key_hash& hash, std::string_view call) {
    return make_uuid_from_source("idem:key:" + blake2b::to_hex(hash), call);
}

json::object_writer under_lease(const key_hash& hash, std::uint64_t fence) {
    json::object_writer data;
    data.text("key", blake2b::to_hex(hash)).number("fence", fence);
    return data;
}

std::uint64_t lease_end(const transaction::state& s, std::chrono::milliseconds length) {
    return s.now_ms + static_cast<std::uint64_t>(length.count());
}

void check_name(const char* field, std::string_view name) {
    if (name.size() > limits::name_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("{} has {} bytes; the limit is {}", field, name.size(),
                                limits::name_bytes_max),
                    {.field = field});
    }
    if (text::invalid_utf8(name)) {
        throw error(errc::invalid_input, fmt::format("{} is not UTF-8", field), {.field = field});
    }
}

}  // namespace

class lease::impl {
public:
    impl(keys::impl& k, asked_key a, const claim_options& o)
        : owner(k), asked(std::move(a)), options(o) {}

    // Appends an event of the running lease; `fenced` where it is no more.
    key_outcome append(std::string_view type, const json::object_writer& members) {
        return append([&](transaction::state& s) {
            s.events.push_back(keys::impl::make_event(type, asked.hash, members.str()));
        });
    }
    key_outcome append(const transactor::work& add) {
        key_outcome outcome = key_outcome::granted;
        const auto appended = owner.transactions().run([&](transaction::state& s) {
            const bool held = holds(s);
            outcome = held ? key_outcome::granted : key_outcome::fenced;
            if (held) add(s);
        });
        if (appended.rejection) throw error(errc::corrupt, appended.rejection->message());
        return outcome;
    }

    key_answer end(std::string_view value, bool rejected,
                   const std::function<void(transaction&)>& work) {
        key_answer answer;
        auto appended = owner.transactions().run([&](transaction::state& s) {
            if (!holds(s)) {
                answer = {.outcome = key_outcome::fenced};
                return;
            }
            transaction t(s);
            work(t);
            keys::impl::finish(s, asked, fence,
                               {value, rejected, options.keep_result, options.horizon});
            answer = {.outcome = rejected ? key_outcome::rejected : key_outcome::completed,
                      .result = std::string(value)};
        });
        return keys::impl::settle(std::move(answer), std::move(appended));
    }

    bool holds(const transaction::state& s) const {
        const auto row = owner.row(s, asked.hash);
        return row && state_of(*row) == key_state::running && row->fence == fence;
    }

    keys::impl& owner;
    const asked_key asked;
    const claim_options options;
    std::uint64_t fence = 0;
    std::uint32_t attempt = 0;
    std::string point;
    std::string data;
    bool call_was_done = false;
};

namespace {

// One try to claim, in a transaction.
class claiming {
public:
    claiming(keys::impl& k, const asked_key& key, const claim_options& options)
        : keys_(k), key_(key), options_(options) {}

    // What a probe found out about the call under way at this fence.
    struct finding {
        std::uint64_t fence;
        std::string call;
        probe_answer answer;
    };

    void run(transaction::state& s, const std::optional<finding>& probed) {
        answer = {};
        granted = nullptr;
        to_probe.reset();
        const auto standing = keys_.look(s, key_);
        if (standing.answer) static_cast<key_answer&>(answer) = *standing.answer;
        const bool in_doubt = standing.answer && answer.outcome == key_outcome::unknown;
        if (standing.answer && !in_doubt) return;
        if (in_doubt && !may_retry(s, *standing.row, probed)) return;
        if (standing.row && standing.row->attempts >= options_.attempts_max) {
            return die(s, *standing.row);
        }
        // Until the holder has reached a point behind the call, it may be lost like the one before.
        const bool still = in_doubt && !(probed && probed->answer == probe_answer::not_done);
        grant(s, standing.row, still ? standing.row->calling : "");
        granted->call_was_done = in_doubt && probed && probed->answer == probe_answer::done;
    }

    claimed answer;
    std::shared_ptr<lease::impl> granted;
    std::optional<finding> to_probe;

private:
    bool may_retry(transaction::state& s, const key_row& row,
                   const std::optional<finding>& probed) {
        const bool known = probed && probed->fence == row.fence && probed->call == row.calling;
        if (options_.probe && !known) {
            to_probe = finding{row.fence, row.calling, probe_answer::unknown};
            return false;
        }
        if (known && probed->answer != probe_answer::unknown) return true;
        if (options_.retry_unknown) return true;
        keys::impl::doubt(s, key_.hash, row);
        return false;
    }

    void die(transaction::state& s, const key_row& row) {
        answer.outcome = key_outcome::dead;
        answer.reason = fmt::format("{} attempts left no result", row.attempts);
        if (!row.reason.empty()) answer.reason += ", the last for: " + row.reason;
        append(s, "idem.KeyDied", under_lease(key_.hash, row.fence).text("reason", answer.reason));
    }

    void grant(transaction::state& s, const std::optional<key_row>& row, std::string_view call) {
        granted = std::make_shared<lease::impl>(keys_, key_, options_);
        granted->fence = (row ? row->fence : 0) + 1;
        granted->attempt = (row ? row->attempts : 0) + 1;
        if (row) {
            granted->point = row->point;
            granted->data = view_of(row->data);
        }
        static_cast<key_answer&>(answer) = {.outcome = key_outcome::granted};
        answer.leased_until = from_milliseconds(lease_end(s, options_.lease));
        json::object_writer data(key_.naming);
        data.number("fence", granted->fence).number("attempts_max", options_.attempts_max);
        data.number("leased_until", lease_end(s, options_.lease)).number("at", s.at_ms());
        if (!call.empty()) data.text("call", call);
        append(s, "idem.KeyClaimed", data);
    }

    void append(transaction::state& s, std::string_view type, const json::object_writer& data) {
        s.events.push_back(keys::impl::make_event(type, key_.hash, data.str()));
    }

    keys::impl& keys_;
    const asked_key& key_;
    const claim_options& options_;
};

}  // namespace

claimed keys::claim(const key_scope& scope, std::string_view key, const request& asked,
                    const claim_options& options) {
    check_lease_length(options.lease);
    if (options.attempts_max == 0) {
        throw error(errc::invalid_input, "attempts_max is 0: give at least 1",
                    {.field = "attempts_max"});
    }
    const asked_key k = impl::ask(scope, key, asked);
    claiming work(impl_, k, options);
    std::optional<claiming::finding> probed;
    constexpr int probes_max = 3;  // others may take over meanwhile, and leave another call
    for (int turn = 0; turn <= probes_max; ++turn) {
        impl_.transactions().run([&](transaction::state& s) { work.run(s, probed); });
        if (!work.to_probe) break;
        probed = work.to_probe;
        probed->answer = options.probe(probed->call, downstream(k.hash, probed->call));
    }
    if (work.to_probe) throw error(errc::busy, "others work on the key all the time; try again");
    claimed result = std::move(work.answer);
    if (work.granted) result.lease.emplace(std::move(work.granted));
    return result;
}

std::uint64_t lease::fence() const noexcept {
    return impl_->fence;
}
std::uint32_t lease::attempt() const noexcept {
    return impl_->attempt;
}
const std::string& lease::point() const noexcept {
    return impl_->point;
}
const std::string& lease::data() const noexcept {
    return impl_->data;
}
bool lease::call_was_done() const noexcept {
    return impl_->call_was_done;
}
uuid lease::downstream_key(std::string_view call) const {
    return downstream(impl_->asked.hash, call);
}

key_outcome lease::calling(std::string_view call) {
    if (call.empty()) {
        throw error(errc::invalid_input, "the name of a call is empty", {.field = "call"});
    }
    check_name("call", call);
    return impl_->append("idem.KeyCalling",
                         under_lease(impl_->asked.hash, impl_->fence).text("call", call));
}

key_outcome lease::checkpoint(std::string_view point, std::string_view data) {
    check_name("point", point);
    if (data.size() > limits::result_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("the data of a recovery point has {} bytes; the limit is {}",
                                data.size(), limits::result_bytes_max),
                    {.field = "data"});
    }
    const auto outcome = impl_->append(
        "idem.KeyReached",
        under_lease(impl_->asked.hash, impl_->fence).text("point", point).bytes("data", data));
    if (outcome == key_outcome::granted) {
        impl_->point = point;
        impl_->data = data;
    }
    return outcome;
}

key_outcome lease::renew(std::chrono::milliseconds length) {
    check_lease_length(length);
    return impl_->append([&](transaction::state& s) {
        auto data = under_lease(impl_->asked.hash, impl_->fence);
        data.number("leased_until", lease_end(s, length));
        s.events.push_back(
            keys::impl::make_event("idem.KeyRenewed", impl_->asked.hash, data.str()));
    });
}

key_answer lease::complete(std::string_view result, std::span<const event> events) {
    return impl_->end(result, false, [&](transaction& t) { t.append(events); });
}
key_answer lease::complete_with(std::string_view result,
                                const std::function<void(transaction&)>& work) {
    return impl_->end(result, false, work);
}
key_answer lease::reject(std::string_view why, std::span<const event> events) {
    return impl_->end(why, true, [&](transaction& t) { t.append(events); });
}
key_outcome lease::abandon(std::string_view reason) {
    keys::impl::check_reason(reason);
    return impl_->append("idem.KeyAbandoned",
                         under_lease(impl_->asked.hash, impl_->fence).text("reason", reason));
}

}  // namespace idem
