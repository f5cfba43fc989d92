// Moves money between two banks, and dies again and again while it does: child after child is
// killed at the next call of a store later than the one before, until one gets to the end. The
// books are the same as if nothing had happened.
//
//     transfer [FOLDER]      makes FOLDER/a.idem and FOLDER/b.idem; without it in a temporary
//     folder
#include "transfer.hpp"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

constexpr std::int64_t first_cents = 100'000;

const std::pair<const char*, transfer::order> orders[] = {
    {"t1", {"ann", "bob", 25'000}},
    {"t2", {"ann", "nobody", 10'000}},  // refused behind the debit, and undone
    {"t3", {"ann", "bob", 1'000'000}},  // more than there is
    {"t4", {"ann", "bob", 50'000}},
};

// Drives the transfers until all have ended, or dies at call number `last`.
int run(const std::filesystem::path& folder, int last) {
    idem::store a(folder / "a.idem");
    idem::store b(folder / "b.idem");
    const auto transfers = transfer::definition(a, b, [&last] {
        if (--last == 0) ::raise(SIGKILL);
    });
    // The same id and order is the same transfer, however often it is asked for.
    for (const auto& [id, order] : orders) a.sagas().start(transfers, id, print(order));
    // A lease as short as this lets the next process go on soon. Yours is as long as a call takes.
    std::jthread runner([&](std::stop_token stop) {
        a.sagas().run({&transfers, 1}, {.lease = std::chrono::milliseconds(50)}, stop);
    });
    a.follow({.select = {.stream = "$sagas"}}, [&a](const idem::recorded_event&) {
        const auto now = a.sagas().stats().all;
        return now.running + now.compensating > 0;  // until none is
    });
    return 0;
}

std::filesystem::path new_folder() {
    std::string name = std::filesystem::temp_directory_path() / "transfer-XXXXXX";
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make " + name);
    return name;
}

// Whether they balance.
bool print_books(const std::filesystem::path& folder) {
    idem::store a(folder / "a.idem", {.read_only = true});
    const idem::store b(folder / "b.idem", {.read_only = true});
    for (const auto& saga : a.sagas().list()) {
        std::cout << saga.id << ": " << to_string(saga.state)
                  << (saga.reason.empty() ? "" : " because of " + saga.reason) << '\n';
    }
    const auto ann = a.fold(transfer::accounts, "ann").value;
    const auto bob = b.fold(transfer::accounts, "bob").value;
    const std::int64_t together = transfer::sum(a) + transfer::sum(b);
    std::cout << "ann has " << ann.available << ", held " << ann.held << ", under way "
              << ann.under_way << "\nbob has " << bob.available << "\ntogether " << together
              << " of " << 2 * first_cents << '\n';
    return together == 2 * first_cents && bob.available == first_cents + 75'000;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        std::cerr << "usage: transfer [FOLDER]\n";
        return 2;
    }
    const std::filesystem::path folder = argc > 1 ? argv[1] : new_folder();
    std::filesystem::create_directories(folder);
    std::cout << "the stores are in " << folder.string() << '\n';
    {
        idem::store a(folder / "a.idem");
        idem::store b(folder / "b.idem");
        transfer::open_account(a, "ann", first_cents);
        transfer::open_account(b, "bob", first_cents);
    }
    int killed = 0;
    for (int call = 1; call <= 1000; ++call) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(run(folder, call));
        int status = 0;
        if (child < 0 || ::waitpid(child, &status, 0) < 0) return 1;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
        ++killed;
    }
    std::cout << killed << " processes were killed on the way\n";
    return print_books(folder) ? 0 : 1;
} catch (const std::exception& e) {
    std::cerr << "transfer: " << e.what() << '\n';
    return 1;
}
