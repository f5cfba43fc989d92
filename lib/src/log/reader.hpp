// Reading the log in short transactions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "idem/read.hpp"
#include "idem/store.hpp"
#include "log/index.hpp"
#include "log/order_item.hpp"
#include "log/record.hpp"
#include "storage/storage.hpp"

namespace idem {

using visit_event = std::function<bool(const event_view&)>;  // false: stop

// The event recorded at `position`, with its data where that is sealed.
recorded_event shown_at(const storage::transaction& txn, const log_tables& tables,
                        std::uint64_t position);

// Any thread.
class log_reader {
public:
    log_reader(std::shared_ptr<storage::environment> env, log_tables tables,
               const stamp_notes& notes = no_other_stamps())
        : env_(std::move(env)), tables_(tables), notes_(&notes) {}

    std::uint64_t head() const;
    std::optional<recorded_event> find(const uuid& id) const;
    std::optional<recorded_event> at(std::uint64_t position) const;
    std::optional<stream_info> find_stream(std::string_view stream) const;
    std::vector<stream_info> streams(std::string_view after, std::size_t limit) const;
    std::uint64_t count_streams() const;
    std::vector<type_info> types() const;
    // The events that are sealed or erased.
    void read_sealed(const std::function<void(const event_view&, const event_seal&)>& visit) const;

    // As the functions of idem::store of these names.
    std::uint64_t read(const query& select, const visit_event& visit) const;
    store::page read_page(const query& select) const;
    std::uint64_t follow(const follow_options& options,
                         const std::function<bool(const recorded_event&)>& visit) const;

private:
    std::optional<recorded_event> read_one(
        const std::function<std::optional<std::uint64_t>(const storage::transaction&)>& find) const;
    // The last event of each stream, in no order of anybody's.
    void each_stream(const visit_event& visit) const;
    std::uint64_t read_canonical(const query& select, const visit_event& visit) const;

    std::shared_ptr<storage::environment> env_;
    log_tables tables_;
    const stamp_notes* notes_;
};

}  // namespace idem
