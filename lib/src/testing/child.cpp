#include "testing/child.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "idem/error.hpp"

namespace idem::testing {
namespace {

constexpr unsigned time_max_s = 120;
constexpr char works = 'w';
constexpr char faults = 'f';

void write_all(int to, std::string_view text) {
    while (!text.empty()) {
        const ssize_t done = ::write(to, text.data(), text.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(done));
    }
}

[[noreturn]] void run_child(int to, const std::function<std::string()>& work) {
    ::signal(SIGALRM, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);
    ::alarm(time_max_s);
    std::string said;
    try {
        said = works + work();
    } catch (const std::exception& e) {
        said = std::string(1, faults) + e.what();
    } catch (...) {
        said = std::string(1, faults) + "something that is not a std::exception was thrown";
    }
    write_all(to, said);
    ::_exit(0);
}

std::string read_all(int from, pid_t child) {
    std::string all;
    std::array<char, 1 << 16> part{};
    for (;;) {
        const ssize_t size = ::read(from, part.data(), part.size());
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return all;
        all.append(part.data(), static_cast<std::size_t>(size));
        if (all.size() > said_bytes_max) ::kill(child, SIGKILL);
    }
}

error refused(const char* what) {
    return error(errc::io, std::string("no process for a test of a projection: ") + what + ": " +
                               std::strerror(errno) + "; options::processes = false needs none");
}

}  // namespace

child_end in_child(const std::function<std::string()>& work) {
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw refused("pipe");
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(pipe[0]);
        run_child(pipe[1], work);
    }
    ::close(pipe[1]);
    if (child < 0) {
        ::close(pipe[0]);
        throw refused("fork");
    }
    child_end end;
    std::string heard = read_all(pipe[0], child);
    ::close(pipe[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    if (!heard.empty()) (heard[0] == works ? end.said : end.fault) = heard.substr(1);
    return end;
}

void die() {
    for (;;) ::kill(::getpid(), SIGKILL);
}

}  // namespace idem::testing
