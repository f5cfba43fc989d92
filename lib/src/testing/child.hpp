// Work in a child of fork(), which ends without any of its destructors.
#pragma once

#include <functional>
#include <string>

namespace idem::testing {

struct child_end {
    std::string said;   // what `work` returned; empty where it did not come so far
    std::string fault;  // what `work` threw
    int signal = 0;     // it died of
};

// At most so many bytes are heard of a child; then it is killed. A child that takes more than two
// minutes is ended by SIGALRM.
inline constexpr std::size_t said_bytes_max = 64 << 20;

// Throws io where the system grants no process.
child_end in_child(const std::function<std::string()>& work);

// What a crash is: nothing of this process is run any more.
[[noreturn]] void die();

}  // namespace idem::testing
