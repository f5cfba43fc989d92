#include "log/appender.hpp"

#include <algorithm>
#include <chrono>

#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem {
namespace {

// Hybrid logical clock (Kulkarni et al. 2014): physical milliseconds above, a logical count below;
// it never falls behind the last stamp, whatever the wall clock does.
std::uint64_t physical_clock() {
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return static_cast<std::uint64_t>(now.count()) << 16;
}

}  // namespace

appender::appender(std::shared_ptr<storage::environment> env, log_tables tables, const uuid& origin,
                   append_observer& observer)
    : env_(std::move(env)),
      tables_(tables),
      origin_(origin),
      observer_(observer),
      subjects_(tables_.subjects) {}

append_result appender::append(encoded_batch batch, append_condition condition,
                               append_guard guard) {
    if (batch.size() == 0) return {};
    env_->check_usable();
    env_->check_not_reading();
    if (auto known = answer_if_known(batch)) return std::move(*known);
    request own{std::move(batch), std::move(condition), guard};
    return wait_for(own);
}

append_result appender::append(const plan_append& plan) {
    env_->check_usable();
    env_->check_not_reading();
    request own{encoded_batch({}), {}, {}, &plan};
    return wait_for(own);
}

append_result appender::wait_for(request& own) {
    {
        std::unique_lock lock(mutex_);
        queue_.push_back(&own);
        if (led_ && queue_.size() >= last_group_) arrived_.notify_one();
    }
    while (!own.done.load(std::memory_order_acquire)) {
        const auto groups = groups_.count();
        {
            std::unique_lock lock(mutex_);
            if (!led_ && !queue_.empty() && queue_.front() == &own) {
                lead(lock);
                break;
            }
        }
        if (!own.done.load(std::memory_order_acquire)) groups_.wait_while(groups);
    }
    if (own.fault) std::rethrow_exception(own.fault);
    if (own.batch.erases()) tables_.subjects->complete_erasures();
    return std::move(own.result);
}

std::optional<append_result> appender::answer_if_known(const encoded_batch& batch) const {
    constexpr std::size_t worth_a_look = 32;  // it costs as much as to write some events
    if (batch.size() < worth_a_look || env_->read_only()) return std::nullopt;
    try {
        env_->check_files();
        const storage::read_transaction txn(*env_);
        return idem::answer_if_known(index_view(txn, tables_), tables_, batch);
    } catch (const error& e) {
        if (e.code() == errc::too_many_readers) return std::nullopt;  // the writer needs no slot
        throw;
    }
}

std::chrono::steady_clock::duration patience_after(
    std::chrono::steady_clock::duration last_commit) noexcept {
    constexpr std::chrono::milliseconds longest(3);
    return std::min<std::chrono::steady_clock::duration>(last_commit / 2, longest);
}

appender::group appender::take_group() {
    group taken;
    std::size_t bytes = 0;
    while (!queue_.empty()) {
        bytes += queue_.front()->batch.bytes();
        if (!taken.empty() && bytes > limits::batch_bytes_max) break;
        taken.push_back(queue_.front());
        queue_.pop_front();
    }
    return taken;
}

void appender::lead(std::unique_lock<std::mutex>& lock) {
    led_ = true;
    // Those who shared the last commit are likely to be back in a moment. To wait a little for them
    // makes fewer and fuller commits; a caller alone never waits.
    if (last_group_ > 1) {
        arrived_.wait_for(lock, patience_after(last_commit_),
                          [this] { return queue_.size() >= last_group_; });
    }
    const group requests = take_group();
    lock.unlock();
    const auto start = std::chrono::steady_clock::now();
    try {
        commit(requests);
    } catch (...) {
        for (request* r : requests) r->fault = std::current_exception();
    }
    lock.lock();
    last_commit_ = std::chrono::steady_clock::now() - start;
    last_group_ = requests.size();
    led_ = false;
    for (request* r : requests) r->done.store(true, std::memory_order_release);
    // One call wakes all: those who have their answer, and who leads the next group.
    groups_.turn();
}

void appender::commit(const group& requests) {
    storage::write(*env_, [&](storage::write_transaction& txn) {
        open_log log{txn, read_log_head(txn, tables_), index_view(txn, tables_, added_)};
        heads_.begin(log.head.position);
        subjects_.begin();
        observer_.begin(txn);
        for (request* r : requests) write_batch(log, *r);
        observer_.finish(txn);
        keep_up(txn, tables_, log.known, added_);
        subjects_.finish(txn);
    });
    subjects_.committed();
    heads_.committed(added_.head + added_.ids.size());
    if (added_.ids.size() == 0) return;
    publish(tables_, added_);
    env_->watch().announce_commit();
}

