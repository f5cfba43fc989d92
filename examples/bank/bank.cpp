// A bank that loses answers. Each command carries the id of its event, so a client that has not
// heard back sends the same command again, and the money moves once.
//
//     bank [STORE]
#include <idem/store.hpp>
#include <iostream>

#include "projections.hpp"

namespace {

// What a command looks at before it decides: the account's own stream, folded.
const idem::stream_fold<std::int64_t> balance{
    .name = "balance", .apply = [](std::int64_t cents, const idem::event_view& e) {
        if (e.type() == idem::payload_codec<bank::Deposited>::type()) {
            return cents + idem::payload_codec<bank::Deposited>::decode(e).cents();
        }
        if (e.type() == idem::payload_codec<bank::Transferred>::type()) {
            return cents - idem::payload_codec<bank::Transferred>::decode(e).cents();
        }
        return cents;
    }};

// Appends a transfer if the account has the money. The revision that the decision was made on is
// expected, so of two transfers that race for the same money one is told to decide again; a retry
// of a transfer that was made is recognised by its id before that, and gets the first receipt.
idem::append_result transfer(idem::store& store, const idem::uuid& id,
                             const bank::TransferredT& wish) {
    for (;;) {
        idem::event e = idem::make_event(wish.from, wish);
        e.id = id;
        if (store.find(id)) return store.append(e);  // a retry: whatever the balance is now
        const auto account = store.fold(balance, wish.from);
        if (account.value < wish.cents)
            throw std::runtime_error(wish.from + " has not enough money");
        auto result =
            store.append(e, account.revision ? idem::expected_revision::exactly(*account.revision)
                                             : idem::expected_revision::no_stream());
        if (result.outcome() != idem::outcome::wrong_revision) return result;
    }
}

template <class Object>
Object with(auto fill) {
    Object object;
    fill(object);
    return object;
}

}  // namespace

int main(int argc, char** argv) try {
    idem::store store(argc > 1 ? argv[1] : "bank.idem");
    store.run(bank::accounts(), idem::projection_mode::inline_);

    const auto name_id = [](const char* name) {
        return idem::make_uuid_from_source("/bank", name);
    };
    const auto say = [](const char* what, const idem::append_result& result) {
        std::cout << what << ": " << to_string(result.outcome()) << " at position "
                  << result.receipts.front().position << '\n';
    };
    for (const char* owner : {"ann", "bob"}) {
        auto opened = idem::make_event(owner, with<bank::OpenedT>([&](auto& o) {
                                           o.account = owner;
                                           o.owner = owner;
                                       }));
        opened.id = name_id(owner);
        say("open", store.append(opened));
    }
    auto deposit = idem::make_event("ann", with<bank::DepositedT>([](auto& d) {
                                        d.account = "ann";
                                        d.cents = 10'000;
                                    }));
    deposit.id = name_id("deposit-1");
    say("deposit", store.append(deposit));

    const auto wish = with<bank::TransferredT>([](auto& t) {
        t.from = "ann";
        t.to = "bob";
        t.cents = 7'500;
    });
    say("transfer", transfer(store, name_id("transfer-1"), wish));
    std::cout << "...the answer is lost, the client asks again...\n";
    say("transfer", transfer(store, name_id("transfer-1"), wish));

    store.state(bank::accounts()).for_each([](const std::string& key, const bank::AccountT& row) {
        std::cout << key << " has " << row.cents << " cents after " << row.moves << " moves\n";
    });
    return 0;
} catch (const std::exception& e) {
    std::cerr << "bank: " << e.what() << '\n';
    return 1;
}
