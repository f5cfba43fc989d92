// What the bank knows of its accounts: a pure fold of its events.
#pragma once

#include <idem/flatbuffers.hpp>
#include <idem/keyed_fold.hpp>
#include <string>
#include <vector>

#include "bank_generated.h"

namespace bank {

inline auto accounts() {
    return idem::keyed_fold<std::string, AccountT>("accounts")
        .on<Opened>([](const Opened& e) { return e.account()->str(); },
                    [](AccountT account, const Opened& e) {
                        account.owner = e.owner()->str();
                        return account;
                    })
        .on<Deposited>([](const Deposited& e) { return e.account()->str(); },
                       [](AccountT account, const Deposited& e) {
                           account.cents += e.cents();
                           ++account.moves;
                           return account;
                       })
        // One event, two rows: each is given its own key.
        .on<Transferred>(
            [](const Transferred& e) {
                return std::vector<std::string>{e.from()->str(), e.to()->str()};
            },
            [](AccountT account, const std::string& key, const Transferred& e) {
                if (key == e.from()->str()) account.cents -= e.cents();
                if (key == e.to()->str()) account.cents += e.cents();
                ++account.moves;
                return account;
            })
        .print_rows([](const AccountT& account) {
            return R"({"owner":")" + account.owner + R"(","cents":)" +
                   std::to_string(account.cents) + R"(,"moves":)" + std::to_string(account.moves) +
                   "}";
        });
}

}  // namespace bank
