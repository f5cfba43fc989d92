// The projections that run on one handle: inline ones within the commits of appends, background
// ones by a thread, manual ones when asked.
#pragma once

#include <chrono>
#include <condition_variable>
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
    projection_set(std::shared_ptr<storage::environment> env, log_tables tables, unsigned threads);
    ~projection_set() override;

    void run(const projection& p, projection_mode mode);
    std::uint64_t catch_up(std::string_view name);
    bool wait_for(std::string_view name, std::uint64_t position,
                  std::chrono::milliseconds timeout) const;
    void skip_failed_event(std::string_view name, std::string_view reason);

    std::vector<projection_info> list() const;
    std::optional<projection_info> find(std::string_view name) const;
    idem::state state(std::string_view name) const;

    void begin(storage::write_transaction& txn) override;
    void batch(storage::write_transaction& txn, std::span<const event_view> events) override;
    void finish(storage::write_transaction& txn) override;

private:
    struct running {
        projection_mode mode;
        std::unique_ptr<projection_runner> runner;
    };

    void join_appends(projection_runner* added);
    const running* find_running(std::string_view name) const;
    projection_record require(const storage::transaction& txn, std::string_view name) const;
    projection_info describe(const projection_record& listed) const;
    void follow(const std::stop_token& stop);

    std::shared_ptr<storage::environment> env_;
    log_tables tables_;
    const unsigned threads_;    // that replay independent rows
    mutable std::mutex mutex_;  // guards running_; runners are never removed
    std::map<std::string, running, std::less<>> running_;
    std::vector<projection_runner*> inline_;  // guarded by the write lock of the environment
    std::jthread follower_;                   // last: stops before what it uses goes
};

}  // namespace idem
