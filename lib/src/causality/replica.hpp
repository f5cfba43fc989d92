// How a store takes in what was made elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "causality/origin_tables.hpp"
#include "causality/sync_transfer.hpp"
#include "idem/replica.hpp"
#include "log/appender.hpp"
#include "projection/runner.hpp"
#include "schema/payloads.hpp"

namespace idem {

class replica::impl {
public:
    impl(event_source source, appender& writer, const uuid& origin, wall_clock clock,
         append_payloads::check_reserved reserved)
        : source_(std::move(source)),
          writer_(writer),
          created_with_(origin),
          clock_(std::move(clock)),
          reserved_(std::move(reserved)) {}

    classification classify(const recorded_event& e) const;
    std::vector<accepted_event> accept(std::span<const sync::carried_event> events,
                                       const accept_options& options);
    version_vector frontier() const;
    bool wait_for(const version_vector& wanted, std::chrono::milliseconds timeout) const;
    std::vector<parked_event> parked() const;
    std::vector<origin_info> origins() const;

private:
    const event_source source_;
    appender& writer_;
    const uuid created_with_;
    const wall_clock clock_;
    const append_payloads::check_reserved reserved_;
};

}  // namespace idem
