// Deciding and appending in one step: what a function reads is what stands when its events join the
// log, for it runs inside the write transaction of its own append.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "idem/effect.hpp"
#include "idem/event.hpp"
#include "idem/keyed_fold.hpp"
#include "idem/saga.hpp"
#include "idem/store_info.hpp"
#include "idem/stream_fold.hpp"

namespace idem {

// Lives within the call of the function that is given it. All writers of the store wait meanwhile,
// so that a function is to be quick: no input or output, no call on a store. It may run on another
// thread than the caller's, which waits for it, and, rarely, once more, where another process wrote
// before its commit: only the events of the last run are appended.
class transaction {
public:
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;

    // ---- the log as it stands, without what this function appends

    std::uint64_t head() const noexcept;
    // When the newest event was appended, whatever a clock says by now. The epoch in an empty log.
    timestamp log_time() const noexcept;
    std::optional<recorded_event> find(const uuid& id) const;
    std::optional<stream_info> find_stream(std::string_view stream) const;

    // Events selected, until `visit` returns false. Views live within the call.
    template <class Visit>
    requires std::invocable<Visit&, const event_view&>
    void read(const query& select, Visit&& visit) const {
        read_views(select, [&visit](const event_view& e) {
            if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const event_view&>>) {
                visit(e);
                return true;
            } else {
                return static_cast<bool>(visit(e));
            }
        });
    }

    template <class Row>
    folded<Row> fold(const stream_fold<Row>& f, std::string_view stream) const {
        return detail::folding::run(*this, f, stream);
    }

    // A row of a projection that runs inline on this handle; others throw invalid_input.
    std::optional<std::string> row(std::string_view projection, std::string_view key) const;
    template <class Key, class Row>
    std::optional<Row> row(const keyed_fold<Key, Row>& fold, const Key& key) const {
        std::string encoded;
        key_codec<Key>::encode(key, encoded);
        const auto found = row(fold.name(), encoded);
        return found ? std::optional<Row>(row_codec<Row>::decode(*found)) : std::nullopt;
    }

    // ---- what is appended when the function returns, all or nothing; nothing if it throws

    // Throw invalid_input where a stream begins with '$': those are the store's own.
    void append(event e);
    void append(std::span<const event> events);

    // What is to be done because of an event that this function has appended before; the effect's
    // id. Where the event is known already, and so is a duplicate, nothing is declared. Receipts
    // are those of append() alone. Throws invalid_input, also where
    // an event of the log that declares no effect has the effect's id.
    uuid declare(const uuid& event_id, const effect& e);

    // Starts a saga in the same commit; as sagas::start (idem/sagas.hpp), of a definition that need
    // not be known here.
    saga_start start_saga(std::string_view name, std::uint32_t version, std::string_view id,
                          std::string_view input);

    class state;  // lib/src/idempotency/transact.hpp
    explicit transaction(state& s) noexcept : state_(s) {}

private:
    friend struct detail::folding;
    void read_views(const query& select, const std::function<bool(const event_view&)>& visit) const;
    void read_upcast(const query& select, const stream_fold_view& f,
                     const std::function<bool(const event_view&)>& visit) const;
    fold_start load_snapshot(const stream_fold_view& f, std::string_view stream) const;
    state& state_;
};

}  // namespace idem
