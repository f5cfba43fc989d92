// The bank's balances, by the code of the past and by today's.
#pragma once

#include <idem/flatbuffers.hpp>
#include <idem/keyed_fold.hpp>
#include <string>

#include "bank_v1_generated.h"  // in namespace bank_v1, so that both fit in one program
#include "bank_v2_generated.h"

// Today's code reads version 2 of these types.
template <>
inline constexpr std::uint32_t idem::schema_version<bank::Deposited> = 2;
template <>
inline constexpr std::uint32_t idem::schema_version<bank::Withdrawn> = 2;

namespace bank {

struct balance {
    std::int64_t cents = 0;
    std::uint64_t moves = 0;
};

inline balance moved(balance b, std::int64_t cents) {
    return {b.cents + cents, b.moves + 1};
}

// What events of version 1 become, in today's terms.
inline idem::upcasters euros_to_cents() {
    return idem::upcasters()
        .add("bank.Deposited", 1,
             idem::upcast_from<bank_v1::Deposited>([](const bank_v1::Deposited& old) {
                 DepositedT now;
                 now.account = old.account()->str();
                 now.cents = old.euros() * 100;
                 return now;
             }))
        .add("bank.Withdrawn", 1,
             idem::upcast_from<bank_v1::Withdrawn>([](const bank_v1::Withdrawn& old) {
                 WithdrawnT now;
                 now.account = old.account()->str();
                 now.cents = old.euros() * 100;
                 return now;
             }));
}

inline auto balances() {
    return idem::keyed_fold<std::string, balance>("balances", 2)
        .on<Deposited>([](const Deposited& e) { return e.account()->str(); },
                       [](balance b, const Deposited& e) { return moved(b, e.cents()); })
        .on<Withdrawn>([](const Withdrawn& e) { return e.account()->str(); },
                       [](balance b, const Withdrawn& e) { return moved(b, -e.cents()); })
        .upcast(euros_to_cents());
}

// The release before: rows in euros.
inline auto balances_in_euros() {
    const auto euros_of = [](const idem::event_view& e) -> std::int64_t {
        return e.type() == "bank.Deposited"
                   ? flatbuffers::GetRoot<bank_v1::Deposited>(e.data().data())->euros()
                   : -flatbuffers::GetRoot<bank_v1::Withdrawn>(e.data().data())->euros();
    };
    const auto account_of = [](const idem::event_view& e) { return std::string(e.stream()); };
    const auto add = [euros_of](balance b, const idem::event_view& e) {
        return moved(b, euros_of(e));
    };
    return idem::keyed_fold<std::string, balance>("balances", 1)
        .on("bank.Deposited", account_of, add)
        .on("bank.Withdrawn", account_of, add)
        .reads("bank.Deposited", 1)
        .reads("bank.Withdrawn", 1);
}

}  // namespace bank
