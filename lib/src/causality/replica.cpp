#include "causality/replica.hpp"

#include <algorithm>

#include "causality/acceptance.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/catalog.hpp"
#include "log/own_origin.hpp"
#include "log/reader.hpp"
#include "schema/registry.hpp"
#include "storage/storage.hpp"

namespace idem {
namespace {

origin_entry own_origin(storage::environment& env, const storage::transaction& txn,
                        const uuid& created_with) {
    return read_origin(txn, env.find_table(catalog_name).value(), created_with);
}

// Reads what is known now.
template <class Read>
auto read_history(const event_source& source, const uuid& created_with, Read&& read) {
    source.env->check_files();
    source.tables.subjects->find_table();
    const origin_tables rows(*source.env);
    const storage::read_transaction txn(*source.env);
    const index_view known(txn, source.tables);
    return read(
        known_history(txn, known, source.tables, rows, own_origin(*source.env, txn, created_with)),
        txn);
}

// Why a schema or a rule of append rejects it; nullopt: none does. It is stored as it came, for
// all copies hold the same bytes.
std::optional<std::string> fault_of(const schema_registry::knowledge& known, const event& e,
                                    const append_payloads::check_reserved& reserved) {
    try {
        const append_payloads payloads(
            known, {&e, 1}, [](const uuid&) { return std::nullopt; }, reserved);
        const encoded_batch limits_hold({&e, 1});
    } catch (const error& why) {
        if (why.code() != errc::invalid_input && why.code() != errc::unknown_version) throw;
        return why.what();
    }
    return std::nullopt;
}

}  // namespace

std::string_view to_string(causal_class value) noexcept {
    switch (value) {
        case causal_class::next:
            return "next";
        case causal_class::concurrent:
            return "concurrent";
        case causal_class::duplicate:
            return "duplicate";
        case causal_class::stale:
            return "stale";
        case causal_class::gap:
            return "gap";
        case causal_class::equivocation:
            return "equivocation";
    }
    return "unknown";
}

std::string_view to_string(accept_outcome value) noexcept {
    switch (value) {
        case accept_outcome::appended:
            return "appended";
        case accept_outcome::duplicate:
            return "duplicate";
        case accept_outcome::parked:
            return "parked";
        case accept_outcome::forked:
            return "forked";
        case accept_outcome::refused:
            return "refused";
    }
    return "unknown";
}

classification replica::impl::classify(const recorded_event& e) const {
    return read_history(source_, created_with_, [&](const known_history& history, const auto&) {
        return history.classify(e);
    });
}

version_vector replica::impl::frontier() const {
    return read_history(source_, created_with_, [](const known_history& history, const auto&) {
        return history.frontier();
    });
}

std::vector<origin_info> replica::impl::origins() const {
    return read_history(source_, created_with_, [](const known_history& history, const auto&) {
        return history.origins();
    });
}

std::vector<parked_event> replica::impl::parked() const {
    return read_history(source_, created_with_, [](const known_history& history, const auto& txn) {
        std::vector<parked_event> all;
        for (const auto& [key, bytes] : history.rows().all_parked(txn)) {
            const auto carried = sync::decode_events(bytes);
            const recorded_event& e = carried.events.at(0).event;
            all.push_back({e.id, key.origin, key.counter, history.counter_of(key.origin) + 1,
                           e.stream, e.type});
        }
        return all;
    });
}

bool replica::impl::wait_for(const version_vector& wanted,
                             std::chrono::milliseconds timeout) const {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const auto ticket = source_.env->watch().ticket();
        if (frontier().covers(wanted)) return true;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        source_.env->watch().wait(ticket, left);
    }
}

std::vector<accepted_event> replica::impl::accept(std::span<const sync::carried_event> events,
                                                  const accept_options& options) {
    std::vector<sync::carried_event> given(events.begin(), events.end());
    std::vector<accepted_event> answers;
    bool more = false;  // waits still, for the batch was full
    for (;;) {
        const auto known = source_.schemas->get_with_position();
        std::vector<recorded_event> appended;
        bool is_renewed = false;
        const plan_append plan = [&](const open_log& log) -> std::optional<planned_append> {
            const known_history history(log.txn, log.known, source_.tables, origin_tables(log.txn),
                                        own_origin(*source_.env, log.txn, created_with_));
            acceptance batch(
                history, log.txn,
                [&](const event& e) { return idem::fault_of(known, e, reserved_); }, clock_,
                options);
            if (more) {
                batch.take_up_parked();
            } else {
                answers.clear();
                for (const auto& e : given) answers.push_back(batch.take(e));
            }
            if (batch.is_copied()) {
                renew_origin(log.txn, source_.env->find_table(catalog_name).value(), history.head(),
                             created_with_);
                is_renewed = true;
                return std::nullopt;
            }
            more = batch.is_full();
            appended = batch.events();
            auto encoded = batch.batch(clock_.now());
            if (!encoded) return std::nullopt;
            return planned_append{std::move(*encoded)};
        };
        const bool was_more = more;
        append_result result;
        try {
            result = writer_.append(plan, {schemas_stream, known.position});
        } catch (const stream_has_grown&) {
            more = was_more;
            continue;  // a schema was registered meanwhile, which may concern the batch
        }
        if (is_renewed) {
            more = was_more;
            continue;
        }
        if (result.rejection) {
            // Its data was erased here: it takes its place without.
            if (result.rejection->outcome != outcome::erased ||
                result.rejection->index >= appended.size()) {
                throw error(errc::invalid_input, result.rejection->message());
            }
            const uuid id = appended[result.rejection->index].id;
            for (auto& carried : given) {
                if (carried.event.id != id) continue;
                carried.event.data.clear();
                carried.event.erased = true;
            }
            more = was_more;
            continue;
        }
        std::map<uuid, std::uint64_t> positions;
        for (const receipt& r : result.receipts) positions[r.id] = r.position;
        for (std::size_t i = 0; i < given.size(); ++i) {
            const auto found = positions.find(given[i].event.id);
            if (found != positions.end()) answers[i].position = found->second;
        }
        if (!more) return answers;
    }
}

classification replica::classify(const recorded_event& e) const {
    return impl_->classify(e);
}

std::vector<accepted_event> replica::accept(std::span<const recorded_event> events,
                                            const accept_options& options) {
    if (events.size() > limits::accepted_max) {
        throw error(errc::invalid_input,
                    "a batch of " + std::to_string(events.size()) + " events passes the limit of " +
                        std::to_string(limits::accepted_max) + "; accept it in parts",
                    {.field = "events"});
    }
    std::vector<sync::carried_event> carried;
    carried.reserve(events.size());
    for (const auto& e : events) carried.push_back({e, {}});
    return impl_->accept(carried, options);
}

version_vector replica::frontier() const {
    return impl_->frontier();
}
bool replica::wait_for(const version_vector& wanted, std::chrono::milliseconds timeout) const {
    return impl_->wait_for(wanted, timeout);
}
std::vector<parked_event> replica::parked() const {
    return impl_->parked();
}
std::vector<origin_info> replica::origins() const {
    return impl_->origins();
}

}  // namespace idem
