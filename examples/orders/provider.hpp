// A payment provider on the loopback interface that behaves as such do on a bad day: it drops
// requests, does the work and drops the answer, answers when nobody waits any more, and answers
// twice. What it keeps to is the idempotency key: a charge that comes again under its key is
// answered with the first answer, and money moves once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include <sys/types.h>

namespace orders {

// A process of its own, with a store of its own. Ends with the object, or with its maker.
class provider_process {
public:
    // To be made before this process has threads. `seed` decides which answers go astray; 0: none.
    provider_process(const std::filesystem::path& store, unsigned seed);
    ~provider_process();
    provider_process(const provider_process&) = delete;
    provider_process& operator=(const provider_process&) = delete;

    std::uint16_t port() const noexcept { return port_; }

private:
    pid_t process_ = -1;
    std::uint16_t port_ = 0;
};

// No answer came in time: the work may be done or not.
struct no_answer : std::runtime_error {
    using std::runtime_error::runtime_error;
};
// The provider has refused, for good.
struct declined : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// What a caller has in hand. Throws no_answer and declined.
class provider_client {
public:
    // Told of each call, before it is sent and after its answer has come.
    using observe = std::function<void(const std::string& call, bool answered)>;

    explicit provider_client(std::uint16_t port, observe told = {})
        : port_(port), told_(std::move(told)) {}

    // Under an idempotency key, which is the same in each attempt. Returns the id of the charge.
    std::string charge(const std::string& key, const std::string& order, std::uint64_t cents) const;
    // Gives back what an order was charged; where it was not, it never will be.
    void refund(const std::string& key, const std::string& order) const;

private:
    std::string ask(const std::string& request) const;

    std::uint16_t port_;
    observe told_;
};

}  // namespace orders
