#include "connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <iostream>
#include <system_error>
#include <thread>

namespace notes {
namespace {

class socket_pair {
public:
    socket_pair() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) != 0) {
            throw std::system_error(errno, std::generic_category(), "socketpair");
        }
    }
    ~socket_pair() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    socket_pair(const socket_pair&) = delete;

    int near() const noexcept { return ends_[0]; }
    int far() const noexcept { return ends_[1]; }
    void hang_up() noexcept { ::shutdown(ends_[0], SHUT_RDWR); }  // both ends see it

private:
    int ends_[2];
};

// A thread at the far end of a line, which ends when that is hung up.
class far_end {
public:
    far_end(socket_pair& line, std::function<void()> work)
        : line_(line), thread_(std::move(work)) {}
    ~far_end() {
        line_.hang_up();
        thread_.join();
    }

private:
    socket_pair& line_;
    std::thread thread_;
};

// What runs on the other machine; `idem serve-sync` is this with standard input and output.
void serve(idem::store& store, int end) {
    try {
        idem::serve_sync(store, end, end);
    } catch (const idem::error& e) {
        if (e.code() != idem::errc::io) std::cerr << "serve_sync: " << e.what() << '\n';
    }
}

bool write_all(int to, const char* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t done = ::write(to, bytes, size);
        if (done <= 0) return false;
        bytes += done;
        size -= static_cast<std::size_t>(done);
    }
    return true;
}

// Hands on what comes from either side to the other, while `up` says so and both are there.
void relay(int a, int b, const std::function<bool()>& up) {
    std::array<char, 65536> piece;
    std::array<pollfd, 2> sides{{{a, POLLIN, 0}, {b, POLLIN, 0}}};
    while (::poll(sides.data(), sides.size(), -1) > 0) {
        for (std::size_t i = 0; i < 2; ++i) {
            if (sides[i].revents == 0) continue;
            const ssize_t got = ::read(sides[i].fd, piece.data(), piece.size());
            if (got <= 0 || !up()) return;
            if (!write_all(sides[1 - i].fd, piece.data(), static_cast<std::size_t>(got))) return;
        }
    }
}

std::optional<idem::sync_result> sync_by_broken_line(idem::store& here, idem::store& there) {
    const auto events = [&] { return here.head() + there.head(); };
    socket_pair first;
    socket_pair second;
    const far_end server(second, [&] { serve(there, second.far()); });
    const far_end between(first, [&, before = events()] {
        relay(first.far(), second.near(), [&] { return events() == before; });
        first.hang_up();
    });
    try {
        return idem::sync_over(here, first.near(), first.near());
    } catch (const idem::error& e) {
        if (e.code() != idem::errc::io) throw;
        return std::nullopt;
    }
}

}  // namespace

std::optional<idem::sync_result> sync(idem::store& here, idem::store& there, way by) {
    if (by == way::together) return idem::sync_stores(here, there);
    if (by == way::broken_line) return sync_by_broken_line(here, there);
    socket_pair line;
    const far_end server(line, [&] { serve(there, line.far()); });
    return idem::sync_over(here, line.near(), line.near());
}

}  // namespace notes
