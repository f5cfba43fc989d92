// How the map gets along with a limit of the address space, which sanitizers do not work under.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "child_process.hpp"
#include "keyed_texts.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

using idem::errc;
namespace storage = idem::storage;

// To so much more than this process has now.
bool limit_address_space(std::uint64_t more_bytes) {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t granted = pages * static_cast<rlim_t>(::getpagesize()) + more_bytes;
    const rlimit limit{granted, granted};
    return ::setrlimit(RLIMIT_AS, &limit) == 0;
}

}  // namespace

TEST_CASE("a map that the system refuses is halved until it is granted") {
    const scratch_folder folder;
    make(folder / "s");
    const child_process child([&] {
        rlimit limit{.rlim_cur = 4ULL << 30, .rlim_max = 4ULL << 30};
        if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
        const auto env = storage::environment::open(folder / "s", {.map_bytes = 64ULL << 30});
        put(*env, "a", "1");
        return env->stats().map_bytes < 4ULL << 30 && get(*env, "a") == "1" ? 0 : 2;
    });
    CHECK(child.wait() == 0);
}

TEST_CASE("a map that is halved leaves room for what else the process needs") {
    const scratch_folder folder;
    make(folder / "s");
    const child_process child([&] {
        if (!limit_address_space(80 << 20)) return 1;
        const auto env = storage::environment::open(folder / "s", {.map_bytes = 64ULL << 30});
        put(*env, "a", std::string(24 << 20, 'x'));  // bad_alloc ends the child otherwise
        return 0;
    });
    CHECK(child.wait() == 0);
}

TEST_CASE("a map that may not grow stays as it is, and reads go on") {
    const scratch_folder folder;
    make(folder / "s");
    const child_process child([&] {
        const auto env = storage::environment::open(folder / "s", {.map_bytes = 8 << 20});
        put(*env, "a", "1");
        if (!limit_address_space(38 << 20)) return 1;
        const auto fill = [&] {
            for (int i = 0; i < 300; ++i) {
                put(*env, "k" + std::to_string(i), std::string(100'000, 'x'));
            }
        };
        for (int times = 0; times < 3; ++times) {
            if (code_of(fill) != errc::map_full) return 2;
            if (get(*env, "a") != "1" || get(*env, "k9").size() != 100'000) return 3;
        }
        return env->stats().map_bytes > 8 << 20 ? 0 : 4;  // as far as there was room
    });
    CHECK(child.wait() == 0);
}
#endif
