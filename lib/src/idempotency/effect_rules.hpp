// The effect rules of a handle: what follows from the events that it appends.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "idem/effects.hpp"
#include "log/appender.hpp"

namespace idem {

// Whether the log has the declaration of the effect that bears this id. Throws invalid_input where
// it has another event of that id, which anybody can work out: the effect would be lost unseen.
bool is_declared(const open_log& log, const uuid& id, std::string_view name);

// What the rules have declared of the events of one batch.
class effect_sink::state {
public:
    state(const open_log& l, std::span<const event_view> fresh, timestamp now);

    void turn_to(const uuid& event) noexcept { event_ = event; }
    uuid declare(const effect& e);
    std::vector<event> take() && { return std::move(declared_); }

private:
    const open_log& log_;
    const timestamp now_;
    uuid event_;
    std::set<uuid> in_batch_;  // effects that the batch declares itself, as an import does
    std::map<std::pair<uuid, std::string>, std::uint32_t> indexes_;
    std::vector<event> declared_;
};

// Any thread.
class effect_rules {
public:
    explicit effect_rules(wall_clock clock) : clock_(std::move(clock)) {}

    void add(const effect_rule& rule);  // throws invalid_input

    // In the write transaction. Throws handler_failed where a rule throws.
    std::vector<event> derive(const open_log& log, std::span<const event_view> fresh) const;

private:
    using list = std::vector<effect_rule>;
    std::shared_ptr<const list> rules() const;

    const wall_clock clock_;
    mutable std::mutex mutex_;
    std::shared_ptr<const list> rules_ = std::make_shared<const list>();
};

}  // namespace idem
