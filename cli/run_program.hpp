// Running a program with input, for its output and its exit code, within a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace idem::cli {

struct program_result {
    int exit_code = 0;       // where signal is 0
    int signal = 0;          // that ended it
    bool timed_out = false;  // and was killed, with those it had started
    std::string output;      // the first bytes of it
};

struct program_call {
    std::string command;  // a line for /bin/sh
    std::string input;
    std::vector<std::pair<std::string, std::string>> variables;  // added to the environment
    std::chrono::milliseconds time_max;
    std::size_t output_bytes_max;
};

// In a process group of its own, so that a key pressed at the terminal does not reach it. Its
// errors go where ours go. Throws io where it cannot be started.
program_result run_program(const program_call& call);

}  // namespace idem::cli
