#include "testing/world.hpp"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <ctime>

namespace idem::testing {
namespace {

thread_local std::int64_t ahead_s = 0;
thread_local bool watched = false;
std::atomic<std::uint64_t> reads = 0;

}  // namespace

std::int64_t note_clock_read() noexcept {
    if (watched) reads.fetch_add(1, std::memory_order_relaxed);
    return ahead_s;
}

moved_clock::moved_clock(std::int64_t seconds) noexcept : before_(ahead_s) {
    ahead_s = seconds;
    watched = true;
}
moved_clock::~moved_clock() {
    ahead_s = before_;
    watched = false;
}

std::uint64_t clock_reads() noexcept {
    return reads;
}

entered_world::entered_world(const world& w) noexcept {
    std::srand(w.seed);
#ifdef M_PERTURB
    ::mallopt(M_PERTURB, static_cast<int>(w.seed & 0xff));
#endif
    if (!w.other_place) return;
    ::setenv("TZ", "Asia/Kathmandu", 1);
    ::tzset();
    [[maybe_unused]] const int moved = ::chdir("/");
}
entered_world::~entered_world() {
#ifdef M_PERTURB
    ::mallopt(M_PERTURB, 0);
#endif
}

projection in_world(projection p, const world& w) {
    const std::int64_t ahead = w.clock_ahead_s;
    p.apply = [apply = std::move(p.apply), ahead](const event_view& e, state_table& table) {
        const moved_clock clock(ahead);
        apply(e, table);
    };
    if (!p.keys_of || !p.apply_row) return p;
    p.keys_of = [keys_of = std::move(p.keys_of), ahead](const event_view& e, key_sink& sink) {
        const moved_clock clock(ahead);
        keys_of(e, sink);
    };
    p.apply_row = [apply_row = std::move(p.apply_row), ahead](
                      const event_view& e, std::string_view key, state_table::slot& slot) {
        const moved_clock clock(ahead);
        apply_row(e, key, slot);
    };
    return p;
}

}  // namespace idem::testing

namespace {

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// These stand before the system's own.
extern "C" {

int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
    static const auto real = next<int (*)(clockid_t, struct timespec*)>("clock_gettime");
    const int result = real(clock, now);
    if (result == 0) now->tv_sec += idem::testing::note_clock_read();
    return result;
}

int gettimeofday(struct timeval* __restrict now, void* __restrict zone) noexcept {
    static const auto real = next<int (*)(struct timeval*, void*)>("gettimeofday");
    const int result = real(now, zone);
    if (result == 0) now->tv_sec += idem::testing::note_clock_read();
    return result;
}

time_t time(time_t* now) noexcept {
    struct timespec precise {};
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now != nullptr) *now = precise.tv_sec;
    return precise.tv_sec;
}

}  // extern "C"
