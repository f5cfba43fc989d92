// idem consumers run: a program for each batch, which commits it by its success.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "consumer_commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/uuid.hpp"
#include "interrupt.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "text.hpp"

extern char** environ;

namespace idem::cli {
namespace {

[[noreturn]] void throw_system(const char* what, int code) {
    throw error(errc::io, fmt::format("{}: {}", what, std::generic_category().message(code)));
}

constexpr std::string_view variable_prefix = "IDEM_CONSUMER_";

std::vector<std::string> variables_of(const consumer_batch& batch) {
    return {fmt::format("{}NAME={}", variable_prefix, batch.consumer),
            fmt::format("{}FIRST={}", variable_prefix, batch.events.front().position),
            fmt::format("{}LAST={}", variable_prefix, batch.events.back().position)};
}

// A command of the shell that is given its standard input, and shares the rest with this process.
class shell_command {
public:
    // `variables`: "NAME=VALUE", in place of those of this process.
    shell_command(const std::string& command, std::vector<std::string> variables) {
        std::vector<char*> environment;
        for (auto& variable : variables) environment.push_back(variable.data());
        for (char** given = environ; *given != nullptr; ++given) {
            if (!std::string_view(*given).starts_with(variable_prefix)) {
                environment.push_back(*given);
            }
        }
        environment.push_back(nullptr);
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) throw_system("cannot make a pipe", errno);
        input_ = ends[1];
        std::string shell = "sh";
        std::string option = "-c";
        std::string text = command;
        char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
        posix_spawnattr_t attributes;
        ::posix_spawnattr_init(&attributes);
        sigset_t usual;  // what this process ignores
        ::sigemptyset(&usual);
        ::sigaddset(&usual, SIGPIPE);
        ::sigaddset(&usual, SIGXFSZ);
        ::posix_spawnattr_setsigdefault(&attributes, &usual);
        ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        const int code =
            ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, arguments, environment.data());
        ::posix_spawnattr_destroy(&attributes);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[0]);
        if (code != 0) {
            ::close(input_);
            throw_system("cannot start /bin/sh", code);
        }
    }
    ~shell_command() { wait(); }
    shell_command(const shell_command&) = delete;
    shell_command& operator=(const shell_command&) = delete;

    // A program may end without having read all.
    void write(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t written = ::write(input_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0 && errno == EPIPE) return;
            if (written < 0) throw_system("cannot write to the program", errno);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    // Its exit code; 128 and the signal that it died of.
    int wait() {
        if (input_ >= 0) ::close(std::exchange(input_, -1));
        int status = 0;
        if (pid_ > 0) {
            while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
            }
            pid_ = -1;
        }
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }

private:
    pid_t pid_ = -1;
    int input_ = -1;
};

// Requests a stop when a signal has come.
class stop_at_signal {
public:
    explicit stop_at_signal(const interrupt& signals)
        : signals_(signals), thread_([this] {
              pollfd wait{signals_.descriptor(), POLLIN, 0};
              while (::poll(&wait, 1, -1) < 0 && errno == EINTR) {
              }
              stop_.request_stop();
          }) {}
    ~stop_at_signal() {
        signals_.wake();
        thread_.join();
    }
    stop_at_signal(const stop_at_signal&) = delete;
    stop_at_signal& operator=(const stop_at_signal&) = delete;

    std::stop_token token() const { return stop_.get_token(); }

private:
    const interrupt& signals_;
    std::stop_source stop_;
    std::thread thread_;
};

// Renews the hold while a program is at work on its batch, however long that takes, so that no
// other begins the same work. It ends with this process, and the lease then by itself.
class hold_keeper {
public:
    hold_keeper(store& to, std::optional<consumer_hold> hold) {
        if (!hold) return;
        thread_ = std::jthread([&to, held = *std::move(hold)](const std::stop_token& stop) mutable {
            std::mutex mutex;
            std::condition_variable_any ended;
            std::unique_lock lock(mutex);
            while (!ended.wait_for(lock, stop, held.length / 3, [] { return false; })) {
                if (stop.stop_requested() || !renewed(to, held)) return;
            }
        });
    }

private:
    // What stands against it the advance will meet too, which tells.
    static bool renewed(store& to, consumer_hold& hold) {
        try {
            return to.consumers().renew(hold);
        } catch (const error&) {
            return false;
        }
    }

    std::jthread thread_;
};

// Who holds the lease: a name that no other process has, on whatever machine.
std::string this_process() {
    char host[HOST_NAME_MAX + 1] = {};
    ::gethostname(host, HOST_NAME_MAX);
    return fmt::format("{}/{}/{}", host, ::getpid(), to_string(make_uuid_v4()));
}

}  // namespace

int run(const consumers_run_options& options, session& s) {
    constexpr std::uint64_t usual_lease = 30;
    constexpr std::uint64_t longest_lease = 24 * 3600;
    const std::uint64_t lease = options.lease_seconds.value_or(usual_lease);
    if (lease > longest_lease) {
        throw error(errc::invalid_input,
                    fmt::format("--lease {}: give 0 to {} seconds", lease, longest_lease));
    }
    const std::string holder = this_process();
    store to = open_to_write(options.store);
    const interrupt signals;
    const stop_at_signal stop(signals);
    data_printer data(to, options.raw ? data_form::stored : data_form::json);
    std::uint64_t batches = 0;
    const auto handle = [&](const consumer_batch& batch, std::vector<event>&) {
        const hold_keeper keeper(to, batch.hold);
        shell_command program(options.exec, variables_of(batch));
        for (const auto& e : batch.events) program.write(to_cloudevent(e, data.to_json(e)) + "\n");
        if (const int code = program.wait(); code != 0) {
            throw error(
                errc::handler_failed,
                fmt::format("the program ended with {} on the events from {} to {}; they "
                            "come again",
                            code, batch.events.front().position, batch.events.back().position),
                {.position = batch.events.front().position});
        }
        ++batches;
        return batch.state;
    };
    std::uint64_t checkpoint = 0;
    try {
        checkpoint = to.consumers().run(options.name, handle,
                                        {.stop = stop.token(),
                                         .wait = options.follow,
                                         .holder = holder,
                                         .lease = std::chrono::seconds(lease)});
    } catch (const error& e) {
        if (e.code() != errc::handler_failed || !signals.requested()) throw;
        s.tell("interrupted: the batch that was under way comes again");
        return interrupted_by(signals.signal());
    }
    s.tell(fmt::format("{} batches; the checkpoint is {}", batches, checkpoint));
    const auto left = to.consumers().find(options.name);
    if (options.follow || !left || left->holder.empty() || left->waiting == 0) return success;
    s.tell(
        fmt::format("{} runs it, and has it until {} unless it gives it back before; what is "
                    "left is for that one, or for whoever comes then",
                    printable(left->holder), to_string(left->leased_until)));
    return rejected;
}

}  // namespace idem::cli
