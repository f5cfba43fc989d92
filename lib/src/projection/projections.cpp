#include "projection/projections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/kept_state.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void throw_unknown(std::string_view name) {
    throw error(
        errc::not_found,
        fmt::format("the store keeps no projection {}; `idem projections` lists those it does",
                    text::shown(name)));
}

}  // namespace

projection_set::projection_set(std::shared_ptr<storage::environment> env, log_tables tables,
                               unsigned threads)
    : env_(std::move(env)), tables_(tables), threads_(threads) {}

projection_set::~projection_set() {
    if (!follower_.joinable()) return;
    follower_.request_stop();
    env_->watch().notify();
}

const projection_set::running* projection_set::find_running(std::string_view name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(name);
    return found == running_.end() ? nullptr : &found->second;
}

void projection_set::run(const projection& p, projection_mode mode) {
    if (!p.apply || !p.keys_of != !p.apply_row) {
        throw error(errc::invalid_input, fmt::format("projection {} has no handler", p.name),
                    {.field = "apply"});
    }
    if (find_running(p.name)) {
        throw error(errc::invalid_input,
                    fmt::format("projection {} runs on this handle already", p.name),
                    {.field = "name"});
    }
    auto runner = std::make_unique<projection_runner>(p, prepare_projection(env_, p), env_, tables_,
                                                      threads_);
    projection_runner* const added = runner.get();
    if (mode == projection_mode::inline_) {
        // Most of the way in commits of its own, so that the next append does not carry it all.
        runner->advance(everything);
    }
    {
        const std::scoped_lock lock(mutex_);
        const auto [place, is_new] = running_.emplace(p.name, running{mode, std::move(runner)});
        if (!is_new) {
            throw error(errc::invalid_input,
                        fmt::format("projection {} was started twice at once", p.name),
                        {.field = "name"});
        }
        if (mode == projection_mode::background && !follower_.joinable()) {
            follower_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
        }
    }
    if (mode == projection_mode::inline_) join_appends(added);
    env_->watch().announce_commit();
}

void projection_set::join_appends(projection_runner* added) {
    try {
        storage::write(*env_, [&](storage::write_transaction& txn) {
            added->begin(txn);
            added->finish(txn);
            if (std::find(inline_.begin(), inline_.end(), added) == inline_.end()) {
                inline_.push_back(added);
            }
        });
    } catch (...) {
        const std::scoped_lock lock(mutex_);
        running_.erase(added->fold().name);
        throw;
    }
}

std::uint64_t projection_set::catch_up(std::string_view name) {
    const running* found = find_running(name);
    if (!found) {
        throw error(errc::not_found,
                    fmt::format("projection {} does not run on this handle; run it first",
                                text::shown(name)));
    }
    projection_runner& runner = *found->runner;
    if (found->mode != projection_mode::inline_) return runner.advance(everything);

    std::string failure;
    storage::write(*env_, [&](storage::write_transaction& txn) {
        runner.begin(txn, true);
        runner.finish(txn);
        failure = runner.failure();
    });
    env_->watch().announce_commit();
    const auto info = *find(name);
    if (!failure.empty()) {
        throw error(errc::handler_failed, failure, {.position = info.position + 1});
    }
    return info.position;
}

projection_record projection_set::require(const storage::transaction& txn,
                                          std::string_view name) const {
    const auto catalog = env_->find_table(catalog_name);
    std::optional<projection_record> record;
    if (const running* r = find_running(name)) {
        record = read_projection(txn, *catalog, name, r->runner->fold().version);
    } else if (catalog) {
        record = current_projection(txn, *catalog, name);
    }
    if (!record) throw_unknown(name);
    return *record;
}

bool projection_set::wait_for(std::string_view name, std::uint64_t position,
                              std::chrono::milliseconds timeout) const {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const std::uint64_t ticket = env_->watch().ticket();
        {
            const storage::read_transaction txn(*env_);
            const auto record = require(txn, name);
            if (record.checkpoint >= position) return true;
            if (!record.failure.empty()) {
                throw error(errc::handler_failed, record.failure,
                            {.position = record.failed_position});
            }
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        env_->watch().wait(ticket, left);
    }
}

