// Any history of commands under keys, of leases, sweeps and clocks, against a model that fits on a
// page; and the table folded again from the events alone.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "store/table_rows.hpp"
#include "store/turned_clock.hpp"

namespace {

using idem::key_outcome;
using idem::key_state;
using std::chrono::milliseconds;

const idem::key_scope scope{"owner", "operation"};
constexpr std::int64_t lease_ms = 1000;
constexpr std::uint32_t attempts_max = 3;

struct model_key {
    std::string id;
    key_state state = key_state::running;
    int request = 0;
    std::uint64_t fence = 0;
    std::uint32_t attempts = 0;
    std::int64_t leased_until = 0;
    std::string point;
    std::string calling;
    std::string result;
    std::int64_t finished = 0;
    std::int64_t expires = 0;
    std::int64_t horizon = 0;
    std::int64_t made = 0;

    bool is_finished() const {
        return state == key_state::completed || state == key_state::rejected;
    }
};

// What the keys promise, in the plainest words. Times are milliseconds.
class model {
public:
    std::int64_t now = 0;
    std::int64_t log = 0;
    std::map<std::string, model_key> keys;
    std::int64_t forgotten = 0;

    std::int64_t at() const { return std::max(log, now); }
    void appended() { log = at(); }

    std::optional<key_outcome> look(const std::string& name, std::int64_t made, int request) const {
        const auto found = keys.find(name);
        if (found == keys.end()) {
            return made != 0 && made <= forgotten ? std::optional(key_outcome::too_old)
                                                  : std::nullopt;
        }
        const auto& k = found->second;
        if (k.request != request) return key_outcome::key_mismatch;
        if (k.is_finished() && k.expires > log) {
            return k.state == key_state::completed ? key_outcome::completed : key_outcome::rejected;
        }
        if (k.is_finished() || k.state == key_state::expired) {
            return k.horizon > log ? key_outcome::expired : key_outcome::too_old;
        }
        if (k.state == key_state::dead) return key_outcome::dead;
        if (k.state == key_state::running && k.leased_until > now) return key_outcome::in_progress;
        return k.calling.empty() ? std::nullopt : std::optional(key_outcome::unknown);
    }

    void doubt(model_key& k) {
        if (k.state == key_state::in_doubt) return;
        k.state = key_state::in_doubt;
        appended();
    }
    void finish(model_key& k, key_state as, const std::string& result, std::int64_t keep,
                std::int64_t horizon) {
        k.state = as;
        k.result = result;
        k.calling.clear();
        k.point.clear();
        k.finished = at();
        k.expires = at() + keep;
        k.horizon = at() + std::max(keep, horizon);
        appended();
    }

    idem::sweep_result sweep(std::size_t limit, std::optional<std::uint64_t> bytes_max) {
        using row = std::tuple<std::int64_t, std::string, std::string>;  // time, id, name
        std::vector<row> expired, oldest, forget;
        std::uint64_t bytes = 0;
        for (const auto& [name, k] : keys) {
            bytes += k.result.size();
            if (k.is_finished()) oldest.emplace_back(k.finished, k.id, name);
            if (k.is_finished() && k.expires <= log) expired.emplace_back(k.expires, k.id, name);
            const auto due = std::max(k.horizon, k.made);
            if (k.state == key_state::expired && k.made != 0 && due <= log) {
                forget.emplace_back(due, k.id, name);
            }
        }
        for (auto* rows : {&expired, &oldest, &forget}) {
            std::sort(rows->begin(), rows->end());
            if (rows->size() > limit) rows->resize(limit);
        }
        const bool all_expired = expired.size() < limit;
        idem::sweep_result done;
        std::vector<std::string> emptied;
        for (const auto& [time, id, name] : expired) {
            bytes -= keys[name].result.size();
            emptied.push_back(name);
        }
        for (const auto& [time, id, name] : oldest) {
            if (!bytes_max || !all_expired || bytes <= *bytes_max) break;
            if (keys[name].expires <= log) continue;
            bytes -= keys[name].result.size();
            emptied.push_back(name);
            ++done.evicted;
        }
        done.expired = expired.size();
        done.forgotten = forget.size();
        for (const auto& name : emptied) {
            keys[name].state = key_state::expired;
            keys[name].result.clear();
        }
        for (const auto& [time, id, name] : forget) {
            forgotten = std::max(forgotten, keys[name].made);
            keys.erase(name);
        }
        done.more =
            done.expired > 0 || done.forgotten >= limit || (bytes_max && bytes > *bytes_max);
        if (done.expired + done.evicted + done.forgotten > 0) appended();
        return done;
    }
};

std::string name_of(int number, std::int64_t made) {
    if (made == 0) return std::to_string(number);
    const std::string hex = fmt::format("{:012x}", made);
    return fmt::format("{}-{}-7000-8000-{:012x}", hex.substr(0, 8), hex.substr(8), number);
}

// A store and its model, side by side.
class history {
public:
    history() {
        model_.now = start_ = clock_.now().time_since_epoch() / std::chrono::milliseconds(1);
    }

