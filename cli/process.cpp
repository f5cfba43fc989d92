#include "process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "exit_code.hpp"

namespace idem::cli {
namespace {

void take_standard_descriptors() {
    for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(number, F_GETFD) >= 0) continue;
        // The lowest number that is free is given. Open for the other direction, it refuses its
        // use.
        [[maybe_unused]] const int taken =
            ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

// May call nothing but what is safe within a signal handler.
[[noreturn]] void tell_damage(int signal) {
    const char* const name = ::sigabbrev_np(signal);
    for (const char* part :
         {"idem: working on the store ended in SIG", name ? name : "",
          ": most likely its file is damaged, or another program changes it; "
          "`idem verify` tells more, and a backup can be restored (corrupt)\n"}) {
        [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, part, std::strlen(part));
    }
    ::_exit(failure);
}

constexpr std::array ignored{SIGPIPE, SIGXFSZ};
constexpr std::array of_damage{SIGABRT, SIGBUS, SIGSEGV, SIGFPE, SIGILL};

}  // namespace

struct process_guard::before {
    std::array<struct sigaction, ignored.size()> at_ignored;
    std::array<struct sigaction, of_damage.size()> at_damage;
    std::array<char, 64 << 10> stack;  // for the handler, where the usual one has run over
    stack_t before_stack;
};

process_guard::process_guard() : before_(std::make_unique<before>()) {
    take_standard_descriptors();
    struct sigaction action {};
    action.sa_handler = SIG_IGN;
    for (std::size_t i = 0; i < ignored.size(); ++i) {
        ::sigaction(ignored[i], &action, &before_->at_ignored[i]);
    }
    const stack_t own{before_->stack.data(), 0, before_->stack.size()};
    ::sigaltstack(&own, &before_->before_stack);
    action.sa_handler = tell_damage;
    action.sa_flags = SA_ONSTACK;
    for (std::size_t i = 0; i < of_damage.size(); ++i) {
        struct sigaction& found = before_->at_damage[i];
        ::sigaction(of_damage[i], nullptr, &found);
        // A sanitizer, or the application around us, has something better to say.
        if (found.sa_handler == SIG_DFL) ::sigaction(of_damage[i], &action, nullptr);
    }
}

process_guard::~process_guard() {
    for (std::size_t i = 0; i < ignored.size(); ++i) {
        ::sigaction(ignored[i], &before_->at_ignored[i], nullptr);
    }
    for (std::size_t i = 0; i < of_damage.size(); ++i) {
        ::sigaction(of_damage[i], &before_->at_damage[i], nullptr);
    }
    ::sigaltstack(&before_->before_stack, nullptr);
}

}  // namespace idem::cli
