// Commits are announced to whoever waits for them, in any process.
#include <doctest/doctest.h>

#include <chrono>
#include <fstream>

#include "scratch_folder.hpp"
#include "storage/file_watch.hpp"

namespace {

using namespace std::chrono_literals;
using idem::storage::file_watch;

// Two watches of one file know as little of each other as those of two processes.
struct two_watches {
    scratch_folder folder;
    std::filesystem::path file = folder / "data.mdb";
    bool made = std::ofstream(file).put('x').good();
    file_watch writer{file};
    file_watch waiter{file};
};

}  // namespace

TEST_CASE("a commit that another process announces wakes the waiter") {
    two_watches watches;
    REQUIRE(watches.made);
    watches.writer.announce_commit();  // before anybody listens
    for (int commit = 0; commit < 3; ++commit) {
        const auto ticket = watches.waiter.ticket();
        watches.writer.announce_commit();
        watches.waiter.wait(ticket, 60s);
        CHECK(watches.waiter.ticket() != ticket);
    }
}

TEST_CASE("a commit wakes those of its own process, and a process that listens hears others") {
    two_watches watches;
    const auto ticket = watches.waiter.ticket();
    const auto other = watches.writer.ticket();
    watches.waiter.announce_commit();
    CHECK(watches.waiter.ticket() != ticket);
    watches.writer.wait(other, 60s);
    CHECK(watches.writer.ticket() != other);
}

TEST_CASE("whoever has listened in vain is told of no more commits than there are") {
    two_watches watches;
    const auto ticket = watches.waiter.ticket();
    watches.waiter.wait(ticket, 1ms);
    CHECK(watches.waiter.ticket() == ticket);
}
