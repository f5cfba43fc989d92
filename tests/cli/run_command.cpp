#include "run_command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

extern char** environ;

namespace {

constexpr auto time_limit = std::chrono::seconds(60);

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void make_pipe(int (&ends)[2]) {
    if (::pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
}

void close_all(std::initializer_list<int*> descriptors) {
    for (int* d : descriptors) {
        if (*d >= 0) ::close(std::exchange(*d, -1));
    }
}

// A terminal's two sides.
void open_terminal(int& master, int& slave) {
    master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) fail("posix_openpt");
    slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) fail("ptsname");
}

}  // namespace

bool has_terminals() {
    int descriptor = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const bool has = descriptor >= 0;
    close_all({&descriptor});
    return has;
}

running_command::running_command(const std::vector<std::string>& arguments, command_setting setting)
    : deadline_(std::chrono::steady_clock::now() + time_limit) {
    ::signal(SIGPIPE, SIG_IGN);  // a program may end before it has read its input
    int in[2] = {-1, -1};
    int out[2] = {-1, -1};
    int err[2] = {-1, -1};
    if (setting.input) make_pipe(in);
    if (setting.terminal) {
        open_terminal(out[0], out[1]);
    } else {
        make_pipe(out);
        make_pipe(err);
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (setting.input) {
        ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    } else {
        ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, setting.terminal ? out[1] : err[1], STDERR_FILENO);

    // SIGPIPE as a shell leaves it.
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);

    std::vector<std::string> words{setting.program.empty() ? IDEM_COMMAND : setting.program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables;
    for (const auto& [name, value] : setting.variables) variables.push_back(name + "=" + value);
    for (char** v = environ; *v; ++v) variables.emplace_back(*v);
    const auto pointers = [](std::vector<std::string>& texts) {
        std::vector<char*> all;
        for (auto& text : texts) all.push_back(text.data());
        all.push_back(nullptr);
        return all;
    };
    const int code = ::posix_spawn(&pid_, words[0].c_str(), &actions, &attributes,
                                   pointers(words).data(), pointers(variables).data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    close_all({&in[0], &out[1], &err[1]});
    in_ = in[1];
    out_ = out[0];
    err_ = err[0];
    if (code != 0) throw std::system_error(code, std::generic_category(), words[0]);
    if (in_ >= 0) ::fcntl(in_, F_SETFL, O_NONBLOCK);
    if (setting.input) pending_input_ = *setting.input;
}

running_command::~running_command() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    close_all({&in_, &out_, &err_});
}

// Moves bytes in whichever direction there are some.
void running_command::pump(int wait_ms) {
    if (std::chrono::steady_clock::now() > deadline_) {
        throw std::runtime_error("the program took too long; it said: " + result_.out +
                                 result_.err);
    }
    if (input_ends_ && pending_input_.empty()) close_all({&in_});
    pollfd waits[3] = {
        {pending_input_.empty() ? -1 : in_, POLLOUT, 0}, {out_, POLLIN, 0}, {err_, POLLIN, 0}};
    if (::poll(waits, 3, wait_ms) < 0 && errno != EINTR) fail("poll");
    if (waits[0].revents != 0) {
        const std::string_view rest = std::string_view(pending_input_).substr(sent_);
        const ssize_t sent = ::write(in_, rest.data(), rest.size());
        if (sent >= 0) {
            sent_ += static_cast<std::size_t>(sent);
            if (sent_ == pending_input_.size()) {
                pending_input_.clear();
                sent_ = 0;
            }
        } else if (errno != EAGAIN) {  // it reads no more
            pending_input_.clear();
            sent_ = 0;
            close_all({&in_});
        }
    }
    const auto take = [](int& from, std::string& into, short events) {
        if (events == 0) return;
        char buffer[65536];
        const ssize_t got = ::read(from, buffer, sizeof buffer);
        if (got > 0) {
            into.append(buffer, static_cast<std::size_t>(got));
        } else {
            close_all({&from});  // a terminal ends with EIO
        }
    };
    take(out_, result_.out, waits[1].revents);
    take(err_, result_.err, waits[2].revents);
}

void running_command::write(const std::string& input) {
    pending_input_ += input;
}
void running_command::close_input() {
    input_ends_ = true;
}
void running_command::close_output() {
    close_all({&out_});
}
void running_command::signal(int number) const {
    ::kill(pid_, number);
}

std::string running_command::read_line() {
    for (;;) {
        const auto end = result_.out.find('\n');
        if (end != std::string::npos) {
            std::string line = result_.out.substr(0, end);
            result_.out.erase(0, end + 1);
            return line;
        }
        if (out_ < 0)
            throw std::runtime_error("the output ended; on standard error: " + result_.err);
        pump(100);
    }
}

command_result running_command::wait() {
    int status = 0;
    while (out_ >= 0 || err_ >= 0) pump(100);
    while (::waitpid(pid_, &status, WNOHANG) == 0) pump(5);
    pid_ = -1;
    result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return result_;
}

command_result run_command(const std::vector<std::string>& arguments, command_setting setting) {
    running_command command(arguments, std::move(setting));
    command.close_input();
    return command.wait();
}

command_result run_command(const std::vector<std::string>& arguments, const std::string& input) {
    return run_command(arguments, command_setting{.input = input});
}

std::vector<json_members> json_lines(const std::string& text) {
    std::vector<json_members> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos) throw std::runtime_error("the last line has no end: " + text);
        json_members members;
        const auto object = nlohmann::json::parse(text.substr(at, end - at));
        for (const auto& [name, value] : object.items()) {
            members[name] = value.is_string() ? value.get<std::string>() : value.dump();
        }
        lines.push_back(std::move(members));
        at = end + 1;
    }
    return lines;
}

std::vector<std::string> names_of(const json_members& members) {
    std::vector<std::string> names;
    for (const auto& [name, value] : members) names.push_back(name);
    return names;
}

std::string line_of::str() const {
    return R"({"specversion":"1.0","source":"/test","id":)" + nlohmann::json(id).dump() +
           R"(,"subject":)" + nlohmann::json(stream).dump() + R"(,"type":)" +
           nlohmann::json(type).dump() + R"(,"data":)" + data + more + "}\n";
}

std::string numbered_line(std::uint64_t number, const std::string& stream) {
    return line_of{.id = std::to_string(number),
                   .stream = stream,
                   .data = R"({"n":)" + std::to_string(number) + "}"}
        .str();
}
