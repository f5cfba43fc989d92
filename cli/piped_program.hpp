// A program that is talked to through pipes while it runs.
#pragma once

#include <sys/types.h>

#include <string>

namespace idem::cli {

// In the process group of this process, so that it may ask at the terminal for a password. Its
// errors go where ours go. When this ends, its pipes are closed; one that does not end then within
// some seconds is told to.
class piped_program {
public:
    explicit piped_program(const std::string& command);  // a line for /bin/sh; throws io
    ~piped_program();
    piped_program(const piped_program&) = delete;
    piped_program& operator=(const piped_program&) = delete;

    int output() const noexcept { return output_; }  // to read what it writes
    int input() const noexcept { return input_; }

private:
    pid_t pid_ = -1;
    int output_ = -1;
    int input_ = -1;
};

}  // namespace idem::cli
