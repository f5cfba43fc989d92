// The projections that run on one handle: inline ones within the commits of appends, background
// ones by a thread, manual ones when asked. Those whose rows other code has made rest.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "idem/store.hpp"
#include "log/appender.hpp"
#include "projection/runner.hpp"

namespace idem {

// Any thread.
class projection_set final : public append_observer {
public:
    projection_set(event_source source, unsigned threads);
    ~projection_set() override;

    void run(const projection& p, projection_mode mode);
    std::uint64_t catch_up(std::string_view name);
    bool wait_for(std::string_view name, std::uint64_t position,
                  std::chrono::milliseconds timeout) const;
    void skip_failed_event(std::string_view name, std::string_view reason);
    // One that rests runs, if its rows are its own now.
    void wake(std::string_view name);

    std::vector<projection_info> list() const;
    std::optional<projection_info> find(std::string_view name) const;
    std::string why_stale(const projection& p) const;
    idem::state state(std::string_view name, std::optional<std::uint32_t> version) const;
    idem::state state(const projection& p) const;

    void begin(storage::write_transaction& txn) override;
    void batch(const open_log& log, std::span<const event_view> events) override;
    void finish(storage::write_transaction& txn) override;
    void erased(storage::write_transaction& txn, std::uint64_t first,
                std::string_view why) override;

    // Between begin() and finish(). Throws invalid_input where it does not run inline here.
    std::optional<std::string> row(std::string_view projection, std::string_view key) const;

private:
    struct running {
        projection fold;
        projection_mode mode;
        std::shared_ptr<projection_runner> runner = {};  // none: it rests
    };

    std::optional<running> find_running(std::string_view name) const;
    std::shared_ptr<projection_runner> make_runner(const projection& p) const;
    void start(const std::string& name, const std::shared_ptr<projection_runner>& before,
               const std::shared_ptr<projection_runner>& runner);
    void join_appends(const std::shared_ptr<projection_runner>& before,
                      const std::shared_ptr<projection_runner>& added);
    void start_follower();  // under the lock
    std::uint64_t catch_up_inline(projection_runner& runner);
    projection_record require(const storage::transaction& txn, std::string_view name) const;
    projection_record find_kept(std::string_view name, std::optional<std::uint32_t> version) const;
    projection_info describe(const projection_record& listed) const;
    std::string why_stale(std::string_view name) const;  // of what runs here
    bool fold_anew(const projection& p, const std::stop_token& stop);
    void fold_anew_if_late(const error& fault, const projection& p,
                           const std::stop_token& stop) noexcept;
    void follow(const std::stop_token& stop);

    const event_source source_;
    const unsigned threads_;    // that replay independent rows
    mutable std::mutex mutex_;  // guards running_
    std::map<std::string, running, std::less<>> running_;
    // Both guarded by the write lock of the environment.
    std::vector<std::shared_ptr<projection_runner>> inline_;
    std::vector<projection_runner*> taking_part_;  // of them in this transaction
    std::jthread follower_;                        // last: stops before what it uses goes
};

}  // namespace idem
