// What the process is while a command runs.
#pragma once

#include <memory>

namespace idem::cli {

// Descriptors 0 to 2 that the process was started without are taken, so that no file of a store
// becomes standard output; reading from and writing to them fails. A reader of our output that goes
// away and a file at the limit of its size (`ulimit -f`) are answers of write(), not signals. A
// damaged file that LMDB dies of is told, and ends the process with exit code 1.
class process_guard {
public:
    process_guard();
    ~process_guard();
    process_guard(const process_guard&) = delete;
    process_guard& operator=(const process_guard&) = delete;

private:
    struct before;
    std::unique_ptr<before> before_;
};

}  // namespace idem::cli