    void step() {
        const int number = *rc::gen::inRange(0, 7);
        made_ = number < 4 ? 0 : start_ + (number - 4) * 3000;
        name_ = name_of(number, made_);
        request_ = *rc::gen::inRange(0, 12) == 0 ? 1 : 0;
        switch (*rc::gen::inRange(0, 10)) {
            case 0:
                return turn();
            case 1:
                return append();
            case 2:
                return sweep();
            case 3:
                return person();
            case 4:
                return once();
            case 5:
            case 6:
                return claim();
            case 7:
                switch (*rc::gen::inRange(0, 6)) {
                    case 0:
                        return reopen();
                    case 1:  // and the store goes on with what another process has left
                        return write_out_tail(path(), "keys");
                    default:
                        return turn();
                }
            default:
                return use_lease();
        }
    }

    void check() {
        const auto listed = store_->keys().list();
        RC_ASSERT(listed.size() == model_.keys.size());
        idem::key_stats counted;
        for (const auto& [name, k] : model_.keys) {
            const auto found = store_->keys().find(k.id);
            RC_ASSERT(found.has_value());
            RC_ASSERT(found->state == k.state);
            RC_ASSERT(found->fence == k.fence);
            RC_ASSERT(found->result == k.result);
            if (k.state != key_state::expired) {
                RC_ASSERT(found->key == name);
                RC_ASSERT(found->attempts == k.attempts);
                RC_ASSERT(found->calling == k.calling);
                RC_ASSERT(found->point == k.point);
            }
            counted.result_bytes += k.result.size();
            counted.completed += k.state == key_state::completed;
            counted.expired += k.state == key_state::expired;
            counted.dead += k.state == key_state::dead;
            counted.in_doubt += k.state == key_state::in_doubt;
        }
        const auto kept = store_->keys().stats();
        RC_ASSERT(kept.result_bytes == counted.result_bytes);
        RC_ASSERT(kept.completed == counted.completed);
        RC_ASSERT(kept.expired == counted.expired);
        RC_ASSERT(kept.dead == counted.dead);
        RC_ASSERT(kept.in_doubt == counted.in_doubt);
    }

    void check_replay() {
        idem::store copy(folder_ / "copy.idem");
        copy_events(*store_, copy);
        RC_ASSERT(table_rows(folder_ / "copy.idem", "keys") == table_rows(path(), "keys"));
        RC_ASSERT(idem::verify(path()).sound());
    }

private:
    std::filesystem::path path() const { return folder_ / "s.idem"; }
    idem::request request() const { return idem::request().with("n", request_); }

    model_key& known() {
        auto& k = model_.keys[name_];
        if (k.id.empty()) {
            k.id = store_->keys().find(scope, name_)->id;
            k.request = request_;
            k.made = made_;
        }
        return k;
    }