void projection_set::skip_failed_event(std::string_view name, std::string_view reason) {
    const auto catalog = env_->find_table(catalog_name);
    storage::write(*env_, [&](storage::write_transaction& txn) {
        projection_record record = require(txn, name);
        if (record.failure.empty()) {
            throw error(errc::invalid_input,
                        fmt::format("projection {} stands on no failed event", name));
        }
        record.skipped.push_back({record.failed_position, record.failure, std::string(reason)});
        record.checkpoint = record.failed_position;
        record.failed_position = 0;
        record.failure.clear();
        write_projection(txn, *catalog, record);
    });
    env_->watch().announce_commit();
}

projection_info projection_set::describe(const projection_record& listed) const {
    // Tables are opened before the transaction that reads them.
    const auto catalog = env_->find_table(catalog_name);
    const auto rows = env_->find_table(state_table_name(listed.name, listed.version));
    const storage::read_transaction txn(*env_);
    const auto r = read_projection(txn, *catalog, listed.name, listed.version).value_or(listed);
    return {.name = r.name,
            .version = r.version,
            .position = r.checkpoint,
            .rows = rows ? txn.stats(*rows).entries : 0,
            .digest = r.digest,
            .order_insensitive = r.order_insensitive,
            .definition = r.definition,
            .failure = r.failure};
}

std::vector<projection_info> projection_set::list() const {
    std::vector<projection_record> records;
    const auto catalog = env_->find_table(catalog_name);
    {
        const storage::read_transaction txn(*env_);
        records = list_projections(txn, *catalog);
    }
    std::vector<projection_info> found;
    for (const auto& record : records) found.push_back(describe(record));
    return found;
}

std::optional<projection_info> projection_set::find(std::string_view name) const {
    try {
        std::optional<projection_record> record;
        {
            const storage::read_transaction txn(*env_);
            record = require(txn, name);
        }
        return describe(*record);
    } catch (const error& e) {
        if (e.code() == errc::not_found) return std::nullopt;
        throw;
    }
}

idem::state projection_set::state(std::string_view name) const {
    projection_record record;
    {
        const storage::read_transaction txn(*env_);
        record = require(txn, name);
    }
    const auto rows = env_->find_table(state_table_name(record.name, record.version));
    if (!rows) throw_unknown(name);
    std::function<std::string(std::string_view)> printer;
    if (const running* r = find_running(name)) printer = r->runner->fold().row_to_json;
    const projection_place place{env_, *env_->find_table(catalog_name), *rows};
    return make_state(place, record, std::move(printer));
}

void projection_set::begin(storage::write_transaction& txn) {
    for (projection_runner* r : inline_) r->begin(txn);
}

void projection_set::batch(storage::write_transaction&, std::span<const event_view> events) {
    std::size_t done = 0;
    try {
        for (; done < inline_.size(); ++done) inline_[done]->apply_batch(events);
    } catch (...) {
        while (done > 0) inline_[--done]->undo_batch();
        throw;
    }
}

void projection_set::finish(storage::write_transaction& txn) {
    for (projection_runner* r : inline_) r->finish(txn);
}

void projection_set::follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const std::uint64_t ticket = env_->watch().ticket();
        std::vector<projection_runner*> runners;
        {
            const std::scoped_lock lock(mutex_);
            for (auto& [name, r] : running_) {
                if (r.mode == projection_mode::background) runners.push_back(r.runner.get());
            }
        }
        for (projection_runner* r : runners) {
            if (r->stands_on_failure()) continue;
            try {
                r->advance(everything, [&stop](std::uint64_t) { return !stop.stop_requested(); });
            } catch (const error&) {
                // Recorded in the catalog where it is the handler's; else (no space, for instance)
                // it is met again when the store next changes, or a while later.
            }
        }
        if (!stop.stop_requested()) env_->watch().wait(ticket, std::chrono::seconds(10));
    }
}

}  // namespace idem
