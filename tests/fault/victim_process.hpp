// A crash_victim with its output in a pipe.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

extern char** environ;

class victim_process {
public:
    explicit victim_process(std::vector<std::string> arguments) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        arguments.insert(arguments.begin(), CRASH_VICTIM);
        std::vector<char*> argv;
        for (auto& argument : arguments) argv.push_back(argument.data());
        argv.push_back(nullptr);
        const int code = ::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        output_ = ends[0];
        if (code != 0) throw std::system_error(code, std::generic_category(), "posix_spawn");
    }
    ~victim_process() {
        if (pid_ > 0) kill_hard();
        ::close(output_);
    }
    victim_process(const victim_process&) = delete;
    victim_process& operator=(const victim_process&) = delete;

    // Reads until at least `bytes` have come in all, or the output ends.
    void read_until(std::size_t bytes) {
        while (text_.size() < bytes && read_some()) {
        }
    }
    // Reads until a line starts so. False: the output ended before.
    bool read_until_line(const std::string& start) {
        while (("\n" + text_).find("\n" + start) == std::string::npos) {
            if (!read_some()) return false;
        }
        return true;
    }
    void read_to_end() {
        while (read_some()) {
        }
    }
    void kill_hard() {
        ::kill(pid_, SIGKILL);
        wait();
    }
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }
    // What it has said so far, whole lines only.
    std::string lines() const { return text_.substr(0, text_.rfind('\n') + 1); }

private:
    [[noreturn]] static void fail(const char* what) {
        throw std::system_error(errno, std::generic_category(), what);
    }
    bool read_some() {
        char buffer[4096];
        const ssize_t got = ::read(output_, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) return true;
        if (got <= 0) return false;
        text_.append(buffer, static_cast<std::size_t>(got));
        return true;
    }

    pid_t pid_ = -1;
    int output_ = -1;
    std::string text_;
};
