// Stores that run as servers. servers.sh starts them on loopback ports and says where, in the
// environment: BENCH_POSTGRES and BENCH_NATS (how to connect), each with _PID and _FOLDER.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

inline std::string required_variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) throw std::runtime_error(name + " is not set: run it under servers.sh");
    return value;
}

// A process and its children.
inline std::vector<pid_t> family_of(pid_t parent) {
    std::vector<pid_t> family{parent};
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream in(entry.path() / "status");
        std::string word;
        long value = 0;
        while (in >> word) {
            if (word != "PPid:") continue;
            if (in >> value && value == parent)
                family.push_back(static_cast<pid_t>(std::stol(name)));
            break;
        }
    }
    return family;
}

}  // namespace bench
