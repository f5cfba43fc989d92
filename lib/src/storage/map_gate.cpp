#include <algorithm>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

// The environments that this thread is inside of, once for each live transaction.
thread_local std::vector<const environment::state*> entered;

}  // namespace

void map_gate::enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !closed_; });
    ++live_;
}

void map_gate::leave() noexcept {
    const std::scoped_lock lock(mutex_);
    if (--live_ == 0 && closed_) changed_.notify_all();
}

bool map_gate::alone(std::chrono::milliseconds patience, const std::function<void()>& change) {
    std::unique_lock lock(mutex_);
    const auto end = std::chrono::steady_clock::now() + patience;
    if (!changed_.wait_until(lock, end, [this] { return !closed_; })) return false;
    closed_ = true;
    const bool alone = changed_.wait_until(lock, end, [this] { return live_ == 0; });
    if (alone) change();
    closed_ = false;
    changed_.notify_all();
    return alone;
}

void enter_environment(environment::state& s) {
    // A thread that is inside already must not wait at a closed gate: the gate would wait for it.
    entered.push_back(&s);
    if (std::count(entered.begin(), entered.end(), &s) == 1) s.gate.enter();
}

void leave_environment(environment::state& s) noexcept {
    const auto found = std::find(entered.rbegin(), entered.rend(), &s);
    if (found != entered.rend()) entered.erase(std::next(found).base());
    if (!in_transaction_of(s)) s.gate.leave();
}

bool in_transaction_of(const environment::state& s) noexcept {
    return std::find(entered.begin(), entered.end(), &s) != entered.end();
}

}  // namespace idem::storage
