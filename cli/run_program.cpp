#include "run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "spawn_program.hpp"

namespace idem::cli {
namespace {

void never_block(const descriptor& d) {
    ::fcntl(d.number(), F_SETFL, ::fcntl(d.number(), F_GETFL) | O_NONBLOCK);
}

class running_program {
public:
    explicit running_program(const program_call& call)
        : call_(call), end_(clock::now() + call.time_max) {
        pid_ =
            spawn_program({call_.command, call_.variables, in_.read.number(), out_.write.number()});
        in_.read.close();
        out_.write.close();
        never_block(in_.write);
        never_block(out_.read);
    }
    ~running_program() {
        if (pid_ > 0) kill_and_wait();
    }
    running_program(const running_program&) = delete;
    running_program& operator=(const running_program&) = delete;

    program_result run() {
        const descriptor exit(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        if (!exit.is_open()) throw_system("cannot watch the program", errno);
        while (!ended(exit)) {
            if (clock::now() < end_) continue;
            result_.timed_out = true;
            kill_and_wait();
            return std::move(result_);
        }
        // What it has left in the pipe; who else still has it open is not waited for.
        while (read_some()) {
        }
        note_end(wait());
        return std::move(result_);
    }

private:
    using clock = std::chrono::steady_clock;

    // Feeds and reads for a while; true: the program is no more.
    bool ended(const descriptor& exit) {
        if (written_ == call_.input.size()) in_.write.close();
        std::array<pollfd, 3> waits{{{exit.number(), POLLIN, 0},
                                     {out_.read.number(), POLLIN, 0},
                                     {in_.write.number(), POLLOUT, 0}}};  // -1: left out
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - clock::now()).count();
        constexpr std::int64_t look_again_ms = 1000;
        const int ready =
            ::poll(waits.data(), waits.size(),
                   static_cast<int>(std::clamp<std::int64_t>(left, 0, look_again_ms)));
        if (ready < 0 && errno != EINTR) throw_system("cannot wait for the program", errno);
        if (ready <= 0) return false;
        if (waits[1].revents != 0 && !read_some()) out_.read.close();
        if (waits[2].revents != 0) write_some();
        return waits[0].revents != 0;
    }

    // False: nothing is there, now or for ever.
    bool read_some() {
        if (!out_.read.is_open()) return false;
        std::array<char, 16 << 10> buffer;
        const ssize_t got = ::read(out_.read.number(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) return true;
        if (got <= 0) return false;
        const std::size_t room = call_.output_bytes_max - result_.output.size();
        result_.output.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
        return true;
    }

    void write_some() {
        const std::string_view rest = std::string_view(call_.input).substr(written_);
        const ssize_t sent = ::write(in_.write.number(), rest.data(), rest.size());
        if (sent > 0) written_ += static_cast<std::size_t>(sent);
        if (sent < 0 && errno != EINTR && errno != EAGAIN) {
            written_ = call_.input.size();  // it reads no more of it, as it is free to do
        }
    }

    int wait() noexcept { return wait_for_program(std::exchange(pid_, -1)); }
    void kill_and_wait() {
        ::kill(-pid_, SIGKILL);
        note_end(wait());
    }
    void note_end(int status) {
        if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
        if (WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
    }

    const program_call& call_;
    const clock::time_point end_;
    pipe_ends in_;
    pipe_ends out_;
    pid_t pid_ = -1;
    std::size_t written_ = 0;
    program_result result_;
};

}  // namespace

program_result run_program(const program_call& call) {
    return running_program(call).run();
}

}  // namespace idem::cli
