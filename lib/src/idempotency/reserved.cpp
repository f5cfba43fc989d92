#include "idempotency/reserved.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "commands_generated.h"
#include "idem/error.hpp"
#include "idempotency/row.hpp"
#include "log/content.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

// Of the fold that made the rows; 0: there are none.
std::uint32_t version_kept(const storage::transaction& txn, storage::table table) {
    const auto entry = txn.peek(table, reserved_info_key);
    if (!entry) return 0;
    return unpack<wire::FoldInfo>(*entry).version;
}

}  // namespace

std::optional<std::string> reserved_rows::get(std::string_view key) const {
    const auto found = txn_.get(table_, key);
    return found ? std::optional<std::string>(*found) : std::nullopt;
}

std::vector<std::string> reserved_rows::keys(std::string_view prefix, std::size_t max,
                                             std::string_view from) const {
    std::vector<std::string> found;
    storage::cursor rows(txn_, table_);
    for (auto row = rows.seek(std::max(prefix, from));
         row && row->first.starts_with(prefix) && found.size() < max; row = rows.next()) {
        found.emplace_back(row->first);
    }
    return found;
}

reserved_tables::reserved_tables(std::vector<std::unique_ptr<reserved_fold>> folds)
    : folds_(std::move(folds)) {}

const reserved_fold* reserved_tables::find(std::string_view stream) const noexcept {
    const auto found = std::find_if(folds_.begin(), folds_.end(),
                                    [&](const auto& fold) { return fold->stream() == stream; });
    return found == folds_.end() ? nullptr : found->get();
}

std::optional<std::string> reserved_tables::fault_of(const event& e) const {
    const auto* const fold = find(e.stream);
    if (!fold) {
        return fmt::format("is {}; streams that begin with $ are the store's own",
                           text::shown(e.stream));
    }
    const auto fault = is_json_content_type(e.content_type)
                           ? fold->fault_of(e.type, e.data)
                           : "is not JSON, as the store's own events are";
    if (!fault) return std::nullopt;
    return fmt::format(
        "is {}; streams that begin with $ are the store's own, and take only events that a store "
        "has written there, as an export has them; this one, {}, {}",
        text::shown(e.stream), text::shown(e.type), *fault);
}

void reserved_tables::batch(const open_log& log, std::span<const event_view> events) {
    for (const event_view& e : events) {
        if (!e.stream().starts_with('$')) continue;
        const auto* const fold = find(e.stream());
        if (!fold) continue;
        reserved_rows rows = open_reserved(log, *fold);
        fold->apply(e, rows);
    }
}

reserved_rows open_reserved(const open_log& log, const reserved_fold& fold) {
    const storage::table table = log.txn.open_table(fold.table());
    reserved_rows rows(log.txn, table);
    if (version_kept(log.txn, table) == fold.version()) return rows;
    log.txn.clear_table(table);
    log.known.forwards(fold.stream(), 1, [&](const event_view& e) {
        // What is written moves what is read in place.
        const recorded_event kept = e.to_owned();
        fold.apply(encode_recorded({&kept, 1}).view(0), rows);
        return true;
    });
    wire::FoldInfoT info;
    info.version = fold.version();
    log.txn.put(table, reserved_info_key, pack<wire::FoldInfo>(info));
    return rows;
}

std::optional<storage::table> find_reserved(storage::environment& env, const reserved_fold& fold) {
    const auto table = env.find_table(fold.table());
    if (!table) return std::nullopt;
    const storage::read_transaction txn(env);
    const std::uint32_t version = version_kept(txn, *table);
    if (version == 0 || version == fold.version()) return table;
    throw error(errc::stale,
                fmt::format("the table {} was made by another version of idem; the next command "
                            "that writes to it makes it anew",
                            fold.table()));
}

}  // namespace idem
