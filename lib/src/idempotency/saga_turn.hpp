// One turn of a runner at a saga, in one transaction: what became of the last attempt is written
// down, and the next one begins.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_object.hpp"
#include "idem/saga.hpp"
#include "idempotency/saga_rows.hpp"
#include "idempotency/transact.hpp"

namespace idem {

// To be made outside of the transaction.
struct saga_attempt {
    std::size_t step = 0;
    bool undo = false;
    bool again = false;  // one has begun before
    step_context context = {};
};

// What became of it.
struct saga_report {
    std::size_t step = 0;
    bool undo = false;
    std::uint64_t fence = 0;
    step_result result = {};
    std::vector<event> events = {};
};

struct turn_options {
    std::chrono::milliseconds lease{};
    bool may_begin = true;  // another attempt; else the saga is left to the next runner
};

// The saga has begun none but these steps.
bool fits(const saga_row& row, const saga_definition& definition) noexcept;

class saga_turn {
public:
    saga_turn(transaction::state& s, std::string_view id, saga_row row,
              const saga_definition& definition, const turn_options& options)
        : state_(s), id_(id), row_(std::move(row)), definition_(definition), options_(options) {}

    // A lease and the first attempt; nullopt where it is not due or nothing is left to try.
    std::optional<saga_attempt> take();
    // Nullopt also where another has taken over: then nothing is written.
    std::optional<saga_attempt> report(const saga_report& made);

    bool fenced() const noexcept { return fenced_; }
    const saga_row& row() const noexcept { return row_; }

private:
    std::optional<saga_attempt> next();
    std::optional<std::size_t> next_step() const;
    saga_attempt begin(std::size_t at);
    bool give_up(std::size_t at);
    void fail(std::size_t at, const std::string& reason, bool nothing_happened);
    void retry(std::size_t at, const std::string& reason);
    void turn(const std::string& reason);
    bool turn_if_late();

    std::optional<std::uint64_t> saga_deadline() const;
    std::optional<std::uint64_t> step_deadline(std::size_t at) const;
    std::optional<std::uint64_t> deadline(std::size_t at) const;

    json::object_writer under_lease() const;
    void append(std::string_view type, const json::object_writer& data);

    transaction::state& state_;
    const std::string_view id_;
    saga_row row_;
    const saga_definition& definition_;
    const turn_options options_;
    bool fenced_ = false;
};

}  // namespace idem
