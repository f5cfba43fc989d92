#include "causality/sync_pipe.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "causality/sync_message.hpp"
#include "idem/error.hpp"

namespace idem::sync {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::size_t piece_bytes = 64 << 10;  // memory grows with what has come, not what is said

[[noreturn]] void fail(std::string_view what) {
    throw error(errc::io, fmt::format("the other side of the sync {}; look at what it printed, and "
                                      "run the sync again: it goes on where it was",
                                      what));
}

}  // namespace

void message_pipe::wait(int descriptor, short events) const {
    pollfd ready{descriptor, events, 0};
    const auto end = std::chrono::steady_clock::now() + patience_;
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        const int found = ::poll(&ready, 1,
                                 static_cast<int>(std::max<std::int64_t>(
                                     0, std::min<std::int64_t>(left.count(), 1 << 30))));
        if (found > 0) return;
        if (found == 0) fail(fmt::format("was silent for {} ms", patience_.count()));
        if (errno != EINTR) fail(fmt::format("cannot be waited for: {}", std::strerror(errno)));
    }
}

void message_pipe::send(std::string_view message) {
    if (message.size() > message_bytes_max) {
        throw error(errc::invalid_input, "a message of the sync is over the limit of 4 MiB",
                    {.field = "message"});
    }
    const auto length = static_cast<std::uint32_t>(message.size());
    std::string bytes(reinterpret_cast<const char*>(&length), length_bytes);
    bytes += message;
    for (std::string_view rest = bytes; !rest.empty();) {
        wait(out_, POLLOUT);
        // A pipe that is ready takes this much without blocking.
        const auto written = ::write(out_, rest.data(), std::min<std::size_t>(rest.size(), 4096));
        if (written > 0) {
            rest.remove_prefix(static_cast<std::size_t>(written));
        } else if (written < 0 && errno != EINTR && errno != EAGAIN) {
            fail(fmt::format("takes no more: {}", std::strerror(errno)));
        }
    }
}

std::size_t message_pipe::read_up_to(char* to, std::size_t bytes) {
    std::size_t done = 0;
    while (done < bytes) {
        wait(in_, POLLIN);
        const auto got = ::read(in_, to + done, bytes - done);
        if (got == 0) break;
        if (got > 0) {
            done += static_cast<std::size_t>(got);
        } else if (errno != EINTR && errno != EAGAIN) {
            fail(fmt::format("cannot be read: {}", std::strerror(errno)));
        }
    }
    return done;
}

std::optional<std::string> message_pipe::receive_or_end() {
    std::uint32_t length = 0;
    const std::size_t got = read_up_to(reinterpret_cast<char*>(&length), length_bytes);
    if (got == 0) return std::nullopt;
    if (got < length_bytes) fail("closed within a message");
    if (length > message_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("the other side of the sync announces a message of {} bytes, over "
                                "the limit of 4 MiB: it is no `idem serve-sync`, or prints "
                                "something else to its standard output",
                                length),
                    {.field = "message"});
    }
    std::string message;
    while (message.size() < length) {
        const std::size_t at = message.size();
        message.resize(at + std::min<std::size_t>(piece_bytes, length - at));
        if (read_up_to(message.data() + at, message.size() - at) < message.size() - at) {
            fail("closed within a message");
        }
    }
    return message;
}

std::string message_pipe::receive() {
    auto message = receive_or_end();
    if (!message) fail("closed");
    return std::move(*message);
}

}  // namespace idem::sync
