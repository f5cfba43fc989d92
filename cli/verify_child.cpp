#include "verify_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include "idem/error.hpp"
#include "input.hpp"
#include "records.hpp"
#include "text.hpp"

extern char** environ;

namespace idem::cli {
namespace {

// Set in the child alone: the descriptor on which the parent listens.
constexpr const char* mark = "IDEM_VERIFY_REPORT";
constexpr int report_descriptor = 3;

[[noreturn]] void throw_system(const char* what, int code) {
    throw error(errc::io, fmt::format("{}: {}", what, std::generic_category().message(code)));
}

class descriptor {
public:
    explicit descriptor(int number) noexcept : number_(number) {}
    ~descriptor() { close(); }
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    descriptor& operator=(descriptor&&) = delete;

    int number() const noexcept { return number_; }
    void close() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_;
};

std::uint64_t to_number(const std::string& text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// As the process was started, whatever main() has made of it.
std::vector<std::string> own_arguments() {
    constexpr std::size_t arguments_bytes_max = 4 << 20;
    const std::string all = read_file("/proc/self/cmdline", arguments_bytes_max);
    std::vector<std::string> arguments;
    for (std::size_t at = 0; at < all.size();) {
        const std::size_t end = std::min(all.find('\0', at), all.size());
        arguments.push_back(all.substr(at, end - at));
        at = end + 1;
    }
    return arguments;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// The child, its reports in a pipe and what it writes to standard error in memory.
class child_process {
public:
    child_process() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_system("cannot make a pipe", errno);
        const descriptor write_end(ends[1]);
        reports_ = ends[0];
        errors_ = ::memfd_create("idem-verify-stderr", MFD_CLOEXEC);
        if (errors_ < 0) throw_system("cannot make a file in memory", errno);

        std::vector<std::string> arguments = own_arguments();
        std::vector<std::string> variables{fmt::format("{}={}", mark, report_descriptor)};
        for (char** variable = environ; *variable; ++variable) variables.emplace_back(*variable);
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions, errors_, STDERR_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, write_end.number(), report_descriptor);
        const int code =
            ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, pointers_to(arguments).data(),
                          pointers_to(variables).data());
        ::posix_spawn_file_actions_destroy(&actions);
        if (code != 0) throw_system("cannot start a process to verify in", code);
    }
    ~child_process() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            wait();
        }
        ::close(reports_);
        ::close(errors_);
    }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    std::string read_some() {  // empty: the child has ended
        std::string bytes(4096, '\0');
        for (;;) {
            const ssize_t got = ::read(reports_, bytes.data(), bytes.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) throw_system("cannot read what the verifying process reports", errno);
            bytes.resize(static_cast<std::size_t>(got));
            return bytes;
        }
    }
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return status;
    }
    std::string last_words() const {
        std::string text(64 << 10, '\0');
        const ssize_t got = ::pread(errors_, text.data(), text.size(), 0);
        text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        while (text.ends_with('\n')) text.pop_back();
        return printable(text.substr(text.rfind('\n') + 1));
    }

private:
    pid_t pid_ = -1;
    int reports_ = -1;
    int errors_ = -1;
};

bool dies_of_a_broken_file(int signal) {
    return signal == SIGABRT || signal == SIGBUS || signal == SIGSEGV || signal == SIGFPE ||
           signal == SIGILL;
}

finding unreadable(int signal, std::uint64_t position, const std::string& last_words) {
    const std::string words = last_words.empty() ? "" : fmt::format(" ({})", last_words);
    return {
        "unreadable", position == 0 ? std::nullopt : std::optional(position), "",
        fmt::format("reading the file ended in SIG{}{}, {}: its pages cannot be walked; restore a "
                    "backup, or `idem export` what can still be read",
                    ::sigabbrev_np(signal), words,
                    position == 0 ? "at once" : fmt::format("behind position {}", position))};
}

}  // namespace

verify_report verify_in_child(const verify_listener& listener) {
    child_process child;
    record_decoder decoder;
    verify_report report;
    report.complete = false;
    std::uint64_t reached = 0;
    bool reported = false;
    const auto add = [&](finding found) {
        listener.report(found);
        report.findings.push_back(std::move(found));
    };
    for (std::string bytes = child.read_some(); !bytes.empty(); bytes = child.read_some()) {
        decoder.feed(bytes);
        while (const auto record = decoder.next()) {
            const auto& fields = *record;
            if (fields[0] == "progress") {
                reached = to_number(fields[1]);
                listener.progress(reached, to_number(fields[2]));
            } else if (fields[0] == "finding") {
                add({fields[1],
                     fields[2].empty() ? std::nullopt : std::optional(to_number(fields[2])),
                     fields[3], fields[4]});
            } else if (fields[0] == "report") {
                reported = true;
                report.events = to_number(fields[1]);
                report.complete = fields[2] == "complete";
                report.erased = to_number(fields[3]);
                report.sealed = to_number(fields[4]);
            } else if (fields[0] == "error") {
                throw error(static_cast<errc>(to_number(fields[1])), fields[2]);
            }
        }
    }
    const int status = child.wait();
    if (WIFSIGNALED(status) && dies_of_a_broken_file(WTERMSIG(status))) {
        add(unreadable(WTERMSIG(status), reached, child.last_words()));
    } else if (!reported) {
        throw error(errc::io,
                    fmt::format("the process that verifies ended with {} {} before it was done: {}",
                                WIFSIGNALED(status) ? "signal" : "exit code",
                                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                                child.last_words()));
    }
    return report;
}

bool is_verify_child() {
    const char* const number = std::getenv(mark);
    return number && number == std::to_string(report_descriptor) &&
           ::fcntl(report_descriptor, F_GETFD) >= 0;
}

void verify_for_parent(
    const std::function<verify_report(const idem::verify_options&)>& verify_store) {
    ::unsetenv(mark);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const rlimit no_core_file{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core_file);
    for (const int signal : {SIGABRT, SIGBUS, SIGSEGV, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);

    const auto send = [](const std::vector<std::string>& fields) {
        std::string_view rest;
        const std::string record = encode_record(fields);
        for (rest = record; !rest.empty();) {
            const ssize_t written = ::write(report_descriptor, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) throw_system("nobody hears the verifying process", errno);
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
    };
    using clock = std::chrono::steady_clock;
    auto next_progress = clock::now();
    idem::verify_options options;
    options.progress = [&](std::uint64_t position, std::uint64_t head) {
        if (clock::now() < next_progress) return;
        next_progress = clock::now() + std::chrono::milliseconds(50);
        send({"progress", std::to_string(position), std::to_string(head)});
    };
    options.report = [&](const finding& f) {
        send({"finding", f.kind, f.position ? std::to_string(*f.position) : "", f.subject,
              f.message});
    };
    try {
        const verify_report report = verify_store(options);
        send({"report", std::to_string(report.events), report.complete ? "complete" : "stopped",
              std::to_string(report.erased), std::to_string(report.sealed)});
    } catch (const error& e) {
        send({"error", std::to_string(static_cast<unsigned>(e.code())), e.what()});
    }
}

}  // namespace idem::cli
