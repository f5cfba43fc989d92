#include "spawn_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "idem/error.hpp"

extern char** environ;

namespace idem::cli {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (auto& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

void throw_system(const char* what, int code) {
    throw error(errc::io, fmt::format("{}: {}", what, std::generic_category().message(code)));
}

pipe_ends::pipe_ends() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw_system("cannot make a pipe", errno);
    read.take(ends[0]);
    write.take(ends[1]);
}

pid_t spawn_program(const spawn_call& call) {
    std::vector<std::string> arguments{"/bin/sh", "-c", call.command};
    std::vector<std::string> variables;
    for (const auto& [name, value] : call.variables) {
        variables.push_back(name + "=" + value);
    }
    const auto is_replaced = [&](std::string_view variable) {
        return std::any_of(call.variables.begin(), call.variables.end(),
                           [&](const auto& own) { return variable.starts_with(own.first + "="); });
    };
    for (char** variable = environ; *variable; ++variable) {
        if (!is_replaced(*variable)) variables.emplace_back(*variable);
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, call.input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, call.output, STDOUT_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    // What we ignore or handle, the program is to meet as usual.
    sigset_t usual;
    ::sigfillset(&usual);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (call.own_group) flags |= POSIX_SPAWN_SETPGROUP;
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, flags);
    pid_t pid = -1;
    const int code = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes,
                                   pointers_to(arguments).data(), pointers_to(variables).data());
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    if (code != 0) throw_system("cannot start /bin/sh", code);
    return pid;
}

int wait_for_program(pid_t pid) noexcept {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace idem::cli
