// The row of a finished key stands in two parts, of which one goes with the result: who looks at
// the key sees one row, who sweeps touches what goes and nothing else.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "commands_generated.h"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "idempotency/key_fold.hpp"
#include "idempotency/key_rows.hpp"
#include "idempotency/row.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "table_rows.hpp"
#include "turned_clock.hpp"

using namespace std::chrono_literals;
using idem::key_outcome;
using idem::key_state;

namespace {

const idem::key_scope scope{"customer-7", "charge"};
const idem::key_options hour_and_day{.keep_result = 1h, .horizon = 24h};
const std::string secret = "the result of key ";

constexpr std::array all_states = {key_state::running, key_state::abandoned, key_state::in_doubt,
                                   key_state::dead,    key_state::completed, key_state::rejected,
                                   key_state::expired};

// All that is told of a key.
std::string told(const idem::key_info& key) {
    const auto ms = [](idem::timestamp t) {
        return std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
    };
    std::string text = fmt::format(
        "{} {}/{}/{} {} fence {} attempts {}/{} started {} leased {} point {} call {} result {} "
        "reason {} finished {} expires {} horizon {}",
        key.id, key.scope.owner, key.scope.operation, key.key, to_string(key.state), key.fence,
        key.attempts, key.attempts_max, ms(key.started), ms(key.leased_until), key.point,
        key.calling, key.result, key.reason, ms(key.finished), ms(key.expires), ms(key.horizon));
    for (const auto& id : key.events) text += " " + to_string(id);
    return text;
}
std::vector<std::string> told(const std::vector<idem::key_info>& keys) {
    std::vector<std::string> all;
    for (const auto& key : keys) all.push_back(told(key));
    return all;
}

// A store that has keys in every state: of the results some were let go of as their time was over,
// others for the sake of space; one key was forgotten.
struct used_store {
    scratch_folder folder;
    turned_clock clock;
    std::optional<idem::store> store{std::in_place, folder / "s.idem", clock.options()};
    std::string forgotten;
    std::uint64_t appended = 0;

    std::filesystem::path path() const { return folder / "s.idem"; }
    idem::keys keys() { return store->keys(); }

