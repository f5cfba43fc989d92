// The thread that keeps background projections in step, and what rests until it may run.
#include <limits>

#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/projections.hpp"
#include "projection/rebuild.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

}  // namespace

// Where an event has come too late for the rows. False: they are as they are for another reason.
bool projection_set::fold_anew(const projection& p, const std::stop_token& stop) {
    if (p.order != fold_order::canonical) return false;
    {
        const auto catalog = source_.env->find_table(catalog_name).value();
        const storage::read_transaction txn(*source_.env);
        const auto record = read_projection(txn, catalog, catalog_key(p.name, p.version));
        if (!record || record->late.empty() || !record->erased.empty()) return false;
    }
    rebuild_options options;
    options.progress = [&stop](const rebuild_progress&) { return !stop.stop_requested(); };
    return rebuild_projection(source_, p, threads_, options).complete;
}

void projection_set::fold_anew_if_late(const error& fault, const projection& p,
                                       const std::stop_token& stop) noexcept {
    try {
        if (fault.code() == errc::stale && fold_anew(p, stop)) {
            source_.env->watch().announce_commit();  // there may be more to apply by now
        }
    } catch (const error&) {  // as above
    }
}

void projection_set::follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const std::uint64_t ticket = source_.env->watch().ticket();
        std::vector<std::string> resting;
        std::vector<projection> within_appends;
        const auto known = source_.schemas->get();
        std::vector<std::shared_ptr<projection_runner>> runners;
        {
            const std::scoped_lock lock(mutex_);
            for (auto& [name, r] : running_) {
                if (!r.runner || !r.runner->is_current(*known)) resting.push_back(name);
                if (r.runner && r.mode == projection_mode::background) runners.push_back(r.runner);
                if (r.runner && r.mode == projection_mode::inline_) {
                    within_appends.push_back(r.fold);
                }
            }
        }
        // What fails is recorded in the catalog where it is the handler's; else (no space, for
        // instance) it is met again when the store next changes, or a while later.
        for (const auto& name : resting) {
            try {
                wake(name);
                const auto rests = find_running(name);
                const bool follows = rests && rests->mode != projection_mode::manual;
                if (follows && !rests->runner && fold_anew(rests->fold, stop)) wake(name);
            } catch (const error&) {
            }
        }
        for (const auto& r : runners) {
            try {
                if (r->stands_on_failure()) continue;
                r->advance(everything, [&stop](std::uint64_t) { return !stop.stop_requested(); });
            } catch (const error& e) {
                fold_anew_if_late(e, r->fold(), stop);
            }
        }
        // They go on with the next append.
        for (const auto& p : within_appends) {
            try {
                fold_anew(p, stop);
            } catch (const error&) {
            }
        }
        if (!stop.stop_requested()) source_.env->watch().wait(ticket, std::chrono::seconds(10));
    }
}

}  // namespace idem
