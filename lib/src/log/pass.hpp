// One reading of the log, cut into short transactions.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "log/index.hpp"
#include "log/reader.hpp"

namespace idem {

// Says when a transaction has been open long enough: after 10 milliseconds or 4,096 events.
class read_slice {
public:
    read_slice();
    bool over();  // call once an event

private:
    std::uint64_t events_ = 0;
    std::int64_t end_ns_;
};

class log_pass {
public:
    virtual ~log_pass() = default;
    // Before each transaction.
    virtual void prepare(storage::environment&) {}
    // Goes on in a fresh transaction. False: the pass is done.
    bool run(const storage::transaction& txn, const visit_event& visit) {
        return run(txn, nullptr, visit);
    }
    // With the writer's view of the indexes, in its transaction.
    virtual bool run(const storage::transaction& txn, const index_view* writing,
                     const visit_event& visit) = 0;
    // Forwards, the highest position that was looked at; backwards, the lowest.
    std::uint64_t covered() const noexcept { return covered_; }

protected:
    std::uint64_t covered_ = 0;
};

// Events of `$local` are left out, but where their stream is named. Data that is sealed is shown.
// It is kept in `arena`, if that is given, else until the next event.
std::unique_ptr<log_pass> make_pass(const log_tables& tables, const query& select,
                                    payload_arena* arena = nullptr);
// Of these positions, in this order; `positions` must live as long.
std::unique_ptr<log_pass> make_pass(const log_tables& tables,
                                    std::span<const std::uint64_t> positions,
                                    payload_arena* arena = nullptr);

}  // namespace idem