    idem::key_answer once(const std::string& key, const idem::key_options& options = {},
                          bool rejects = false) {
        return store->once(
            scope, key, {},
            [&](idem::transaction& t) {
                t.append(numbered_event(++appended));
                idem::command_result result(secret + key);
                result.rejected = rejects;
                return result;
            },
            options);
    }
    void pass(std::chrono::milliseconds time) {
        clock.turn(time);
        store->append(numbered_event(++appended));
    }
    // A key that bears the time at which it was made.
    std::string timed_key(int number) const {
        const auto ms = clock.now().time_since_epoch() / 1ms;
        const std::string hex = fmt::format("{:012x}", ms);
        return fmt::format("{}-{}-7000-8000-{:012x}", hex.substr(0, 8), hex.substr(8), number);
    }
    void use() {
        const idem::claim_options at_once{.attempts_max = 1};
        const auto claim = [&](const std::string& key) {
            return keys().claim(scope, key, {}, at_once).lease.value();
        };
        forgotten = timed_key(0);
        once(forgotten, {.keep_result = 1ms, .horizon = 2ms});
        pass(1h);
        while (keys().sweep().more) {
        }
        claim("running").checkpoint("point", "data");
        claim("abandoned").abandon("why");
        claim("in doubt").calling("call");
        claim("dead").abandon("why");
        claim("leased").complete("by lease");
        for (int i = 0; i < 5; ++i) once(fmt::format("evicted {}", i));
        pass(1s);
        for (int i = 0; i < 5; ++i) once(fmt::format("expired {}", i), hour_and_day);
        once(timed_key(1), hour_and_day);
        pass(2h);
        keys().claim(scope, "in doubt", {}, at_once);
        keys().claim(scope, "dead", {}, at_once);
        once("completed");
        once("rejected", {}, true);
        const auto swept = keys().sweep({.result_bytes_max = 60});
        CHECK(swept.expired == 6);
        CHECK(swept.evicted == 6);
        once("expired but not swept", {.keep_result = 1ms});
        pass(1s);
    }
    // What is answered by those who change nothing.
    std::vector<std::string> answers() {
        std::vector<std::string> all = told(keys().list());
        for (const auto state : all_states) {
            for (const auto& text : told(keys().list(state))) all.push_back(text);
        }
        for (const auto& key : keys().list()) {
            all.push_back(told(keys().find(key.id).value()));
            if (key.finished == idem::timestamp()) continue;
            try {
                keys().resume(key.id, "by a person");
                FAIL("resumed a key that is no longer open");
            } catch (const idem::error& e) {
                all.emplace_back(e.what());
            }
        }
        std::vector<std::string> names = {"in doubt",  "dead",     "leased",
                                          "completed", "rejected", "expired but not swept"};
        for (int i = 0; i < 5; ++i) names.push_back(fmt::format("evicted {}", i));
        for (int i = 0; i < 5; ++i) names.push_back(fmt::format("expired {}", i));
        names.push_back(forgotten);
        for (const auto& name : names) {
            const auto answer = once(name);
            all.push_back(fmt::format("{}: {} {} {} {} {}", name, to_string(answer.outcome),
                                      answer.result, answer.reason, answer.replayed,
                                      answer.receipts.size()));
        }
        const auto sums = keys().stats();
        all.push_back(fmt::format("{} {} {} {} {} {} {} {}", sums.running, sums.abandoned,
                                  sums.in_doubt, sums.dead, sums.completed, sums.rejected,
                                  sums.expired, sums.result_bytes));
        return all;
    }
};

// Puts rows in the place of a table, as another idem has made them.
void leave_table(const std::filesystem::path& path, std::uint32_t version, std::uint64_t through,
                 const std::map<std::string, std::string>& rows) {
    const auto env = idem::storage::environment::open(path, {});
    const auto table = env->find_table("keys").value();
    idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
        txn.clear_table(table);
        for (const auto& [key, row] : rows) txn.put(table, key, row);
        idem::wire::FoldInfoT info;
        info.version = version;
        info.through = through;
        txn.put(table, idem::reserved_info_key, idem::pack<idem::wire::FoldInfo>(info));
    });
}

// Runs `use` on the rows of a store, with a tail that was empty.
template <class Use>
void with_rows(const std::filesystem::path& path, Use use) {
    write_out_tail(path, "keys");
    const auto env = idem::storage::environment::open(path, {});
    const auto tables = idem::log_tables::open(*env);
    const auto table = env->find_table("keys").value();
    const idem::storage::read_transaction txn(*env);
    idem::row_tail tail;
    auto rows = idem::read_reserved(txn, tables, table, *fold_of("keys"), tail);
    REQUIRE(tail.rows().empty());
    use(rows, tail);
}

// What versions 1 and 2 of the fold had: the whole row under the key's hash, orders without values.
std::map<std::string, std::string> rows_of_old(const std::filesystem::path& path) {
    std::map<std::string, std::string> old;
    with_rows(path, [&](const idem::reserved_rows& rows, const idem::row_tail&) {
        auto walk = rows.walk();
        while (const auto row = walk.next()) {
            if (row->first == idem::reserved_info_key) continue;
            const bool is_result = row->first.starts_with("x");
            std::string& kept =
                old[(is_result ? "o" : "") + std::string(row->first.substr(is_result ? 1 : 0))];
            if (row->first.starts_with(idem::key_rows_prefix)) {
                idem::key_hash hash{};
                std::copy_n(row->first.begin() + 1, hash.size(), hash.begin());
                kept = idem::pack<idem::wire::KeyRow>(idem::read_key(rows, hash).value());
            } else if (!is_result) {
                kept = row->second;
            }
        }
    });
    return old;
}

}  // namespace