    void turn() {
        const auto by = *rc::gen::element(1, 400, 1001, 5000, 20'000, -3000);
        clock_.turn(milliseconds(by));
        model_.now += by;
    }
    void append() {
        store_->append(numbered_event(++appended_));
        model_.appended();
    }
    void reopen() {
        leases_.clear();
        store_.reset();
        store_.emplace(path(), clock_.options());
    }
    void sweep() {
        const auto limit = *rc::gen::inRange<std::size_t>(1, 4);
        std::optional<std::uint64_t> bytes_max;
        if (*rc::gen::inRange(0, 2)) bytes_max = *rc::gen::inRange<std::uint64_t>(0, 30);
        const auto swept = store_->keys().sweep({.limit = limit, .result_bytes_max = bytes_max});
        const auto expected = model_.sweep(limit, bytes_max);
        RC_ASSERT(swept.expired == expected.expired);
        RC_ASSERT(swept.evicted == expected.evicted);
        RC_ASSERT(swept.forgotten == expected.forgotten);
        RC_ASSERT(swept.more == expected.more);
    }
    void once() {
        const std::string result(*rc::gen::inRange<std::size_t>(0, 12), 'r');
        const std::int64_t keep = *rc::gen::element(0, 2000, 10'000);
        const bool rejects = *rc::gen::inRange(0, 4) == 0;
        const auto expected = model_.look(name_, made_, request_);
        bool ran = false;
        const auto answer =
            store_->once(scope, name_, request(),
                         [&](idem::transaction& t) {
                             ran = true;
                             t.append(numbered_event(++appended_));
                             return rejects ? idem::command_result::reject(result)
                                            : idem::command_result(result);
                         },
                         {.keep_result = milliseconds(keep), .horizon = milliseconds(10'000)});
        RC_ASSERT(ran == !expected);
        if (expected) {
            RC_ASSERT(answer.outcome == *expected);
            if (*expected == key_outcome::unknown) model_.doubt(known());
            const bool replayed =
                *expected == key_outcome::completed || *expected == key_outcome::rejected;
            RC_ASSERT(answer.replayed == replayed);
            if (replayed) RC_ASSERT(answer.result == model_.keys[name_].result);
            return;
        }
        RC_ASSERT(answer.outcome == (rejects ? key_outcome::rejected : key_outcome::completed));
        model_.finish(known(), rejects ? key_state::rejected : key_state::completed, result, keep,
                      10'000);
    }
    void claim() {
        idem::claim_options options{.lease = milliseconds(lease_ms), .attempts_max = attempts_max};
        options.keep_result = milliseconds(2000);
        options.horizon = milliseconds(10'000);
        options.retry_unknown = *rc::gen::inRange(0, 2) == 0;
        const auto probe = *rc::gen::inRange(0, 4);  // 0: none
        const auto found = static_cast<idem::probe_answer>(std::max(probe - 1, 0));
        if (probe) options.probe = [&](std::string_view, const idem::uuid&) { return found; };
        const auto expected = model_.look(name_, made_, request_);
        const auto answer = store_->keys().claim(scope, name_, request(), options);
        const bool in_doubt = expected == key_outcome::unknown;
        if (expected && !in_doubt) {
            RC_ASSERT(answer.outcome == *expected);
            RC_ASSERT(!answer.lease);
            return;
        }
        const bool found_out = in_doubt && probe && found != idem::probe_answer::unknown;
        if (in_doubt && !found_out && !options.retry_unknown) {
            RC_ASSERT(answer.outcome == key_outcome::unknown);
            return model_.doubt(known());
        }
        const auto before = model_.keys.find(name_);
        if (before != model_.keys.end() && before->second.attempts >= attempts_max) {
            RC_ASSERT(answer.outcome == key_outcome::dead);
            before->second.state = key_state::dead;
            return model_.appended();
        }
        RC_ASSERT(answer.outcome == key_outcome::granted);
        auto& k = known();
        k.state = key_state::running;
        k.leased_until = model_.now + lease_ms;
        if (found_out && found == idem::probe_answer::not_done) k.calling.clear();
        RC_ASSERT(answer.lease->fence() == ++k.fence);
        RC_ASSERT(answer.lease->attempt() == ++k.attempts);
        RC_ASSERT(answer.lease->point() == k.point);
        RC_ASSERT(answer.lease->call_was_done() ==
                  (found_out && found == idem::probe_answer::done));
        leases_.emplace_back(name_, *answer.lease);
        model_.appended();
    }
    void use_lease() {
        if (leases_.empty()) return;
        auto& [name, lease] = leases_[*rc::gen::inRange<std::size_t>(0, leases_.size())];
        const auto found = model_.keys.find(name);
        const bool held = found != model_.keys.end() && found->second.state == key_state::running &&
                          found->second.fence == lease.fence();
        const auto outcome = held ? key_outcome::granted : key_outcome::fenced;
        const int what = *rc::gen::inRange(0, 6);
        if (what == 0) RC_ASSERT(lease.calling("call") == outcome);
        if (what == 1) RC_ASSERT(lease.checkpoint("point " + std::to_string(appended_)) == outcome);
        if (what == 2) RC_ASSERT(lease.renew(milliseconds(lease_ms)) == outcome);
        if (what == 3) RC_ASSERT(lease.abandon("x") == outcome);
        if (what == 4) RC_ASSERT(lease.complete("by lease").completed() == held);
        if (what == 5) RC_ASSERT((lease.reject("no").outcome == key_outcome::rejected) == held);
        if (!held) return;
        auto& k = found->second;
        if (what == 0) k.calling = "call";
        if (what == 1) k.point = "point " + std::to_string(appended_);
        if (what == 1) k.calling.clear();
        if (what == 2) k.leased_until = model_.now + lease_ms;
        if (what == 3) k.state = key_state::abandoned;
        if (what == 4) model_.finish(k, key_state::completed, "by lease", 2000, 10'000);
        if (what == 5) model_.finish(k, key_state::rejected, "no", 2000, 10'000);
        if (what < 4) model_.appended();
    }
    void person() {
        const auto found = model_.keys.find(name_);
        if (found == model_.keys.end()) return;
        auto& k = found->second;
        const bool leased = k.state == key_state::running && k.leased_until > model_.now;
        const bool closed = k.is_finished() || k.state == key_state::expired;
        const int what = *rc::gen::inRange(0, 3);
        try {
            if (what == 0) store_->keys().resume(k.id, "x");
            if (what == 1) store_->keys().discard(k.id, "no more");
            if (what == 2) store_->keys().complete(k.id, "by hand");
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == (leased ? idem::errc::busy : idem::errc::invalid_input));
            RC_ASSERT((leased || closed));
            return;
        }
        RC_ASSERT_FALSE((leased || closed));
        constexpr std::int64_t day = 24 * 3600 * 1000;
        if (what == 1) return model_.finish(k, key_state::rejected, "no more", day, 30 * day);
        if (what == 2) return model_.finish(k, key_state::completed, "by hand", day, 30 * day);
        if (k.state != key_state::dead && k.calling.empty()) return;
        k.state = key_state::abandoned;
        k.attempts = 0;
        k.calling.clear();
        model_.appended();
    }

    scratch_folder folder_;
    turned_clock clock_;
    std::optional<idem::store> store_{std::in_place, folder_ / "s.idem", clock_.options()};
    std::vector<std::pair<std::string, idem::lease>> leases_;
    model model_;
    std::int64_t start_ = 0;
    std::uint64_t appended_ = 0;
    std::string name_;
    std::int64_t made_ = 0;
    int request_ = 0;
};

}  // namespace

TEST_CASE("any history of keys is answered as the model says, and folded from its events alone") {
    CHECK(rc::check("keys", [] {
        history all;
        const int steps = *rc::gen::inRange(1, 60);
        for (int step = 0; step < steps; ++step) {
            all.step();
            all.check();
        }
        all.check_replay();
    }));
}
