// A clock that stands still until a test turns it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "idem/store.hpp"

class turned_clock {
public:
    void turn(std::chrono::milliseconds by) { *ms_ += by.count(); }
    idem::timestamp now() const { return idem::timestamp(std::chrono::milliseconds(ms_->load())); }
    idem::open_options options() const {
        idem::open_options with;
        with.clock = [ms = ms_] { return idem::timestamp(std::chrono::milliseconds(ms->load())); };
        return with;
    }

private:
    std::shared_ptr<std::atomic<std::int64_t>> ms_ =
        std::make_shared<std::atomic<std::int64_t>>(1'767'225'600'000);  // 2026-01-01
};
