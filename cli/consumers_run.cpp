// idem consumers run: a program for each batch, which commits it by its success.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "consumer_commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "interrupt.hpp"
#include "open_store.hpp"
#include "print_events.hpp"

extern char** environ;

namespace idem::cli {
namespace {

[[noreturn]] void throw_system(const char* what, int code) {
    throw error(errc::io, fmt::format("{}: {}", what, std::generic_category().message(code)));
}

// A command of the shell that is given its standard input, and shares the rest with this process.
class shell_command {
public:
    explicit shell_command(const std::string& command) {
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
        const int code = ::posix_spawn(&pid_, "/bin/sh", &actions, &attributes, arguments, environ);
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

}  // namespace

int run(const consumers_run_options& options, session& s) {
    store to = open_to_write(options.store);
    const interrupt signals;
    const stop_at_signal stop(signals);
    data_printer data(to, options.raw ? data_form::stored : data_form::json);
    std::uint64_t batches = 0;
    const auto handle = [&](const consumer_batch& batch, std::vector<event>&) {
        shell_command program(options.exec);
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
                                        {.stop = stop.token(), .wait = options.follow});
    } catch (const error& e) {
        if (e.code() != errc::handler_failed || !signals.requested()) throw;
        s.tell("interrupted: the batch that was under way comes again");
        return interrupted_by(signals.signal());
    }
    s.tell(fmt::format("{} batches; the checkpoint is {}", batches, checkpoint));
    return success;
}

}  // namespace idem::cli
