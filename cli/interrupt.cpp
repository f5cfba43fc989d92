#include "interrupt.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include "idem/error.hpp"

namespace idem::cli {
namespace {

// A signal handler can reach nothing but globals.
std::atomic<int> noted = 0;
std::atomic<int> wake_descriptor = -1;
static_assert(std::atomic<int>::is_always_lock_free);  // else not for a signal handler

void note(int signal) {
    const int saved = errno;
    noted = signal;
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_descriptor.load(), &one, sizeof one);
    errno = saved;
}

}  // namespace

struct interrupt::previous {
    struct sigaction on_interrupt;
    struct sigaction on_terminate;
};

interrupt::interrupt()
    : previous_(std::make_unique<previous>()),
      descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) {
        throw error(errc::io, "cannot make an eventfd: " + std::generic_category().message(errno));
    }
    noted = 0;
    wake_descriptor = descriptor_;
    struct sigaction action {};
    action.sa_handler = note;
    action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
    ::sigaction(SIGINT, &action, &previous_->on_interrupt);
    ::sigaction(SIGTERM, &action, &previous_->on_terminate);
}

interrupt::~interrupt() {
    ::sigaction(SIGINT, &previous_->on_interrupt, nullptr);
    ::sigaction(SIGTERM, &previous_->on_terminate, nullptr);
    wake_descriptor = -1;
    ::close(descriptor_);
}

void interrupt::wake() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, &one, sizeof one);
}

int interrupt::signal() const noexcept {
    return noted;
}

}  // namespace idem::cli
