// A shop that dies at each commit, on either side of it, and at each call that leaves it, on either
// side: when it has been started again, each order was charged once or not at all, and each e-mail
// went out once.
// Under a sanitizer some of these points are visited, others each time.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "books.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "scratch_folder.hpp"
#include "shop.hpp"
#include "victim_process.hpp"

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t stride = 8;
#else
constexpr std::uint64_t stride = 1;
#endif

struct account {
    std::string lines;
    bool done = false;
    std::uint64_t commits = 0;
    std::uint64_t calls = 0;
};

account run_shop(const scratch_folder& folder, std::vector<std::string> how) {
    how.insert(how.begin(), folder.path().string());
    victim_process victim(std::move(how));
    victim.read_to_end();
    victim.wait();
    account told{victim.lines()};
    std::istringstream in(told.lines);
    for (std::string word; in >> word;) {
        if (word != "done") continue;
        told.done = true;
        in >> told.commits >> told.calls;
    }
    return told;
}

void check_books(const scratch_folder& folder) {
    const auto books = orders::read_books(folder.path());
    CHECK(books.orders.size() == 3);
    CHECK(orders::is_right(books));
    CHECK(books.orders.at("order-1").confirmed == 1);
    CHECK(books.orders.at("order-2").refunded == 1);
    CHECK(books.orders.at("order-3").charged == 0);
    CHECK(books.mails == 6);
    CHECK(idem::verify(folder / "shop.idem").sound());
}

// Whether it died: its threads share commits now and then, and so need fewer.
bool die_and_go_on(const std::string& what, std::uint64_t number, const std::string& when) {
    CAPTURE(what);
    CAPTURE(number);
    CAPTURE(when);
    const scratch_folder folder;
    const bool died = !run_shop(folder, {what, std::to_string(number), when}).done;
    const auto again = run_shop(folder, {"nothing"});
    CAPTURE(again.lines);
    CHECK(again.done);
    check_books(folder);
    return died;
}

// A process that the kernel kills as soon as it writes into a file. Returns the signal.
int die_delivering(const std::filesystem::path& box, const std::string& key) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::signal(SIGXFSZ, SIG_DFL);
        const rlimit none{0, 0};
        const bool limited =
            ::setrlimit(RLIMIT_CORE, &none) == 0 && ::setrlimit(RLIMIT_FSIZE, &none) == 0;
        if (limited) orders::mailbox(box).deliver(key, "{}");
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("a mail whose writer is killed in the middle of it goes out whole afterwards, and once") {
    const scratch_folder folder;
    CHECK(die_delivering(folder.path(), "mail") == SIGXFSZ);
    const orders::mailbox box(folder.path());
    CHECK(box.deliver("mail", R"({"order":"order-1"})"));
    CHECK_FALSE(box.deliver("mail", R"({"order":"order-2"})"));
    std::ifstream in(folder / "mail.json");
    const std::string text(std::istreambuf_iterator<char>(in), {});
    CHECK(text == R"({"order":"order-1"})");
}

TEST_CASE("an order is charged once and its mails go out once, wherever the shop dies") {
    const scratch_folder whole;
    const auto undisturbed = run_shop(whole, {"nothing"});
    REQUIRE(undisturbed.done);
    check_books(whole);
    CHECK(undisturbed.commits > 20);
    CHECK(undisturbed.calls > 10);
    const std::uint64_t first = 1 + std::random_device()() % stride;
    MESSAGE(undisturbed.commits, " commits, ", undisturbed.calls, " calls, from ", first,
            " on every ", stride);
    std::uint64_t points = 0;
    std::uint64_t deaths = 0;
    const auto visit = [&](const std::string& what, std::uint64_t number, const char* when) {
        ++points;
        deaths += die_and_go_on(what, number, when) ? 1 : 0;
    };
    for (std::uint64_t n = first; n <= undisturbed.commits; n += stride) {
        visit("commits", n, "before");
        visit("commits", n, "after");
    }
    for (std::uint64_t n = first; n <= undisturbed.calls; n += stride) visit("calls", n, "");
    MESSAGE(deaths, " deaths at ", points, " points");
    CHECK(deaths * 10 >= points * 8);
}

TEST_CASE("an export of the orders, imported, declares no effect and begins no step anew") {
    const scratch_folder folder;
    REQUIRE(run_shop(folder, {"nothing"}).done);
    idem::store shop(folder / "shop.idem");
    std::vector<idem::event> all;
    shop.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    CHECK(shop.append(all).outcome() == idem::outcome::duplicate);
    idem::store copy(folder / "copy.idem");
    copy.append(all);
    shop.backup(folder / "backup.idem");
    idem::restore(folder / "backup.idem", folder / "restored.idem");
    idem::store restored(folder / "restored.idem");
    for (idem::store* same : {&copy, &restored}) {
        int carried_out = 0;
        const auto counts = same->effects().dispatch([&](const idem::effect_delivery&) {
            ++carried_out;
            return idem::effect_outcome::done();
        });
        CHECK(counts.attempts == 0);
        CHECK(carried_out == 0);
        CHECK(same->effects().stats().done == shop.effects().stats().done);
        CHECK(same->sagas().stats().all.open() == 0);
        CHECK(same->head() == shop.head());
    }
}
