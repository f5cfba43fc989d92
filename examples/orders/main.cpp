// Orders that are charged once: by a shop whose process dies, of customers who click again, through
// a payment provider that loses answers. At the end both books are laid side by side.
//
//     orders [FOLDER [ORDERS [SEED]]]
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "books.hpp"
#include "shop.hpp"

namespace {

// Every order is asked for by these, each in its own customer's name.
std::vector<orders::order_request> make_orders(unsigned count, unsigned seed) {
    constexpr const char* items[] = {"teapot", "lamp", "anvil", "chair", "globe", "map"};
    std::mt19937 random(seed);
    std::vector<orders::order_request> asked;
    for (unsigned n = 1; n <= count; ++n) {
        const bool dear = random() % 10 == 0;  // over the limit of the customer's card
        asked.push_back({fmt::format("customer-{}", n % 7), fmt::format("{:04}", n),
                         fmt::format("{}-{}", items[random() % 6], n / 18),
                         dear ? 250'000 : 500 + random() % 9'500});
    }
    return asked;
}

// Customers who do not hear back ask again, and some click twice.
void place(orders::shop& at, const std::vector<orders::order_request>& asked, unsigned seed) {
    std::mt19937 random(seed);
    for (const auto& order : asked) {
        int status = 0;
        while (status == 0) {
            const bool lost = random() % 4 == 0;
            const auto answer = at.place_order(order);
            if (random() % 5 == 0) at.place_order(order);
            if (!lost) status = answer.status;
        }
        if (status != 201) throw std::runtime_error("an order was not taken");
    }
}

// The shop in a process of its own, which is killed at its `last_call`-th call to the outside.
int run_shop(const std::filesystem::path& folder, std::uint16_t provider,
             const std::vector<orders::order_request>& asked, unsigned seed, int last_call) {
    std::fflush(nullptr);
    const pid_t process = ::fork();
    if (process < 0) throw std::runtime_error("cannot fork");
    if (process == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        try {
            std::atomic<int> calls = 0;
            orders::shop shop(folder, provider, [&](const std::string&, bool) {
                if (++calls == last_call) ::kill(::getpid(), SIGKILL);
            });
            place(shop, asked, seed);
            shop.work_off();
            ::_exit(0);
        } catch (const std::exception& e) {
            fmt::print(stderr, "the shop: {}\n", e.what());
            ::_exit(1);
        }
    }
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

unsigned number(const char* text, unsigned least, unsigned most) {
    unsigned value = 0;
    const std::string_view given(text);
    const auto [end, fault] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (fault != std::errc() || end != given.data() + given.size() || value < least ||
        value > most) {
        throw std::runtime_error(fmt::format("{}: give a number from {} to {}", text, least, most));
    }
    return value;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc > 4 || (argc > 1 && argv[1][0] == '-')) {
        fmt::print(stderr, "usage: orders [FOLDER [ORDERS [SEED]]]\n");
        return 2;
    }
    const std::filesystem::path folder = argc > 1 ? argv[1] : "orders-example";
    const unsigned count = argc > 2 ? number(argv[2], 1, 9'999) : 40;
    const unsigned seed = argc > 3 ? number(argv[3], 1, 1'000'000) : 7;
    if (std::filesystem::exists(folder)) {
        throw std::runtime_error(folder.string() + " exists: name a folder that does not");
    }
    std::filesystem::create_directories(folder);
    int deaths = 0;
    {
        const orders::provider_process provider(folder / "provider.idem", seed);
        const auto asked = make_orders(count, seed);
        std::mt19937 random(seed);
        for (bool done = false; !done;) {
            // The first lives are short; in the end one is long enough.
            const int last_call = static_cast<int>(10 + random() % 40) << std::min(deaths / 4, 16);
            const int code = run_shop(folder, provider.port(), asked, seed, last_call);
            if (code > 0) return 1;
            done = code == 0;
            if (!done) ++deaths;
        }
    }
    const orders::books books = orders::read_books(folder);
    orders::print(books);
    fmt::print("the shop's process was killed {} times\n", deaths);
    return orders::is_right(books) ? 0 : 1;
} catch (const std::exception& e) {
    fmt::print(stderr, "orders: {}\n", e.what());
    return 2;
}
