// A system that refuses threads, and a moment in a replay at which something happens elsewhere:
// stands between the library and the system.
#pragma once

#include <functional>

namespace scarce_system {

// While it lives this process is granted so many threads more.
class thread_limit {
public:
    explicit thread_limit(int granted);
    ~thread_limit();
    thread_limit(const thread_limit&) = delete;
    thread_limit& operator=(const thread_limit&) = delete;

    int refused() const;
};

// Runs `act` once, just before the n-th transaction that begins, from 1, while it lives.
class before_transaction {
public:
    before_transaction(int n, std::function<void()> act);
    ~before_transaction();
    before_transaction(const before_transaction&) = delete;
    before_transaction& operator=(const before_transaction&) = delete;

    bool happened() const;
};

}  // namespace scarce_system
