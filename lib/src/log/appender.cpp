#include "log/appender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/catalog.hpp"
#include "log/order_index.hpp"
#include "log/upkeep.hpp"

namespace idem {
namespace {

// Hybrid logical clock (Kulkarni et al. 2014): physical milliseconds above, a logical count below;
// it never falls behind the last stamp, whatever the wall clock does.
std::uint64_t physical_time(const wall_clock& clock) {
    return clock.now_ms() << 16;
}

// Throws where the log is so far ahead that its stamps would lead every other store astray.
void check_drift(std::uint64_t stamp, std::uint64_t now, const wall_clock& clock) {
    const std::uint64_t ahead = stamp > now ? (stamp - now) >> 16 : 0;
    if (ahead <= clock.drift_max_ms()) return;
    throw error(errc::clock_drift,
                fmt::format("the log's clock is {} ms ahead of this machine's, over the limit of "
                            "{}: set the machine's clock right, or open the store with a larger "
                            "drift_max",
                            ahead, clock.drift_max_ms()));
}

std::vector<event_view> views_of(const encoded_batch& batch, const decision& d) {
    std::vector<event_view> fresh;
    fresh.reserve(d.fresh.size());
    for (const auto i : d.fresh) fresh.push_back(batch.view(i));
    return fresh;
}

}  // namespace

appender::appender(std::shared_ptr<storage::environment> env, log_tables tables, const uuid& origin,
                   std::vector<append_observer*> observers, read_row row, wall_clock clock,
                   derive_events derive, const stamp_notes& notes)
    : env_(std::move(env)),
      tables_(tables),
      created_with_(origin),
      observers_(std::move(observers)),
      row_(std::move(row)),
      clock_(std::move(clock)),
      derive_(std::move(derive)),
      notes_(notes),
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

append_result appender::append(const plan_append& plan, append_guard guard) {
    env_->check_usable();
    env_->check_not_reading();
    request own{encoded_batch({}), {}, guard, &plan};
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
        tables_.subjects->find_table();
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
    bool is_step = true;  // of the index of tags, which a store of an older idem lacks
    while (is_step) is_step = !commit_once(requests);
    for (auto* observer : observers_) observer->committed();
    if (!file_) file_ = identity_of(*env_);
    subjects_.committed();
    heads_.committed(added_.head + added_.ids.size());
    if (added_.ids.size() == 0) return;
    publish(tables_, added_);
    env_->watch().announce_commit();
}

bool appender::commit_once(const group& requests) {
    bool is_step = false;
    tables_.subjects->find_table();  // another process may have made it
    const auto order = find_order_table(*env_);
    storage::write(*env_, [&](storage::write_transaction& txn) {
        open_log log{txn, read_log_head(txn, tables_), index_view(txn, tables_, added_)};
        is_step = !log.known.knows_tags() && !tags_given_up_ &&
                  index_tags(*env_, txn, tables_, log.known);
        if (is_step) return;
        tags_given_up_ = !log.known.knows_tags();
        begin_origin(log);
        heads_.begin(log.head.position);
        subjects_.begin();
        for (auto* observer : observers_) observer->begin(txn);
        for (request* r : requests) write_batch(log, *r);
        for (auto* observer : observers_) observer->finish(txn);
        if (order) keep_order_up(txn, tables_, *order, log.known, added_, notes_);
        keep_up(txn, tables_, log.known, added_);
        subjects_.finish(txn);
    });
    return !is_step;
}

// What is appended bears the store's current origin, which is another one where the store was
// copied or put back since it was written last.
void appender::begin_origin(open_log& log) {
    const storage::table catalog = log.txn.open_table(catalog_name);
    const stamp last{log.head.clock, log.head.origin, log.head.counter};
    if (!file_) check_file(log.txn, catalog, last, identity_of(*env_), created_with_);
    log.own = read_origin(log.txn, catalog, created_with_);
    log.head.counter = log.own.counter_of(log.own.current, last);
    log.head.origin = log.own.current;
}

void appender::check_guard(const open_log& log, const append_guard& guard) {
    if (guard.stream.empty() || log.head.position <= guard.position) return;
    const auto last = log.known.last_of_stream(guard.stream);
    if (last && last->position() > guard.position) throw stream_has_grown{};
}

// False: there is nothing to append. A plan has effects on its maker, so that it is made again only
// if another process has written meanwhile. One that threw counts as made: those behind it in the
// group were planned without its events.
bool appender::make_plan(const open_log& log, request& r) {
    if (r.planned_in != log.txn.id()) {
        r.plan_fault = nullptr;
        r.batch = encoded_batch({});
        r.own = 0;
        try {
            auto plan = (*r.plan)(log);
            if (plan) r.batch = std::move(plan->batch);
            r.condition = plan ? std::move(plan->condition) : append_condition{};
        } catch (const storage::begun_too_early&) {
            throw;
        } catch (...) {
            if (log.txn.met_map_end()) throw;
            r.plan_fault = std::current_exception();
        }
        r.planned_in = log.txn.id();
    }
    if (r.plan_fault) std::rethrow_exception(r.plan_fault);
    return r.batch.size() > 0;
}

// The fresh events of the batch are placed, and so are those that follow from them, which are the
// batch's last then.
decision appender::decide_on(open_log& log, request& r) {
    const auto differs = [this](const append_condition::row& expected) {
        return row_(expected.projection, expected.key) != expected.value;
    };
    const log_head before = log.head;
    const auto decide_batch = [&] {
        log.head = before;
        decision d = decide(log.known, tables_, heads_, added_.greatest, r.batch, r.condition,
                            differs, log.head.position);
        refuse_erased(log, r, d);
        place(r.batch, d, log.head);
        return d;
    };
    const auto sealed = [&](decision d) {
        if (d.fresh.empty() || !r.batch.has_sealed()) return d;
        subjects_.seal(log.txn, r.batch, d);
        log.head = before;
        place(r.batch, d, log.head);
        return d;
    };
    if (r.own == 0) r.own = r.batch.size();
    r.batch.shrink(r.own);  // to what it was, where the commit begins again
    decision d = decide_batch();
    // What follows from accepted events has followed where they were made.
    if (!derive_ || d.fresh.empty() || r.batch.keeps_stamps()) return sealed(std::move(d));
    const auto derived = derive_(log, views_of(r.batch, d));
    if (derived.empty()) return sealed(std::move(d));
    r.batch.extend(encoded_batch(derived, clock_.now()));
    return sealed(decide_batch());
}

void appender::write_batch(open_log& log, request& r) {
    const log_head before = log.head;
    r.fault = nullptr;
    decision d;
    std::vector<event_view> fresh;
    try {
        check_guard(log, r.guard);
        if (r.plan && !make_plan(log, r)) return;
        d = decide_on(log, r);
        fresh = views_of(r.batch, d);
        observers_.front()->batch(log, fresh);
    } catch (const storage::begun_too_early&) {
        throw;
    } catch (...) {
        log.head = before;
        if (log.txn.met_map_end()) throw;
        r.fault = std::current_exception();
        return;
    }
    for (std::size_t i = 1; i < observers_.size(); ++i) observers_[i]->batch(log, fresh);
    write_blocks(log, r.batch, d);
    for (std::size_t n = 0; n < d.fresh.size(); ++n) {
        const std::uint32_t i = d.fresh[n];
        const receipt& given = d.result.receipts[i];
        added_.ids.push(d.ids[i]);
        added_.streams.push(d.streams[n]);
        added_.greatest = std::max(added_.greatest, given.id);
        added_.note(r.batch.view(i), given.position, tables_.indexes->tags);
        heads_.set(d.streams[n], r.batch.stream(i), given.revision);
    }
    if (r.batch.erases()) {
        subjects_.erase(log.txn, log.known, tables_, r.batch, d,
                        [&](std::uint64_t first, std::string_view why) {
                            for (auto* o : observers_) o->erased(log.txn, first, why);
                        });
    }
    r.result = std::move(d.result);
    if (!d.fresh.empty()) r.result.frontier.include(dot{log.head.origin, log.head.counter});
    if (r.result.accepted()) r.result.receipts.resize(r.own);
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
    const std::uint64_t now = physical_time(clock_);
    for (const auto i : d.fresh) {
        const receipt& given = d.result.receipts[i];
        head.position = given.position;
        if (const stamp* const kept = batch.kept_stamp(i)) {
            head.clock = std::max(head.clock, kept->clock);
            batch.place(i, given.position, given.revision, *kept);
            continue;
        }
        head.clock = std::max(now, head.clock + 1);
        check_drift(head.clock, now, clock_);
        // A note of this store is no part of the set of events, and is not counted.
        if (batch.stream(i) != local_stream) ++head.counter;
        batch.place(i, given.position, given.revision, {head.clock, head.origin, head.counter});
    }
}

}  // namespace idem
