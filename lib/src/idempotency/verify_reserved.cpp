#include "idempotency/verify_reserved.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "commands_generated.h"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/folds.hpp"
#include "idempotency/row.hpp"
#include "log/catalog.hpp"
#include "log/own_origin.hpp"
#include "log/pass.hpp"
#include "log/table_comparison.hpp"
#include "storage/table_snapshot.hpp"

namespace idem {
namespace {

// One fold, replayed beside the rows that are kept.
class replayed_table {
public:
    explicit replayed_table(const reserved_fold& fold)
        : fold_(fold), env_(storage::environment::scratch(std::filesystem::temp_directory_path())) {
        storage::write(*env_, [&](storage::write_transaction& txn) {
            table_ = txn.open_table(fold_.table());
        });
    }

    void add(const event_view& e) {
        bytes_ += e.data().size();
        events_.push_back(e.to_owned());
        constexpr std::size_t events_at_once = 1000;
        if (events_.size() >= events_at_once || bytes_ >= limits::batch_bytes_max / 8) apply();
    }
    void apply() {
        const encoded_batch batch = encode_recorded(events_);
        storage::write(*env_, [&](storage::write_transaction& txn) {
            reserved_rows rows(txn, table_);
            for (std::size_t i = 0; i < batch.size(); ++i) fold_.apply(batch.view(i), rows);
        });
        events_.clear();
        bytes_ = 0;
    }

    storage::environment& env() const noexcept { return *env_; }
    storage::table table() const noexcept { return table_; }

private:
    const reserved_fold& fold_;
    const std::shared_ptr<storage::environment> env_;
    storage::table table_;
    std::vector<recorded_event> events_;
    std::size_t bytes_ = 0;
};

// Row by row, without what tells the version of its fold.
class table_walk {
public:
    explicit table_walk(const reserved_rows& rows) : rows_(rows.walk()) {}
    std::optional<storage::entry> operator()() {
        auto found = rows_.next();
        if (found && found->first == reserved_info_key) found = rows_.next();
        return found;
    }

private:
    row_walk rows_;
};

constexpr std::string_view remedy =
    "export the log and import it into a new store, which makes the table from the events";

void verify_table(storage::environment& env, const log_tables& tables, const reserved_fold& fold,
                  finding_list& found) {
    const storage::table_snapshot in(env, {fold.table()});
    const auto& txn = in.transaction();  // one for all: appends may go on
    const auto& kept = in.table();
    if (kept && is_stale(txn, *kept, fold)) return;
    replayed_table right(fold);
    query of_stream;
    of_stream.stream = fold.stream();
    const auto pass = make_pass(tables, of_stream);
    const auto own =
        read_origin(txn, env.find_table(catalog_name).value(), read_store_info(env).origin);
    const auto add = [&](const event_view& e) {
        if (!is_work_elsewhere(fold, e, own)) right.add(e);
        return true;
    };
    row_tail tail;
    std::optional<reserved_rows> kept_rows;
    try {
        while (pass->run(txn, add)) {
        }
        if (kept) kept_rows = read_reserved(txn, tables, *kept, fold, tail);
    } catch (const error& e) {
        if (e.code() == errc::corrupt) return;  // the walk of the log has told of it
        throw;
    }
    right.apply();
    const storage::read_transaction right_txn(right.env());
    row_tail none;
    table_walk right_rows(reserved_rows(right_txn, right.table(), none));
    std::optional<table_walk> rows;
    if (kept_rows) rows.emplace(*kept_rows);
    table_comparison compared(fold.table(), remedy, found);
    compared.run([&] { return rows ? (*rows)() : std::nullopt; }, std::ref(right_rows));
    if (tail.mark() > head_of(txn, tables)) {
        compared.tell(
            fmt::format("the table {} is marked as having taken in the event at position "
                        "{}, where the log has none",
                        fold.table(), tail.mark()));
    }
}

}  // namespace

void verify_reserved(const std::shared_ptr<storage::environment>& env, const log_tables& tables,
                     finding_list& found) {
    for (const auto& fold : reserved_folds()) {
        if (found.full()) return;
        verify_table(*env, tables, *fold, found);
    }
}

}  // namespace idem
