#include "piped_program.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "spawn_program.hpp"

namespace idem::cli {
namespace {

constexpr int patience_ms = 10'000;

bool ends_within(const descriptor& exit, int milliseconds) {
    if (!exit.is_open()) return false;
    pollfd ended{exit.number(), POLLIN, 0};
    return ::poll(&ended, 1, milliseconds) > 0;
}

}  // namespace

piped_program::piped_program(const std::string& command) {
    pipe_ends to;
    pipe_ends from;
    pid_ = spawn_program({command, {}, to.read.number(), from.write.number(), false});
    input_ = to.write.release();
    output_ = from.read.release();
}

piped_program::~piped_program() {
    ::close(input_);
    ::close(output_);
    const descriptor exit(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!ends_within(exit, patience_ms)) {
        ::kill(pid_, SIGTERM);
        if (!ends_within(exit, patience_ms)) ::kill(pid_, SIGKILL);
    }
    wait_for_program(pid_);
}

}  // namespace idem::cli
