// Runs a function in a forked child and tells how it ended: the function returns its exit code.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

class child_process {
public:
    explicit child_process(const std::function<int()>& run) : pid_(::fork()) {
        if (pid_ != 0) return;
        int code = 99;
        try {
            code = run();
        } catch (...) {
            code = 98;
        }
        ::_exit(code);  // no destructors: they are the parent's
    }
    int wait() const {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }

private:
    pid_t pid_;
};
