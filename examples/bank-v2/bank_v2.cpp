// A bank that changes its schema while it is open: years of events in whole euros, today's in
// cents, and at no moment a reader who sees no balances, or mixed ones.
//
//     bank_v2 STORE SCHEMAS          SCHEMAS: the folder with bank_v1.fbs and bank_v2.fbs
#include <atomic>
#include <filesystem>
#include <idem/store.hpp>
#include <iostream>
#include <thread>

#include "balances.hpp"

namespace {

constexpr std::uint64_t old_events = 200'000;

template <class Object>
Object with(const std::string& account, auto fill) {
    Object object;
    object.account = account;
    fill(object);
    return object;
}

std::string account_of(std::uint64_t number) {
    return "account-" + std::to_string(number % 1000);
}

// The id of an event is that of the command which led to it, so this program can be run again.
idem::event named(idem::event e, const std::string& command) {
    e.id = idem::make_uuid_from_source("/bank", command);
    return e;
}

// What the code of the past has left behind.
void write_history(idem::store& store) {
    std::vector<idem::event> batch;
    for (std::uint64_t n = 0; n < old_events; ++n) {
        const std::string account = account_of(n);
        if (n % 5 == 4) {
            auto e = idem::make_event(
                account, with<bank_v1::WithdrawnT>(account, [](auto& w) { w.euros = 3; }));
            e.type = "bank.Withdrawn";
            batch.push_back(named(std::move(e), "old-" + std::to_string(n)));
        } else {
            auto e = idem::make_event(
                account, with<bank_v1::DepositedT>(account, [](auto& d) { d.euros = 7; }));
            e.type = "bank.Deposited";
            batch.push_back(named(std::move(e), "old-" + std::to_string(n)));
        }
        if (batch.size() == 1000) {
            store.append(batch);
            batch.clear();
        }
    }
}

// Today's deposits, one after the other, until it is told to stop. Returns how many there were.
std::uint64_t deposit_cents(idem::store& store, const std::atomic<bool>& stop) {
    std::uint64_t count = 0;
    for (; !stop; ++count) {
        const std::string account = account_of(count);
        const auto e = idem::make_event(
            account, with<bank::DepositedT>(account, [](auto& d) { d.cents = 1; }));
        store.append(named(e, "new-" + std::to_string(count)));
    }
    return count;
}

void show(const idem::store& store, const char* when) {
    const auto rows = store.state("balances");
    std::cout << when << ": version " << rows.version() << " of the balances, " << rows.row_count()
              << " rows, at position " << rows.position() << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::cerr << "usage: bank_v2 STORE SCHEMAS\n";
        return 2;
    }
    const std::filesystem::path schemas = argv[2];
    {
        idem::store store(argv[1]);
        store.add_schema(idem::schema::read(schemas / "bank_v1.fbs"));
        write_history(store);
        if (!store.find_projection("balances")) {
            store.run(bank::balances_in_euros(), idem::projection_mode::manual);
            store.catch_up("balances");
        }
        show(store, "before");
    }

    // The new release is deployed.
    idem::store store(argv[1]);
    for (const auto& change :
         store.add_schema(idem::schema::read(schemas / "bank_v2.fbs")).changes) {
        std::cout << "  " << to_string(change.compatibility) << ": " << change.message << '\n';
    }
    store.run(bank::balances(), idem::projection_mode::background);
    const auto kept = store.find_projection("balances");
    std::cout << "stale: " << (kept->stale.empty() ? "no" : kept->stale) << '\n';

    std::atomic<bool> stop = false;
    std::uint64_t appended = 0;
    std::thread writer([&] { appended = deposit_cents(store, stop); });
    const auto result = store.rebuild(bank::balances(), {.progress = [&](const auto& now) {
                                          if (now.now == idem::rebuild_progress::phase::replay) {
                                              show(store, "meanwhile");
                                          }
                                          return true;
                                      }});
    stop = true;
    writer.join();
    show(store, "after");
    std::cout << appended << " events were appended meanwhile; the swap kept them waiting for "
              << std::chrono::duration_cast<std::chrono::milliseconds>(result.writer_held).count()
              << " ms\n";

    store.wait_for("balances", store.head());
    const auto row = store.state(bank::balances()).find(account_of(1)).row.value();
    std::cout << account_of(1) << " has " << row.cents << " cents after " << row.moves
              << " moves\n";
    return 0;
} catch (const std::exception& e) {
    std::cerr << "bank_v2: " << e.what() << '\n';
    return 1;
}
