// The transfer between two stores, killed at every write and every sync of its commits and before
// and after every call of a store: whoever comes next brings it to its end, and the books balance.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

#include "idem/verify.hpp"
#include "scratch_folder.hpp"
#include "storage/child_process.hpp"
#include "transfer/transfer.hpp"

namespace {

// Counts the moments at which a plug may be pulled; at 1 it is.
int moments_left = 0;

void pass_moment() {
    if (moments_left > 0 && --moments_left == 0) ::kill(::getpid(), SIGKILL);
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
    static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
    pass_moment();
    return real(file, data, size, at);
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
    return pwrite64(file, data, size, at);
}
ssize_t writev(int file, const struct iovec* parts, int count) {
    static const auto real = next<ssize_t (*)(int, const struct iovec*, int)>("writev");
    pass_moment();
    return real(file, parts, count);
}
int fdatasync(int file) {
    static const auto real = next<int (*)(int)>("fdatasync");
    pass_moment();
    return real(file);
}

}  // extern "C"

namespace {

constexpr std::int64_t first_cents = 1000;
const std::pair<const char*, transfer::order> orders[] = {{"good", {"ann", "bob", 250}},
                                                          {"refused", {"ann", "nobody", 100}},
                                                          {"poor", {"ann", "bob", 9999}}};

class banks {
public:
    // Every process comes an hour later, so that leases and waits of those before it are over.
    banks(const std::filesystem::path& folder, int hour)
        : now_(std::chrono::seconds(1'500'000'000) + std::chrono::hours(hour)),
          a(folder / "a.idem", {.clock = [this] { return now_; }}),
          b(folder / "b.idem") {}

    void open_accounts() {
        transfer::open_account(a, "ann", first_cents);
        transfer::open_account(b, "bob", first_cents);
    }
    void run(const char* id, const transfer::order& order) {
        const auto transfers = transfer::definition(a, b, pass_moment);
        a.sagas().start(transfers, id, print(order));
        a.sagas().run_due({&transfers, 1});
    }

private:
    const idem::timestamp now_;

public:
    idem::store a;
    idem::store b;
};

std::map<std::string, int> count_events(const idem::store& bank) {
    std::map<std::string, int> types;
    bank.read({}, [&](const idem::event_view& e) {
        if (!e.stream().starts_with('$')) ++types[std::string(e.type())];
    });
    return types;
}

void check_books(banks& now, const char* id) {
    using counts = std::map<std::string, int>;
    const std::string which = id;
    const auto saga = *now.a.sagas().find(id);
    const auto ann = now.a.fold(transfer::accounts, "ann").value;
    const auto bob = now.b.fold(transfer::accounts, "bob").value;
    CHECK(ann.held == 0);
    CHECK(ann.under_way == 0);
    CHECK(transfer::sum(now.a) + transfer::sum(now.b) == 2 * first_cents);
    const auto in_a = count_events(now.a);
    const auto in_b = count_events(now.b);
    if (which == "good") {
        CHECK(saga.state == idem::saga_state::completed);
        CHECK(bob.available == first_cents + 250);
        CHECK(in_a == counts{{"Opened", 1}, {"Reserved", 1}, {"Debited", 1}, {"Confirmed", 1}});
        CHECK(in_b == counts{{"Opened", 1}, {"Credited", 1}});
        return;
    }
    CHECK(saga.state == idem::saga_state::compensated);
    CHECK(ann.available == first_cents);
    CHECK(in_b == counts{{"Opened", 1}});
    if (which == "refused") {
        CHECK(
            in_a ==
            counts{
                {"Opened", 1}, {"Reserved", 1}, {"Debited", 1}, {"Refunded", 1}, {"Released", 1}});
    } else {
        CHECK(in_a == counts{{"Opened", 1}, {"Released", 1}});
    }
}

void check_sound(const std::filesystem::path& path) {
    for (const auto& f : idem::verify(path).findings) FAIL_CHECK(f.kind << ": " << f.message);
}

}  // namespace

TEST_CASE(
    "a transfer killed at every moment of every commit and call is done once or undone once") {
    for (const auto& [id, order] : orders) {
        int killed = 0;
        for (int moment = 1; moment < 2000; ++moment) {
            CAPTURE(id);
            CAPTURE(moment);
            const scratch_folder folder;
            { banks(folder.path(), 0).open_accounts(); }
            const child_process child([&] {
                moments_left = moment;
                banks now(folder.path(), 0);
                now.run(id, order);
                return 0;
            });
            const int ended = child.wait();
            REQUIRE((ended == 0 || ended == 1000 + SIGKILL));
            banks next(folder.path(), 1);
            next.run(id, order);
            check_books(next, id);
            check_sound(folder / "a.idem");
            if (ended == 0) break;
            ++killed;
        }
        MESSAGE(std::string(id) << ": killed at " << killed << " moments");
        CHECK(killed > 20);
    }
}

TEST_CASE("a transfer whose every process is killed, each a moment later, comes to its end") {
    for (const auto& [id, order] : orders) {
        CAPTURE(id);
        const scratch_folder folder;
        { banks(folder.path(), 0).open_accounts(); }
        int hour = 0;
        for (int ended = 1; ended != 0 && hour < 500; ++hour) {
            const child_process child([&] {
                moments_left = hour + 1;
                banks now(folder.path(), hour);
                now.run(id, order);
                return 0;
            });
            ended = child.wait();
        }
        CHECK(hour < 500);
        banks last(folder.path(), hour);
        const auto saga = last.a.sagas().find(id);
        REQUIRE(saga);
        // Attempts that died count, so that a saga may have been given up, or be stuck.
        if (saga->state == idem::saga_state::stuck) {
            last.a.sagas().resume(id, "whoever killed it was caught");
            last.run(id, order);
        }
        CHECK(transfer::sum(last.a) + transfer::sum(last.b) == 2 * first_cents);
        CHECK(last.a.sagas().stats().all.open() == 0);
    }
}

TEST_CASE("two processes and this one race the same sagas: each step runs once") {
    constexpr int sagas = 40;
    const scratch_folder folder;
    const std::filesystem::path path = folder / "s.idem";
    const std::filesystem::path calls = folder / "calls";
    idem::saga_definition race{.name = "race"};
    for (const char* name : {"one", "two", "three"}) {
        race.steps.push_back({.name = name, .action = [&calls](idem::step_context& c) {
                                  std::ofstream(calls, std::ios::app) << to_string(c.key) + "\n"
                                                                      << std::flush;
                                  return idem::step_result::done();
                              }});
    }
    {
        idem::store store(path);
        for (int i = 0; i < sagas; ++i) store.sagas().start(race, std::to_string(i));
    }
    const auto run = [&] {
        idem::store store(path);
        while (store.sagas().stats().all.completed < sagas) store.sagas().run_due({&race, 1});
        return 0;
    };
    const child_process first(run);
    const child_process second(run);
    run();
    CHECK(first.wait() == 0);
    CHECK(second.wait() == 0);
    std::map<std::string, int> made;
    std::ifstream lines(calls);
    for (std::string key; std::getline(lines, key);) ++made[key];
    CHECK(made.size() == 3 * sagas);
    for (const auto& [key, count] : made) CHECK(count == 1);
}
