// Work in a process of its own, so that memory and written bytes are its own too.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace bench {

// What `work` returns. Throws std::runtime_error where it fails, having printed why.
template <class Work>
auto in_own_process(const std::string& name, Work&& work) {
    using result_t = std::invoke_result_t<Work>;
    static_assert(std::is_trivially_copyable_v<result_t>);
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("no process");
    if (child == 0) {
        int status = 1;
        try {
            const result_t result = work();
            status = ::write(ends[1], &result, sizeof result) == sizeof result ? 0 : 1;
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s: %s\n", name.c_str(), e.what());
        }
        ::_exit(status);
    }
    ::close(ends[1]);
    result_t result;
    const bool whole = ::read(ends[0], &result, sizeof result) == sizeof result;
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!whole || status != 0) throw std::runtime_error(name + " failed");
    return result;
}

}  // namespace bench
