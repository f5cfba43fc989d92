#include "base/turnstile.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

namespace idem {

void turnstile::wait_while(std::uint32_t count) const noexcept {
    static_assert(sizeof count_ == sizeof count);
    ::syscall(SYS_futex, &count_, FUTEX_WAIT_PRIVATE, count, nullptr);
}

void turnstile::turn() noexcept {
    count_.fetch_add(1, std::memory_order_release);
    ::syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX);
}

}  // namespace idem
