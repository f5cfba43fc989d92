// How callers that append at the same time wait for one another, and when they do not.
#include "log/appender.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/child_process.hpp"

namespace {

using namespace std::chrono_literals;

// Holds a commit up until it is let go.
class slow_observer final : public idem::append_observer {
public:
    void begin(idem::storage::write_transaction&) override {}
    void batch(const idem::open_log&, std::span<const idem::event_view>) override {
        std::unique_lock lock(mutex_);
        reached_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return let_go_; });
    }
    void finish(idem::storage::write_transaction&) override {}

    void wait_until_reached() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return reached_; });
    }
    void let_go() {
        const std::scoped_lock lock(mutex_);
        let_go_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool reached_ = false;
    bool let_go_ = false;
};

idem::encoded_batch one(std::uint64_t number) {
    const idem::event e = numbered_event(number);
    return idem::encoded_batch({&e, 1});
}

}  // namespace

TEST_CASE("a forked child is told so, whatever a thread of its parent was in the middle of") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::storage::environment::create(path, {}, idem::write_new_store);
    const auto env = idem::storage::environment::open(path, {});
    slow_observer observer;
    idem::appender writer(env, idem::log_tables::open(*env), idem::make_uuid_v4(), {&observer});
    std::thread leader([&] { writer.append(one(1), {}); });
    observer.wait_until_reached();
    const child_process child([&] {
        ::alarm(20);  // the leader is not in the child: to wait for it is to wait for ever
        try {
            writer.append(one(2), {});
        } catch (const idem::error& e) {
            return e.code() == idem::errc::forked ? 0 : 1;
        }
        return 2;
    });
    CHECK(child.wait() == 0);
    observer.let_go();
    leader.join();
}

TEST_CASE("a caller waits for company half as long as a commit takes, and never long") {
    CHECK(idem::patience_after(0ms) == 0ms);
    CHECK(idem::patience_after(1ms) == 500us);
    CHECK(idem::patience_after(1500ms) < 10ms);
    CHECK(idem::patience_after(1h) < 10ms);
}

// A plan that threw had no events when those behind it were planned, so that it must not have any
// when the commit begins again.
TEST_CASE("a plan that threw is not made again when its commit begins anew") {
    struct restarting final : idem::append_observer {
        void begin(idem::storage::write_transaction&) override {}
        void batch(const idem::open_log&, std::span<const idem::event_view>) override {
            if (once.exchange(false)) throw idem::storage::begun_too_early{};
        }
        void finish(idem::storage::write_transaction&) override {}
        std::atomic<bool> once = false;
    };
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::storage::environment::create(path, {}, idem::write_new_store);
    const auto env = idem::storage::environment::open(path, {});
    bool met = false;  // in one group, the one that throws before the other
    for (int turn = 0; turn < 1000 && !met; ++turn) {
        slow_observer held;
        restarting observer;
        idem::appender writer(env, idem::log_tables::open(*env), idem::make_uuid_v4(),
                              {&held, &observer});
        const std::uint64_t number = static_cast<std::uint64_t>(turn) * 10;
        std::atomic<int> throws = 0;
        std::atomic<std::uint64_t> threw_in = 0;
        std::atomic<std::uint64_t> other_in = 0;
        std::thread leader([&] { writer.append(one(number), {}); });
        held.wait_until_reached();
        std::thread thrower([&] {
            const idem::plan_append plan =
                [&](const idem::open_log& log) -> std::optional<idem::planned_append> {
                if (throws++ == 0) {
                    threw_in = log.txn.id();
                    throw std::runtime_error("thrown");
                }
                return idem::planned_append{one(number + 1)};
            };
            CHECK_THROWS_WITH(writer.append(plan), "thrown");
        });
        std::thread other([&] {
            const idem::plan_append plan =
                [&](const idem::open_log& log) -> std::optional<idem::planned_append> {
                if (threw_in == log.txn.id() && other_in == 0) observer.once = true;
                other_in = log.txn.id();
                return idem::planned_append{one(number + 2)};
            };
            CHECK(writer.append(plan).outcome() == idem::outcome::appended);
        });
        held.let_go();
        for (auto* t : {&leader, &thrower, &other}) t->join();
        met = threw_in == other_in;
        CHECK(throws == 1);
    }
    CHECK(met);
}
