// Wakes readers that wait for the next commit, whichever process makes it: whoever commits
// announces it. Other processes hear of it by inotify, which tells when a writer of the data file
// closes it or somebody takes it away, in one thread that runs only once somebody has waited. Such
// a process holds a read lock on a byte far behind the data, so that a commit which nobody waits
// for is announced to nobody. Where inotify or the lock is not to be had (limits, odd file systems)
// the waiter looks again every quarter of a second.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace idem::storage {

class file_watch {
public:
    explicit file_watch(std::filesystem::path file);
    ~file_watch();
    file_watch(const file_watch&) = delete;
    file_watch& operator=(const file_watch&) = delete;

    // Take a ticket, look at the store, and if there is nothing new wait with the ticket: what
    // changes in between is not missed.
    std::uint64_t ticket();

    // Returns at a change after the ticket was taken, a notify(), or the timeout; a return says
    // only that looking again is worth it.
    void wait(std::uint64_t ticket, std::chrono::milliseconds timeout);

    // Wakes every waiter of this process. Never throws, any thread.
    void notify() noexcept;

    // Wakes every waiter of every process. Once the commit can be read. Never throws, any thread.
    void announce_commit() noexcept;

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace idem::storage
