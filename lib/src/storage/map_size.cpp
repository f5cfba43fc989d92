// How much of the address space the map of an environment takes, and how that changes.
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

constexpr auto patience = std::chrono::seconds(30);

struct map_need {
    std::uint64_t now = 0;   // bytes
    std::uint64_t file = 0;  // for every page of the latest commit
};

map_need measure(const environment::state& s) noexcept {
    MDB_envinfo info{};
    MDB_stat pages{};
    mdb_env_info(s.env, &info);
    mdb_env_stat(s.env, &pages);
    return {info.me_mapsize, (info.me_last_pgno + 1) * pages.ms_psize};
}

// With no transaction live. LMDB gives the old map up before it asks for the new one, and is lost
// where that is refused; so the difference is asked for first.
int set_size(environment::state& s, std::uint64_t now, std::uint64_t bytes) noexcept {
    if (!grants_map(bytes > now ? bytes - now : 0)) return ENOMEM;
    s.resident.forget();
    const int code = mdb_env_set_mapsize(s.env, bytes);
    if (code != 0) s.map_lost = true;
    return code;
}

// Doubles it until everything fits; where that much is refused, to what is just needed.
int take_over_size(environment::state& s) noexcept {
    const map_need need = measure(s);
    std::uint64_t bytes = need.now;
    while (bytes < need.file) bytes *= 2;
    const int code = set_size(s, need.now, bytes);
    if (code == 0 || s.map_lost) return code;
    return set_size(s, need.now, need.file);
}

// To twice the size, or as near to that as is granted.
int grow_size(environment::state& s) noexcept {
    constexpr std::uint64_t smallest_step = 1 << 20;
    const map_need need = measure(s);
    int code = ENOMEM;
    for (std::uint64_t more = need.now; code != 0 && !s.map_lost && more >= smallest_step;
         more /= 2) {
        const std::uint64_t bytes = need.now + more / smallest_step * smallest_step;
        code = set_size(s, need.now, std::max(bytes, need.file));
    }
    return code;
}

void change(environment::state& s, const char* why, const char* doing,
            const std::function<int()>& change_size) {
    if (in_transaction_of(s)) {
        throw error(errc::busy, fmt::format("{}: {}, and this thread is inside a read of the "
                                            "store: end that first, or append outside of it",
                                            s.folder.string(), why));
    }
    int code = 0;
    const bool alone = s.gate.alone(patience, [&] {
        if (!s.map_lost) code = change_size();
    });
    if (!alone) {
        throw error(errc::busy, fmt::format("{}: {}, and a read of this process has been open for "
                                            "half a minute: end it",
                                            s.folder.string(), why));
    }
    check_map(s);
    check(s, code, doing);
}

}  // namespace

bool grants_map(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t room_bytes = 32 << 20;
    void* const probe = ::mmap(nullptr, bytes + room_bytes, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (probe == MAP_FAILED) return false;
    ::munmap(probe, bytes + room_bytes);
    return true;
}

void enter_mapped(environment::state& s) {
    enter_environment(s);
    if (!s.map_lost) return;
    leave_environment(s);
    check_map(s);
}

void check_map(const environment::state& s) {
    if (!s.map_lost) return;
    throw error(errc::map_full,
                fmt::format("{}: the system has taken the map away when it should have grown; "
                            "raise ulimit -v, and open the store again",
                            s.folder.string()));
}

void grow_map(environment::state& s) {
    change(s, "the map must grow", "growing the map", [&s] { return grow_size(s); });
}

void adopt_map(environment::state& s) {
    change(s, "another process has grown the map", "taking over the map's size",
           [&s] { return take_over_size(s); });
}

}  // namespace idem::storage
