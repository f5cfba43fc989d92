#include "provider.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <idem/store.hpp>
#include <random>
#include <sstream>
#include <system_error>

namespace orders {
namespace {

constexpr std::chrono::milliseconds patience(60);  // of a caller
constexpr std::size_t line_bytes_max = 4096;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

class connection {
public:
    explicit connection(int handle) : handle_(handle) {}
    ~connection() {
        if (handle_ >= 0) ::close(handle_);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    int handle() const noexcept { return handle_; }

    void send(const std::string& text) const {
        // Who has gone does not wait for an answer.
        [[maybe_unused]] const auto sent = ::send(handle_, text.data(), text.size(), MSG_NOSIGNAL);
    }

    // Up to the first newline; empty where none came in time.
    std::string receive_line(std::chrono::milliseconds within) const {
        const auto end = std::chrono::steady_clock::now() + within;
        std::string line;
        while (line.size() < line_bytes_max) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd waited{handle_, POLLIN, 0};
            if (left.count() <= 0 || ::poll(&waited, 1, static_cast<int>(left.count())) <= 0) break;
            char byte = 0;
            if (::recv(handle_, &byte, 1, 0) <= 0) break;
            if (byte == '\n') return line;
            line.push_back(byte);
        }
        return {};
    }

    void wait_until_the_caller_has_gone() const {
        pollfd waited{handle_, POLLRDHUP, 0};
        ::poll(&waited, 1, static_cast<int>(10 * patience.count()));
    }

private:
    int handle_;
};

class provider {
public:
    provider(const std::filesystem::path& folder, unsigned seed)
        : store_(folder), flaky_(seed != 0), random_(seed) {}

    void serve(int listening) {
        for (;;) {
            const connection caller(::accept(listening, nullptr, nullptr));
            if (caller.handle() < 0) continue;
            const std::string request = caller.receive_line(std::chrono::seconds(1));
            if (!request.empty()) answer(caller, request);
        }
    }

private:
    enum class mood { well, drops_request, drops_answer, late, twice };

    void answer(const connection& caller, const std::string& request) {
        std::discrete_distribution<int> moods{50, 12, 14, 12, 12};
        const auto today = flaky_ ? static_cast<mood>(moods(random_)) : mood::well;
        if (today == mood::drops_request) return;
        const std::string line = work(request) + "\n";
        if (today == mood::drops_answer) return;
        if (today == mood::late) caller.wait_until_the_caller_has_gone();
        caller.send(line);
        if (today == mood::twice) caller.send(line);
    }

    std::string work(const std::string& request) {
        std::istringstream words(request);
        std::string what;
        std::string key;
        std::string order;
        std::uint64_t cents = 0;
        words >> what >> key >> order >> cents;
        const auto asked = idem::request().with("order", order).with("cents", cents);
        const auto done = store_.once({"shop", what}, key, asked, [&](idem::transaction& t) {
            return what == "charge" ? charge(t, order, cents) : refund(t, order);
        });
        if (done.completed()) return "ok " + done.result;
        if (done.outcome == idem::key_outcome::rejected) return "declined " + done.result;
        return fmt::format("declined {}", idem::to_string(done.outcome));
    }

    static bool has(const idem::transaction& t, const std::string& order, const char* type) {
        bool found = false;
        t.read({.stream = order, .types = {type}}, [&](const idem::event_view&) { found = true; });
        return found;
    }

    static idem::command_result charge(idem::transaction& t, const std::string& order,
                                       std::uint64_t cents) {
        constexpr std::uint64_t cents_max = 100'000;
        if (cents > cents_max) return idem::command_result::reject("over the card's limit");
        if (has(t, order, "Refunded")) return idem::command_result::reject("refunded before");
        t.append(
            {.stream = order, .type = "Charged", .data = fmt::format(R"({{"cents":{}}})", cents)});
        return "charge-of-" + order;
    }

    static idem::command_result refund(idem::transaction& t, const std::string& order) {
        t.append({.stream = order,
                  .type = "Refunded",
                  .data = fmt::format(R"({{"money":{}}})", has(t, order, "Charged"))});
        return "refund-of-" + order;
    }

    idem::store store_;
    const bool flaky_;
    std::mt19937 random_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

}  // namespace

provider_process::provider_process(const std::filesystem::path& store, unsigned seed) {
    const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listening < 0) fail("socket");
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0) fail("bind");
    if (::listen(listening, 64) != 0) fail("listen");
    if (::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        fail("getsockname");
    }
    port_ = ntohs(address.sin_port);
    process_ = ::fork();
    if (process_ < 0) fail("fork");
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        try {
            provider(store, seed).serve(listening);
        } catch (const std::exception& e) {
            fmt::print(stderr, "payment provider: {}\n", e.what());
        }
        ::_exit(1);
    }
    ::close(listening);
}

provider_process::~provider_process() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
}

std::string provider_client::charge(const std::string& key, const std::string& order,
                                    std::uint64_t cents) const {
    return ask(fmt::format("charge {} {} {}", key, order, cents));
}

void provider_client::refund(const std::string& key, const std::string& order) const {
    ask(fmt::format("refund {} {} 0", key, order));
}

std::string provider_client::ask(const std::string& request) const {
    if (told_) told_(request, false);
    const connection to(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (to.handle() < 0) fail("socket");
    const sockaddr_in address = loopback(port_);
    if (::connect(to.handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw no_answer("the payment provider does not answer the door");
    }
    to.send(request + "\n");
    const std::string line = to.receive_line(patience);
    if (line.empty()) throw no_answer("no answer to: " + request);
    if (told_) told_(request, true);
    const auto space = line.find(' ');
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (line.starts_with("declined")) throw declined(rest);
    return rest;
}

}  // namespace orders
