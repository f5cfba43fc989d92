// Starting a line of /bin/sh with pipes.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace idem::cli {

[[noreturn]] void throw_system(const char* what, int code);  // as errc::io

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
    int release() noexcept { return std::exchange(number_, -1); }
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
    pipe_ends();  // throws io
};

struct spawn_call {
    std::string command;
    std::vector<std::pair<std::string, std::string>> variables = {};  // added to the environment
    int input = STDIN_FILENO;  // what the program has as such
    int output = STDOUT_FILENO;
    bool own_group = true;  // a key pressed at the terminal does not reach it; nor may it ask there
};
// Its errors go where ours go. Throws io where it cannot be started.
pid_t spawn_program(const spawn_call& call);

// Waits for its end; returns the status of waitpid().
int wait_for_program(pid_t pid) noexcept;

}  // namespace idem::cli
