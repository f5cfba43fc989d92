// Stores that append, copy, take in, break off and sync at random: whatever the schedule, the same
// events stand in all of them at the end, and nothing waits.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "causality/sync_pipe.hpp"
#include "idem/error.hpp"
#include "idem/sync.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "seeds.hpp"

namespace {

using namespace idem;

bool is_local(const recorded_event& e) {
    return e.stream == "$local";
}

// Of a sync that hangs up after so many answers. Each side is left with what it had taken in.
void break_off(store& near, store& far, int answers) {
    int ends[2];
    int relay[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, relay) == 0);
    const auto hang_up = [](int* pair) {
        ::shutdown(pair[0], SHUT_RDWR);
        ::shutdown(pair[1], SHUT_RDWR);
    };
    std::thread server([&] {
        try {
            serve_sync(far, ends[1], ends[1]);
        } catch (const error&) {  // it was broken off
        }
    });
    std::thread between([&] {
        sync::message_pipe here(relay[1], relay[1], std::chrono::minutes(1));
        sync::message_pipe there(ends[0], ends[0], std::chrono::minutes(1));
        for (int passed = 0; passed < answers; ++passed) {
            const auto asked = here.receive_or_end();
            if (!asked) break;
            there.send(*asked);
            here.send(there.receive());
        }
        hang_up(relay);
        hang_up(ends);
    });
    try {
        sync_over(near, relay[0], relay[0]);
    } catch (const error&) {
    }
    hang_up(relay);
    between.join();
    server.join();
    for (const int fd : {ends[0], ends[1], relay[0], relay[1]}) ::close(fd);
}

class schedule {
public:
    explicit schedule(std::uint64_t seed) : random_(seed) {
        const std::size_t stores = 2 + random_() % 3;
        for (std::size_t n = 0; n < stores; ++n) make();
    }

    void run() {
        const std::size_t steps = 5 + random_() % 25;
        for (std::size_t n = 0; n < steps; ++n) step();
        // As many rounds as it takes for what is on one side to get to the other.
        for (std::size_t round = 0; round < 2; ++round) {
            for (std::size_t n = 1; n < stores_.size(); ++n) meet(n - 1, n);
            for (std::size_t n = stores_.size() - 1; n > 0; --n) meet(n - 1, n);
        }
    }

    void check() {
        store& first = stores_.front().open.value();
        const auto wanted = ids_of(first);
        REQUIRE(wanted == ids_);
        for (kept_store& s : stores_) {
            REQUIRE(ids_of(*s.open) == wanted);
            REQUIRE(s.open->replica().parked().empty());
            REQUIRE(s.open->replica().frontier() == first.replica().frontier());
            const auto report = verify(s.open->path());
            REQUIRE(report.complete);
            for (const auto& f : report.findings) FAIL(f.message);
        }
    }

private:
    struct kept_store {
        std::filesystem::path path;
        std::optional<store> open;
    };

    void make() {
        const auto path = folder_ / ("s" + std::to_string(stores_.size()));
        stores_.push_back({path, std::nullopt});
        stores_.back().open.emplace(path);
    }
    store& any() { return *stores_[random_() % stores_.size()].open; }

    void step() {
        switch (random_() % 8) {
            case 0:
            case 1:
            case 2:
                return append();
            case 3:
                return take_in();
            case 4: {
                const auto [near, far] = two();
                return break_off(near, far, static_cast<int>(random_() % 5));
            }
            case 5:
                return reopen();
            case 6:
                return copy();
            default: {
                const auto [near, far] = two();
                sync_stores(near, far);
            }
        }
    }

    std::pair<store&, store&> two() {
        const std::size_t one = random_() % stores_.size();
        const std::size_t other = (one + 1 + random_() % (stores_.size() - 1)) % stores_.size();
        return {*stores_[one].open, *stores_[other].open};
    }

    // New ones, and some that another may have appended already.
    void append() {
        std::vector<event> batch;
        for (std::size_t n = 1 + random_() % 12; n > 0; --n) {
            const bool again = !ids_.empty() && random_() % 4 == 0;
            const std::uint64_t number = again ? random_() % number_ : number_++;
            batch.push_back(numbered_event(number, "s" + std::to_string(number % 7)));
            ids_.insert(batch.back().id);
        }
        REQUIRE(any().append(batch).accepted());
    }

    // Some of another's events, late, doubled and in any order.
    void take_in() {
        std::vector<recorded_event> some;
        any().read({}, [&](const event_view& e) {
            if (random_() % 3 == 0) return;
            some.push_back(e.to_owned());
            if (is_local(some.back())) some.pop_back();
        });
        const std::size_t all = some.size();
        for (std::size_t n = 0; n < all; n += 3) some.push_back(some[n]);
        std::shuffle(some.begin(), some.end(), random_);
        if (some.size() > 200) some.resize(200);
        store& to = any();
        while (!some.empty()) {
            const std::size_t count = std::min<std::size_t>(some.size(), 1 + random_() % 50);
            for (const auto& answer :
                 to.replica().accept(std::span(some).first(count), {.keep_forks = true})) {
                CAPTURE(answer.reason);
                REQUIRE(answer.outcome != accept_outcome::refused);
            }
            some.erase(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
        }
    }

    void reopen() {
        kept_store& s = stores_[random_() % stores_.size()];
        s.open.reset();
        s.open.emplace(s.path);
    }

    // A folder is copied, and both go on.
    void copy() {
        if (stores_.size() >= 5) return;
        kept_store& from = stores_[random_() % stores_.size()];
        from.open.reset();
        const auto path = folder_ / ("s" + std::to_string(stores_.size()));
        std::filesystem::create_directory(path);
        std::filesystem::copy_file(from.path / "data.mdb", path / "data.mdb");
        from.open.emplace(from.path);
        stores_.push_back({path, std::nullopt});
        stores_.back().open.emplace(path);
    }

    void meet(std::size_t a, std::size_t b) {
        const auto result = sync_stores(*stores_[a].open, *stores_[b].open);
        REQUIRE(result.in_sync());
        for (const auto& p : result.problems) FAIL(p.reason);
    }

    static std::set<uuid> ids_of(const store& s) {
        std::set<uuid> ids;
        s.read({}, [&](const event_view& e) {
            if (e.stream() != "$local") ids.insert(e.id());
        });
        return ids;
    }

    std::mt19937_64 random_;
    scratch_folder folder_;
    std::vector<kept_store> stores_;
    std::set<uuid> ids_;
    std::uint64_t number_ = 0;
};

}  // namespace

TEST_CASE("whatever stores do and however they meet, they come to hold the same") {
    std::signal(SIGPIPE, SIG_IGN);  // as who syncs over sockets does
    for (const std::uint64_t seed : seeds(500)) {
        CAPTURE(seed);
        schedule s(seed);
        s.run();
        s.check();
    }
}
