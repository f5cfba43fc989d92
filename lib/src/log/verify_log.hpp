// Walks the log and derives its indexes again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "idem/verify.hpp"
#include "log/index.hpp"
#include "log/order_item.hpp"
#include "storage/storage.hpp"

namespace idem {

// Collects findings up to a limit. Any finding after that only stops the walk.
class finding_list {
public:
    finding_list(const verify_options& options, verify_report& report)
        : options_(options), report_(report) {}

    void add(finding f);
    bool full() const noexcept { return !report_.complete; }
    void count_event() noexcept { ++report_.events; }
    void count_data(bool erased, bool sealed) noexcept {
        report_.erased += erased ? 1 : 0;
        report_.sealed += sealed ? 1 : 0;
    }
    std::uint64_t sealed_events() const noexcept { return report_.sealed; }
    void progress(std::uint64_t position, std::uint64_t head) const;

private:
    const verify_options& options_;
    verify_report& report_;
};

// Checks every record, every index entry from the record's side, and that no entry is without its
// record. Returns the last position of the log.
std::uint64_t verify_log(storage::environment& env, const log_tables& tables, finding_list& found,
                         const stamp_notes& notes);

}  // namespace idem
