#include "run_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "idem/error.hpp"

extern char** environ;

namespace idem::cli {
namespace {

[[noreturn]] void throw_system(const char* what, int code) {
    throw error(errc::io, fmt::format("{}: {}", what, std::generic_category().message(code)));
}

class descriptor {
public:
    explicit descriptor(int number = -1) noexcept : number_(number) {}
    ~descriptor() { close(); }
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;

    int number() const noexcept { return number_; }
    bool is_open() const noexcept { return number_ >= 0; }
    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }
    void take(int number) noexcept {
        close();
        number_ = number;
    }

private:
    int number_;
};

struct pipe_ends {
    descriptor read;
    descriptor write;
    pipe_ends() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_system("cannot make a pipe", errno);
        read.take(ends[0]);
        write.take(ends[1]);
    }
};

void never_block(const descriptor& d) {
    ::fcntl(d.number(), F_SETFL, ::fcntl(d.number(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

class running_program {
public:
    explicit running_program(const program_call& call)
        : call_(call), end_(clock::now() + call.time_max) {
        start();
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

    void start() {
        std::vector<std::string> arguments{"/bin/sh", "-c", call_.command};
        std::vector<std::string> variables;
        for (const auto& [name, value] : call_.variables) {
            variables.push_back(name + "=" + value);
        }
        const auto is_replaced = [&](std::string_view variable) {
            return std::any_of(
                call_.variables.begin(), call_.variables.end(),
                [&](const auto& own) { return variable.starts_with(own.first + "="); });
        };
        for (char** variable = environ; *variable; ++variable) {
            if (!is_replaced(*variable)) variables.emplace_back(*variable);
        }
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, in_.read.number(), STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, out_.write.number(), STDOUT_FILENO);
        posix_spawnattr_t attributes;
        ::posix_spawnattr_init(&attributes);
        // What we ignore or handle, the program is to meet as usual.
        sigset_t usual;
        ::sigfillset(&usual);
        sigset_t none;
        ::sigemptyset(&none);
        ::posix_spawnattr_setsigdefault(&attributes, &usual);
        ::posix_spawnattr_setsigmask(&attributes, &none);
        ::posix_spawnattr_setpgroup(&attributes, 0);
        ::posix_spawnattr_setflags(
            &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        const int code =
            ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, pointers_to(arguments).data(),
                          pointers_to(variables).data());
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&actions);
        if (code != 0) throw_system("cannot start /bin/sh", code);
    }

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

    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }
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