TEST_CASE("a sweep that lets go of results touches no row that stays") {
    used_store s;
    std::vector<std::string> timed;
    for (int i = 0; i < 40; ++i) {
        timed.push_back(s.timed_key(i));
        s.once(i % 4 == 0 ? timed.back() : fmt::format("key {}", i),
               i % 2 == 0 ? hour_and_day : idem::key_options{}, i % 3 == 0);
        s.pass(1s);
    }
    s.pass(2h);
    const auto before = table_rows(s.path(), "keys");
    const std::uint64_t until = static_cast<std::uint64_t>(s.clock.now().time_since_epoch() / 1ms);
    with_rows(s.path(), [&](idem::reserved_rows& rows, const idem::row_tail& tail) {
        const idem::sweep_bounds bounds{until, 1000, 0};
        const auto swept = idem::find_swept(rows, bounds);
        CHECK(swept.expired.size() == 20);
        CHECK(swept.evicted.size() == 20);
        sweep_keys(rows, swept);
        std::map<char, int> written;
        std::map<char, int> erased;
        for (const auto& [key, row] : tail.rows()) ++(row ? written : erased)[key.at(0)];
        CHECK(erased == std::map<char, int>{{'x', 40}});
        CHECK(written == std::map<char, int>{{'h', 10}, {'s', 1}});
    });
    const auto swept = s.keys().sweep({.result_bytes_max = 0});
    CHECK(swept.expired == 20);
    CHECK(swept.evicted == 20);
    int staying = 0;
    for (const auto& [key, row] : table_rows(s.path(), "keys")) {
        CHECK(key.at(0) != 'x');
        // Of what named the key, and of its result, nothing is left.
        CHECK(row.find(scope.owner) == std::string::npos);
        CHECK(row.find("key ") == std::string::npos);
        for (const auto& name : timed) CHECK(row.find(name) == std::string::npos);
        if (!key.starts_with(idem::key_rows_prefix)) continue;
        ++staying;
        CHECK(before.at(key) == row);
    }
    CHECK(staying == 40);
    CHECK(s.keys().list(key_state::completed).empty());
    CHECK(s.keys().list(key_state::rejected).empty());
    CHECK(s.keys().list(key_state::expired).size() == 40);
    CHECK(s.keys().stats().expired == 40);
    CHECK(idem::verify(s.path()).sound());
}

TEST_CASE("those in a state are listed whether or not their results have gone") {
    used_store s;
    s.use();
    std::map<key_state, std::vector<std::string>> expected;
    for (const auto& key : s.keys().list()) {
        expected[key.state].push_back(told(key));
        CHECK(key.key.empty() == (key.state == key_state::expired));
    }
    for (const auto state : all_states) {
        CAPTURE(to_string(state));
        CHECK_FALSE(expected[state].empty());
        CHECK(told(s.keys().list(state)) == expected[state]);
    }
    CHECK(s.keys().list(key_state::expired).size() == 12);
    CHECK(s.keys().list(key_state::expired, {}, 3).size() == 3);
}

TEST_CASE("a table that an older idem has left is made anew, and every answer is the same") {
    // Version 2 kept whole rows under the hash, and so did 1, which had no tail either.
    for (const std::uint32_t version : {1, 2}) {
        for (const bool is_open : {false, true}) {  // while it is left
            CAPTURE(version);
            CAPTURE(is_open);
            used_store s;
            s.use();
            const auto answers = s.answers();
            CHECK(answers.size() > 60);
            const auto head = s.store->head();
            const auto right = table_rows(s.path(), "keys");
            const auto old = rows_of_old(s.path());
            CHECK(old.size() == right.size());
            CHECK(old != right);
            if (!is_open) s.store.reset();
            leave_table(s.path(), version, version == 1 ? 0 : head, old);
            if (!is_open) s.store.emplace(s.path(), s.clock.options());
            try {
                s.keys().list();
                FAIL("read rows of another fold");
            } catch (const idem::error& e) {
                CHECK(e.code() == idem::errc::stale);
            }
            CHECK(s.once("completed").replayed);
            CHECK(s.answers() == answers);
            CHECK(s.store->head() == head);
            CHECK(table_rows(s.path(), "keys") == right);
            CHECK(idem::verify(s.path()).sound());
            CHECK(s.keys().sweep().expired == 1);
            CHECK(s.answers() != answers);
            CHECK(idem::verify(s.path()).sound());
        }
    }
}