void appender::check_guard(const open_log& log, const append_guard& guard) {
    if (guard.stream.empty() || log.head.position <= guard.position) return;
    const auto last = log.known.last_of_stream(guard.stream);
    if (last && last->position() > guard.position) throw stream_has_grown{};
}

// False: there is nothing to append. A plan has effects on its maker, so that it is made again only
// if another process has written meanwhile.
bool appender::make_plan(const open_log& log, request& r) {
    if (r.planned_in == log.txn.id()) return r.batch.size() > 0;
    auto plan = (*r.plan)(log);
    r.batch = plan ? std::move(plan->batch) : encoded_batch({});
    r.condition = plan ? std::move(plan->condition) : append_condition{};
    r.planned_in = log.txn.id();
    return r.batch.size() > 0;
}

void appender::write_batch(open_log& log, request& r) {
    const log_head before = log.head;
    r.fault = nullptr;
    decision d;
    try {
        if (r.plan && !make_plan(log, r)) return;
        check_guard(log, r.guard);
        const auto differs = [this](const append_condition::row& expected) {
            return observer_.row(expected.projection, expected.key) != expected.value;
        };
        d = decide(log.known, tables_, heads_, added_.greatest, r.batch, r.condition, differs,
                   log.head.position);
        refuse_erased(log, r, d);
        if (r.batch.has_sealed()) subjects_.seal(log.txn, r.batch, d);
        place(r.batch, d, log.head);
        std::vector<event_view> fresh;
        fresh.reserve(d.fresh.size());
        for (const auto i : d.fresh) fresh.push_back(r.batch.view(i));
        observer_.batch(log.txn, fresh);
    } catch (const error& e) {
        log.head = before;
        if (e.code() == errc::map_full) throw;
        r.fault = std::current_exception();
        return;
    } catch (...) {
        log.head = before;
        r.fault = std::current_exception();
        return;
    }
    write_blocks(log, r.batch, d);
    for (std::size_t n = 0; n < d.fresh.size(); ++n) {
        const std::uint32_t i = d.fresh[n];
        const receipt& given = d.result.receipts[i];
        added_.ids.push(d.ids[i]);
        added_.streams.push(d.streams[n]);
        added_.greatest = std::max(added_.greatest, given.id);
        heads_.set(d.streams[n], r.batch.stream(i), given.revision);
    }
    if (r.batch.erases()) {
        subjects_.erase(log.txn, log.known, tables_, r.batch, d,
                        [&](std::uint64_t first, std::string_view why) {
                            observer_.erased(log.txn, first, why);
                        });
    }
    r.result = std::move(d.result);
}

// Of what is new: what came after it was erased, or after its subject was.
void appender::refuse_erased(open_log& log, const request& r, decision& d) {
    if (d.fresh.empty() || (!r.batch.has_sealed() && !r.batch.erases())) return;
    auto why = subjects_.refusal(log.txn, log.known, tables_, r.batch, d);
    if (!why) return;
    d = decision{};
    d.result.rejection = std::move(why);
}

void appender::write_blocks(open_log& log, const encoded_batch& batch, const decision& d) const {
    std::span<const std::uint32_t> rest = d.fresh;
    while (!rest.empty()) {
        const std::size_t count =
            records_of_next_block(rest.size(), log.head.page_bytes,
                                  [&](std::size_t n) { return batch.record(rest[n]).size(); });
        std::size_t bytes = 0;
        for (const auto i : rest.first(count)) bytes += batch.record(i).size();
        const std::uint64_t first = d.result.receipts[rest.front()].position;
        block_writer block(log.txn.append(tables_.log, first, block_bytes(count, bytes)), first,
                           ++log.head.blocks, static_cast<std::uint32_t>(count));
        for (const auto i : rest.first(count)) block.add(batch.record(i));
        rest = rest.subspan(count);
    }
}

void appender::place(encoded_batch& batch, const decision& d, log_head& head) const {
    const std::uint64_t now = physical_clock();
    for (const auto i : d.fresh) {
        const receipt& given = d.result.receipts[i];
        head.position = given.position;
        head.clock = std::max(now, head.clock + 1);
        ++head.counter;
        batch.place(i, given.position, given.revision, {head.clock, origin_, head.counter});
    }
}

}  // namespace idem
