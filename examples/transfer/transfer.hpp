// Moving money between two stores that share no transaction, as a saga of the first:
//
//     reserve   in A: the money is held back              undone by: release
//     debit     in A: it leaves the account               undone by: refund
//     credit    in B: the other account has it            the point of no return
//     confirm   in A: nothing is under way any more
//
// Each step appends one event, whose id is the key that the saga gives the step: an attempt that is
// made again finds its event there. What undoes a step is written down also where the step has left
// nothing, so that an attempt which comes late finds that it has been undone, and does nothing.
#pragma once

#include <idem/store.hpp>

#include <cstdint>
#include <functional>
#include <sstream>
#include <string>

namespace transfer {

struct order {
    std::string from;
    std::string to;
    std::int64_t cents = 0;
};
inline std::string print(const order& o) {
    return o.from + " " + o.to + " " + std::to_string(o.cents);
}
inline order parse(const std::string& text) {
    order o;
    std::istringstream(text) >> o.from >> o.to >> o.cents;
    return o;
}

// Where the money of an account is.
struct account {
    std::int64_t open = 0;  // 1: it exists
    std::int64_t available = 0;
    std::int64_t held = 0;       // reserved
    std::int64_t under_way = 0;  // debited, and neither confirmed nor refunded
};
inline const idem::stream_fold<account> accounts{
    .name = "accounts", .apply = [](account a, const idem::event_view& e) {
        const std::int64_t cents = std::stoll(std::string(e.data()));
        const auto move = [cents](std::int64_t& from, std::int64_t& to) {
            from -= cents;
            to += cents;
        };
        if (e.type() == "Opened") a = {.open = 1, .available = cents};
        if (e.type() == "Reserved") move(a.available, a.held);
        if (e.type() == "Released") move(a.held, a.available);
        if (e.type() == "Debited") move(a.held, a.under_way);
        if (e.type() == "Refunded") move(a.under_way, a.held);
        if (e.type() == "Confirmed") a.under_way -= cents;
        if (e.type() == "Credited") a.available += cents;
        return a;
    }};

inline void open_account(idem::store& bank, const std::string& name, std::int64_t cents) {
    idem::event e{.id = idem::make_uuid_from_source("/transfer/accounts", name)};
    e.stream = name;
    e.type = "Opened";
    e.data = std::to_string(cents);
    bank.append(e);
}

// One step in one store. `undone_by`: the event that says the step was undone before it came.
// `refuse` looks at the account, and says why not.
struct movement {
    std::string name;  // of the account
    std::string type;
    std::string undone_by = {};
    std::function<std::string(const account&)> refuse = {};
};
inline idem::step_result move(idem::store& bank, const idem::step_context& c, const movement& m) {
    const std::string tag = "transfer:" + c.saga;
    idem::step_result result = idem::step_result::done();
    bank.transact([&](idem::transaction& t) {
        result = idem::step_result::done();
        if (t.find(c.key)) return;  // an attempt before this one
        bool undone = false;
        t.read({.stream = m.name, .tags = {tag}},
               [&](const idem::event_view& e) { undone = undone || e.type() == m.undone_by; });
        const std::string why = undone     ? "it has been undone"
                                : m.refuse ? m.refuse(t.fold(accounts, m.name).value)
                                           : "";
        if (!why.empty()) {
            result = idem::step_result::fail(why);
            return;
        }
        idem::event e{.id = c.key};
        e.stream = m.name;
        e.type = m.type;
        e.data = std::to_string(parse(c.input).cents);
        e.tags = {tag};
        t.append(std::move(e));
    });
    return result;
}

// Undoes what an event of `type` did; where there is none, says so for one that comes late.
inline idem::step_result undo(idem::store& bank, const idem::step_context& c,
                              const std::string& account, const std::string& type,
                              const std::string& by) {
    const std::string tag = "transfer:" + c.saga;
    bank.transact([&](idem::transaction& t) {
        if (t.find(c.key)) return;
        bool there = false;
        t.read({.stream = account, .types = {type}, .tags = {tag}},
               [&](const idem::event_view&) { there = true; });
        idem::event e{.id = c.key};
        e.stream = account;
        e.type = by;
        e.data = std::to_string(there ? parse(c.input).cents : 0);
        e.tags = {tag};
        t.append(std::move(e));
    });
    return idem::step_result::done();
}

// `at` is called before and after each call of a store: the place to pull the plug.
inline idem::saga_definition definition(
    idem::store& a, idem::store& b, std::function<void()> at = [] {}) {
    const auto guarded = [at](const idem::saga_step::function& call) {
        return [at, call](idem::step_context& c) {
            at();
            const auto result = call(c);
            at();
            return result;
        };
    };
    const auto moves = [guarded](idem::store& bank, const char* type, const char* undone_by = "") {
        return guarded([&bank, type, undone_by](idem::step_context& c) {
            return move(bank, c, {parse(c.input).from, type, undone_by});
        });
    };
    const auto undoes = [guarded](idem::store& bank, const char* type, const char* by) {
        return guarded([&bank, type, by](idem::step_context& c) {
            return undo(bank, c, parse(c.input).from, type, by);
        });
    };
    idem::saga_step reserve{
        .name = "reserve",
        .action = guarded([&a](idem::step_context& c) {
            const order o = parse(c.input);
            return move(a, c,
                        {o.from, "Reserved", "Released", [&o](const account& from) -> std::string {
                             return from.available < o.cents ? "not enough money" : "";
                         }});
        }),
        .compensation = undoes(a, "Reserved", "Released")};
    idem::saga_step debit{.name = "debit",
                          .action = moves(a, "Debited", "Refunded"),
                          .compensation = undoes(a, "Debited", "Refunded")};
    idem::saga_step credit{
        .name = "credit",
        .action = guarded([&b](idem::step_context& c) {
            return move(b, c,
                        {parse(c.input).to, "Credited", "", [](const account& to) -> std::string {
                             return to.open ? "" : "no such account";
                         }});
        }),
        .point_of_no_return = true};
    idem::saga_step confirm{.name = "confirm", .action = moves(a, "Confirmed")};
    return {.name = "transfer", .version = 1, .steps = {reserve, debit, credit, confirm}};
}

// All the money of a store.
inline std::int64_t sum(const idem::store& bank) {
    std::int64_t cents = 0;
    for (const auto& stream : bank.streams()) {
        if (stream.name.starts_with('$')) continue;
        const account a = bank.fold(accounts, stream.name).value;
        cents += a.available + a.held + a.under_way;
    }
    return cents;
}

}  // namespace transfer
