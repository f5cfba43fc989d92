// The examples of lib/EMBEDDING.md about commands, as they stand there, at work.
#include <doctest/doctest.h>

#include <stdexcept>

#include "idem/store.hpp"
#include "scratch_folder.hpp"

namespace {

const idem::stream_fold<std::int64_t> balance_fold{
    "balance", 1, [](std::int64_t cents, const idem::event_view& e) {
        return e.type() == "Deposited" ? cents + 750 : cents - 500;
    }};

idem::event event_of(const char* type) {
    idem::event e;
    e.stream = "account-7";
    e.type = type;
    e.data = "{}";
    return e;
}

idem::event withdrawn(int cents) {
    idem::event e = event_of("Withdrawn");
    e.data = R"({"cents":)" + std::to_string(cents) + "}";
    return e;
}

void withdraw(idem::store& store) {
    store.transact([&](idem::transaction& t) {
        const auto balance = t.fold(balance_fold, "account-7").value;  // as of the last event
        if (balance < 500) throw std::runtime_error("no funds");       // and nothing is appended
        t.append(withdrawn(500));
    });
}

idem::key_answer withdraw_once(idem::store& store, const std::string& key_of_the_client,
                               std::string_view body) {
    return store.once({"customer-7", "withdraw"}, key_of_the_client,
                      idem::request::json(body, {"sent_at"}), [&](idem::transaction& t) {
                          if (t.fold(balance_fold, "account-7").value < 500) {
                              return idem::command_result::reject("no funds");
                          }
                          t.append(withdrawn(500));
                          return idem::command_result("withdrawn");
                      });
}

idem::key_outcome pay(idem::store& store, const std::string& key_of_the_client, int& charges) {
    const auto asked = idem::request().with("cents", 500);
    const auto ask_the_bank = [](std::string_view, const idem::uuid&) {
        return idem::probe_answer::unknown;
    };
    const auto charge_card = [&](const idem::uuid&) { ++charges; };
    const idem::event paid = event_of("Paid");

    auto claim = store.keys().claim({"customer-7", "pay"}, key_of_the_client, asked,
                                    {.probe = ask_the_bank});
    if (!claim.lease) return claim.outcome;
    idem::lease& work = *claim.lease;
    if (work.point() != "charged") {
        if (!work.call_was_done()) {
            if (work.calling("charge") == idem::key_outcome::fenced) {
                return idem::key_outcome::fenced;
            }
            charge_card(work.downstream_key("charge"));
        }
        if (work.checkpoint("charged") == idem::key_outcome::fenced) {
            return idem::key_outcome::fenced;
        }
    }
    return work.complete("paid", std::span(&paid, 1)).outcome;
}

}  // namespace

TEST_CASE("the examples of how to embed commands do what they say") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    CHECK_THROWS_WITH(withdraw(store), "no funds");
    CHECK(store.head() == 0);
    store.append({event_of("Deposited"), event_of("Deposited")});
    withdraw(store);
    const auto first = withdraw_once(store, "k", R"({"cents":500,"sent_at":1})");
    CHECK(first.result == "withdrawn");
    CHECK(withdraw_once(store, "k", R"({"cents":500,"sent_at":2})").replayed);
    CHECK(withdraw_once(store, "k", R"({"cents":501,"sent_at":2})").outcome ==
          idem::key_outcome::key_mismatch);
    CHECK(store.fold(balance_fold, "account-7").value == 500);
    withdraw(store);
    CHECK(withdraw_once(store, "other", "{}").outcome == idem::key_outcome::rejected);
    int charges = 0;
    CHECK(pay(store, "p", charges) == idem::key_outcome::completed);
    CHECK(pay(store, "p", charges) == idem::key_outcome::completed);
    CHECK(charges == 1);
}
