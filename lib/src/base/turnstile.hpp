// A counter that threads sleep on until it moves: what std::atomic::wait and notify_all do, without
// its turns of yielding the processor first. Sixteen threads that yield take it, in many switches,
// from the one that they wait for.
#pragma once

#include <atomic>
#include <cstdint>

namespace idem {

// Any thread.
class turnstile {
public:
    std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }
    // Returns once the count is another, or for no reason at all.
    void wait_while(std::uint32_t count) const noexcept;
    // Moves on, and wakes everybody.
    void turn() noexcept;

private:
    std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace idem
