#include "idem/verify.hpp"

#include "causality/origin_tables.hpp"
#include "causality/verify_origins.hpp"
#include "idem/error.hpp"
#include "idempotency/verify_reserved.hpp"
#include "log/catalog.hpp"
#include "log/verify_log.hpp"
#include "projection/verify_projections.hpp"
#include "storage/storage.hpp"

namespace idem {

verify_report verify(const std::filesystem::path& folder, const verify_options& options) {
    verify_report report;
    finding_list found(options, report);
    storage::environment_options read_only;
    read_only.read_only = true;
    try {
        const auto env = storage::environment::open(folder, read_only);
        read_store_info(*env);
        const log_tables tables = log_tables::open(*env);
        const noted_stamps stamps(*env);
        const std::uint64_t head = verify_log(*env, tables, found, stamps);
        if (!found.full()) {
            verify_projections(
                {env, tables, std::make_shared<const schema_registry>(env, tables), &stamps}, head,
                options, found);
        }
        if (!found.full()) verify_reserved(env, tables, found);
        if (!found.full()) verify_origins(*env, tables, found);
    } catch (const error& e) {
        switch (e.code()) {
            case errc::corrupt:
                found.add({"unreadable", e.place().position, "", e.what()});
                report.complete = false;  // what lies behind was not looked at
                break;
            case errc::not_a_store:
            case errc::unsupported_format:
                found.add({"format", std::nullopt, "", e.what()});
                report.complete = false;
                break;
            default:
                throw;  // it could not be looked at: nothing is known of it
        }
    }
    return report;
}

}  // namespace idem
