// A store whose clock stands still until it is moved, and effects to declare in it.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

// A store whose clock stands still until it is moved.
class clocked_store {
public:
    clocked_store() { open(); }

    idem::store& operator*() { return *store_; }
    idem::store* operator->() { return &*store_; }
    idem::effects effects() { return store_->effects(); }
    void pass(std::chrono::milliseconds time) { now_ms_ += time.count(); }
    std::int64_t now_ms() const { return now_ms_; }
    void open() {
        store_.reset();
        store_.emplace(path, with_clock());
    }
    idem::open_options with_clock() {
        return {.clock = [this] { return idem::timestamp(std::chrono::milliseconds(now_ms_)); },
                // Tests set it wrong, and right again.
                .drift_max = std::chrono::hours(24 * 366 * 100)};
    }

    const scratch_folder folder;
    const std::string path = folder / "s.idem";

private:
    std::atomic<std::int64_t> now_ms_ = 1'800'000'000'000;
    std::optional<idem::store> store_;
};

inline idem::effect mail(std::string payload = "hello") {
    idem::effect e;
    e.name = "mail";
    e.payload = std::move(payload);
    e.content_type = "text/plain";
    return e;
}

// Appends an event with this effect, and returns the effect's id.
inline idem::uuid declare(idem::store& s, std::uint64_t number, const idem::effect& e) {
    idem::uuid id;
    s.transact([&](idem::transaction& t) {
        t.append(numbered_event(number));
        id = t.declare(numbered_id(number), e);
    });
    return id;
}

// A handler that keeps what it was given.
struct recorder {
    idem::effect_outcome operator()(const idem::effect_delivery& d) {
        const std::scoped_lock lock(mutex);
        seen.push_back(d);
        return outcome;
    }
    idem::effect_handler handler() {
        return [this](const idem::effect_delivery& d) { return (*this)(d); };
    }
    std::string payloads() const {
        std::string all;
        for (const auto& d : seen) all += d.payload + " ";
        return all;
    }

    idem::effect_outcome outcome = idem::effect_outcome::done("sent");
    std::vector<idem::effect_delivery> seen;
    std::mutex mutex;
};

// What a process leaves that dies between an attempt and its answer.
inline void leave_attempt(clocked_store& s, const idem::uuid& id, std::uint64_t attempt) {
    idem::event e;
    e.stream = "$effects";
    e.type = "idem.EffectAttempted";
    e.data = R"({"effect":")" + to_string(id) + R"(","fence":)" + std::to_string(attempt) +
             R"(,"leased_until":)" + std::to_string(s.now_ms() + 30'000) + "}";
    s->append(e);
}

inline idem::effect_state state_of(clocked_store& s, const idem::uuid& id) {
    const auto found = s.effects().find(id);
    REQUIRE(found);
    return found->state;
}
