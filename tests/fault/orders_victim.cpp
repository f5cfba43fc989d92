// The example's shop, which dies at the n-th commit or the n-th call that leaves it.
//
//     orders_victim FOLDER commits|calls|nothing [N before|after]
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "disk_kill.hpp"
#include "shop.hpp"

namespace {

// One is confirmed, one is undone behind its charge, one is declined.
const std::vector<orders::order_request> asked{
    {"ann", "1", "lamp", 1'000}, {"bob", "2", "anvil", 2'000}, {"ann", "3", "map", 250'000}};

int run(const std::string& folder, const std::string& what, std::uint64_t number,
        disk_kill::moment when) {
    const orders::provider_process provider(folder + "/provider.idem", 0);
    std::atomic<std::uint64_t> calls = 0;
    if (what == "commits") disk_kill::arm(number, when, disk_kill::counted::commits);
    if (what == "nothing") disk_kill::arm(0, when, disk_kill::counted::commits);
    orders::shop shop(
        folder, provider.port(),
        [&](const std::string&, bool) {
            if (++calls == number && what == "calls") ::kill(::getpid(), SIGKILL);
        },
        std::chrono::milliseconds(150));
    for (const auto& order : asked) shop.place_order(order);
    shop.work_off();
    std::printf("done %llu %llu\n", static_cast<unsigned long long>(disk_kill::count()),
                static_cast<unsigned long long>(calls.load()));
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 3) return 2;
    const std::uint64_t number = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
    const bool after = argc > 4 && std::string(argv[4]) == "after";
    return run(argv[1], argv[2], number,
               after ? disk_kill::moment::after : disk_kill::moment::before);
} catch (const std::exception& e) {
    std::printf("failed: %s\n", e.what());
    return 1;
}
