// Messages over a pair of descriptors: pipes, or a socket twice.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace idem::sync {

// One thread at a time. The descriptors are the caller's, and stay open.
class message_pipe {
public:
    // A message must begin, and each part of it come or go, within `patience`.
    message_pipe(int in, int out, std::chrono::milliseconds patience) noexcept
        : in_(in), out_(out), patience_(patience) {}

    // Throw io where the other side is gone or silent; invalid_input where it says that a message
    // is over message_bytes_max, as one that speaks another language does.
    void send(std::string_view message);
    std::string receive();
    // Nullopt: the other side has closed, between two messages.
    std::optional<std::string> receive_or_end();

private:
    std::size_t read_up_to(char* to, std::size_t bytes);
    void wait(int descriptor, short events) const;

    int in_;
    int out_;
    std::chrono::milliseconds patience_;
};

}  // namespace idem::sync
