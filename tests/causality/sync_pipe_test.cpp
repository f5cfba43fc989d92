// Two stores that compare over a socket, and what a pipe does with a side that is none.
#include "causality/sync_pipe.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "causality/log_items.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using namespace idem;
using namespace std::chrono_literals;

struct socket_pair {
    socket_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
    ~socket_pair() {
        close(0);
        close(1);
    }
    void close(int end) {
        if (ends[end] >= 0) ::close(ends[end]);
        ends[end] = -1;
    }
    int ends[2] = {-1, -1};
};

struct items_of {
    explicit items_of(const std::filesystem::path& folder)
        : env(storage::environment::open(folder, {})),
          tables(log_tables::open(*env)),
          items(*env, tables, no_other_stamps()) {}
    std::shared_ptr<storage::environment> env;
    log_tables tables;
    sync::log_items items;
};

struct counted final : sync::differences {
    void here_only(const item_key&) override { ++here; }
    void there_only(const sync::listed_item&) override { ++there; }
    void there_only(const item_key&, const item_key&, std::uint64_t count) override {
        there += count;
    }
    std::uint64_t here = 0;
    std::uint64_t there = 0;
};

errc code_of_receive(sync::message_pipe& from) {
    try {
        from.receive();
    } catch (const error& e) {
        return e.code();
    }
    return errc::busy;
}

}  // namespace

TEST_CASE("two copies of a store find what was appended to each, over a socket") {
    const scratch_folder folder;
    {
        idem::store a(folder / "a.idem");
        a.append(numbered_batch(0, 9000));
        a.backup(folder / "b.idem");
        idem::store b(folder / "b.idem");
        a.append(numbered_batch(10'000, 700));
        b.append(numbered_batch(20'000, 30));
    }
    const items_of a(folder / "a.idem");
    const items_of b(folder / "b.idem");
    socket_pair sockets;
    std::thread server([&] {
        sync::message_pipe pipe(sockets.ends[1], sockets.ends[1], 1min);
        while (const auto asked = pipe.receive_or_end()) pipe.send(sync::answer(b.items, *asked));
    });
    sync::message_pipe pipe(sockets.ends[0], sockets.ends[0], 1min);
    const sync::exchange send = [&](const std::string& message) {
        pipe.send(message);
        return pipe.receive();
    };
    counted found;
    sync::compare(a.items, send, found);
    CHECK(found.here == 700);
    CHECK(found.there == 30);
    sockets.close(0);
    server.join();
}

TEST_CASE("a side that is silent, gone, or speaks another language is told of") {
    socket_pair sockets;
    sync::message_pipe pipe(sockets.ends[0], sockets.ends[0], 20ms);
    CHECK(code_of_receive(pipe) == errc::io);  // silent
    REQUIRE(::write(sockets.ends[1], "Welcome to host\n", 16) == 16);
    CHECK(code_of_receive(pipe) == errc::invalid_input);
    socket_pair cut;
    sync::message_pipe half(cut.ends[0], cut.ends[0], 20ms);
    REQUIRE(::write(cut.ends[1], "\x09\0\0\0abc", 7) == 7);
    cut.close(1);
    CHECK(code_of_receive(half) == errc::io);
    CHECK(!half.receive_or_end());
}

TEST_CASE("a long message goes through a pipe of which both ends are read in turn") {
    socket_pair sockets;
    std::mt19937_64 random(7);
    std::string message(3 << 20, '\0');
    for (char& c : message) c = static_cast<char>(random());
    std::string got;
    std::thread reader([&] {
        sync::message_pipe pipe(sockets.ends[1], sockets.ends[1], 1min);
        got = pipe.receive();
    });
    sync::message_pipe pipe(sockets.ends[0], sockets.ends[0], 1min);
    pipe.send(message);
    reader.join();
    CHECK(got == message);
    CHECK_THROWS_AS(pipe.send(std::string(sync::message_bytes_max + 1, 'x')), error);
}
