// Who works as a consumer: one holder at a time, and the loop.
#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "idempotency/consumers.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

using std::chrono::milliseconds;

json::object_writer lease_data(const consumer_hold& hold) {
    json::object_writer data;
    data.text("name", hold.consumer).text("holder", hold.holder).number("fence", hold.fence);
    return data;
}

bool holds(const consumer_row& row, const consumer_hold& hold) {
    return !row.holder.empty() && row.fence == hold.fence && row.holder == hold.holder;
}

}  // namespace

std::uint64_t hold_end(const transaction::state& s, const consumer_hold& hold) {
    return s.now_ms + static_cast<std::uint64_t>(hold.length.count());
}

std::optional<consumer_hold> consumers::acquire(std::string_view name, std::string_view holder,
                                                milliseconds length) {
    check_consumer_name("holder", holder);
    check_lease_length(length);
    std::optional<consumer_hold> granted;
    impl_.append([&](transaction::state& s) {
        granted.reset();
        const consumer_row row = impl_.require(s, name).row;
        const bool mine = row.holder == holder;
        if (!row.holder.empty() && !mine && runs_until(row.leased_until, s.now_ms)) return;
        granted = consumer_hold{.consumer = std::string(name),
                                .holder = std::string(holder),
                                .fence = mine ? row.fence : row.fence + 1,
                                .length = length};
        const std::uint64_t until = hold_end(s, *granted);
        granted->until = from_milliseconds(until);
        auto data = lease_data(*granted);
        data.number("leased_until", until);
        s.events.push_back(impl::make_event("idem.ConsumerLeased", name, data.str()));
    });
    return granted;
}

bool consumers::renew(consumer_hold& hold) {
    check_lease_length(hold.length);
    bool renewed = false;
    impl_.append([&](transaction::state& s) {
        renewed = holds(impl_.require(s, hold.consumer).row, hold);
        if (!renewed) return;
        const std::uint64_t until = hold_end(s, hold);
        hold.until = from_milliseconds(until);
        auto data = lease_data(hold);
        data.number("leased_until", until);
        s.events.push_back(impl::make_event("idem.ConsumerLeased", hold.consumer, data.str()));
    });
    return renewed;
}

bool consumers::release(const consumer_hold& hold) {
    bool released = false;
    impl_.append([&](transaction::state& s) {
        released = holds(impl_.require(s, hold.consumer).row, hold);
        if (!released) return;
        s.events.push_back(
            impl::make_event("idem.ConsumerReleased", hold.consumer, lease_data(hold).str()));
    });
    return released;
}

namespace {

// Works as one consumer until a stop. A consumer that has nothing to do writes nothing: it takes no
// lease, and moves its checkpoint over events that are none of its own in large steps only. So
// consumers do not wake one another for ever with their own events.
class consumer_loop {
public:
    consumer_loop(consumers& front, consumers::impl& impl, std::string name,
                  const consumers::handler& handle, const consumer_run_options& options)
        : front_(front),
          impl_(impl),
          name_(std::move(name)),
          handle_(handle),
          options_(options),
          watch_(impl.env().watch()) {}

    std::uint64_t run() {
        try {
            work_on();
        } catch (...) {
            give_back();
            throw;
        }
        if (hold_) front_.release(*hold_);
        return impl_.require(name_).checkpoint;
    }

private:
    static constexpr std::uint64_t worth_an_advance = 100'000;  // positions
    static constexpr milliseconds longest_wait{10'000};

    void work_on() {
        const std::stop_callback wake(options_.stop, [this] { watch_.notify(); });
        while (!options_.stop.stop_requested()) {
            const auto ticket = watch_.ticket();
            auto batch = impl_.read(name_, std::nullopt, 0, scanned_);
            if (batch.events.empty()) {
                if (!rest(batch, ticket)) break;
                continue;
            }
            if (options_.lease.count() > 0 && !hold(batch, ticket)) {
                if (!options_.wait) break;
                continue;
            }
            if (!work(batch, ticket)) break;
        }
    }

    // After a throw, which is what the caller is to hear of: whoever else waits need not wait for
    // the end of the lease.
    void give_back() noexcept {
        try {
            if (hold_) front_.release(*hold_);
        } catch (...) {
            hold_.reset();  // it ends by itself
        }
    }

    // There is nothing to do. False: nor will there be.
    bool rest(consumer_batch& batch, std::uint64_t ticket) {
        scanned_ = {batch.version, batch.covered};
        if (batch.covered - batch.before >= worth_an_advance && move_on(batch)) return true;
        if (!batch.caught_up) return true;
        if (!options_.wait) return false;
        impl_.env().check_files();
        watch_.wait(ticket, longest_wait);
        return true;
    }

    // Over events that are for others.
    bool move_on(consumer_batch& batch) {
        if (options_.lease.count() > 0) {
            if (!take_hold()) return false;
            batch.hold = hold_;
        }
        return front_.advance(batch, batch.state).accepted();
    }

    bool take_hold() {
        const auto now = from_milliseconds(impl_.transactions().clock().now_ms());
        // As much is left for a batch as was asked for, about; or the clock has turned back.
        const bool lasts = hold_ && hold_->until - now >= options_.lease / 2 &&
                           hold_->until - now <= options_.lease;
        if (!lasts) hold_ = front_.acquire(name_, options_.holder, options_.lease);
        return hold_.has_value();
    }

    // False: another holds it, and was waited for. With a hold the batch is read anew, for another
    // may have advanced before.
    bool hold(consumer_batch& batch, std::uint64_t ticket) {
        if (!take_hold()) {
            if (options_.wait) wait_for_holder(ticket);
            return false;
        }
        batch = impl_.read(name_, hold_, 0, {});
        return true;
    }

    void wait_for_holder(std::uint64_t ticket) {
        const std::uint64_t until = impl_.require(name_).row.leased_until;
        const std::uint64_t now = impl_.transactions().clock().now_ms();
        if (!runs_until(until, now)) return;
        const auto left = static_cast<std::chrono::milliseconds::rep>(until - now);
        watch_.wait(ticket, std::min(milliseconds(left), longest_wait));
    }

    // False: another holds it, and is not waited for.
    bool work(const consumer_batch& batch, std::uint64_t ticket) {
        if (batch.events.empty()) return true;
        std::vector<event> produced;
        const std::string state = handle_(batch, produced);
        const auto verdict = front_.advance(batch, state, produced);
        if (verdict.rejection) {
            throw error(errc::invalid_input,
                        fmt::format("what the handler of {} has produced was rejected: {}", name_,
                                    verdict.rejection->message()));
        }
        const auto now = from_milliseconds(impl_.transactions().clock().now_ms());
        if (verdict.accepted() && hold_) hold_->until = now + hold_->length;
        if (verdict.outcome != consumer_outcome::fenced) return true;
        hold_.reset();
        if (!options_.wait) return false;
        wait_for_holder(ticket);
        return true;
    }

    consumers& front_;
    consumers::impl& impl_;
    const std::string name_;
    const consumers::handler& handle_;
    const consumer_run_options& options_;
    storage::file_watch& watch_;
    std::optional<consumer_hold> hold_;
    consumers::impl::scanned scanned_;
};

}  // namespace

std::uint64_t consumers::run(std::string_view name, const handler& handle,
                             const consumer_run_options& options) {
    if (options.lease.count() != 0) {
        check_lease_length(options.lease);
        check_consumer_name("holder", options.holder);
    }
    return consumer_loop(*this, impl_, std::string(name), handle, options).run();
}

}  // namespace idem
