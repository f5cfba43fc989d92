// One of the stores that are compared. All do the same job: append in durable commits, recognise
// known ids, number the events of a stream, read a stream and read everything.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "idem/event.hpp"

namespace bench {

using balances = std::unordered_map<std::string, std::int64_t>;  // by account
using visit_data = std::function<void(std::string_view stream, std::string_view data)>;

// Appends come from one thread or, where the subject says so, from several.
class subject {
public:
    virtual ~subject() = default;
    // On disk when it returns. How many were new.
    virtual std::uint64_t append(std::span<const idem::event> events) = 0;
    virtual void read_stream(const std::string& stream, const visit_data& visit) = 0;
    virtual void read_all(const visit_data& visit) = 0;
    // Writes them to a new table, in one transaction.
    virtual void keep(const balances&) { throw std::logic_error("it keeps no rows"); }
    // What does the work, and where the data is.
    virtual std::vector<pid_t> processes() const { return {::getpid()}; }
    virtual std::filesystem::path data(const std::filesystem::path& folder) const { return folder; }
};

struct contestant {
    std::string name;
    std::function<std::unique_ptr<subject>(const std::filesystem::path&)> open;
    bool rejects_duplicates = true;
};

std::unique_ptr<subject> open_idem(const std::filesystem::path& folder);
// One that can be read record by record, whatever these hold.
class raw_log : public subject {
public:
    virtual void read_records(const std::function<void(std::string_view)>& visit) = 0;
};

std::unique_ptr<raw_log> open_bare_lmdb(const std::filesystem::path& folder);
// The same without the wait for the meta page: a power cut may take the last commits back.
std::unique_ptr<raw_log> open_bare_lmdb_waiting_once(const std::filesystem::path& folder);
std::unique_ptr<subject> open_lmdb_ids(const std::filesystem::path& folder);
std::unique_ptr<subject> open_sqlite(const std::filesystem::path& folder);
std::unique_ptr<subject> open_rocksdb(const std::filesystem::path& folder);
std::unique_ptr<subject> open_postgres(const std::filesystem::path& folder);
std::unique_ptr<subject> open_nats(const std::filesystem::path& folder);

// idem first. Those whose libraries were there when this was built, and whose servers run.
const std::vector<contestant>& contestants();

}  // namespace bench
