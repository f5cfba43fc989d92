#include "projection/kept_state.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <utility>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {

struct state::source {
    std::shared_ptr<storage::environment> env;
    storage::table catalog;
    std::string name;
    std::uint32_t version;
    key_kind keys;
    std::function<std::string(std::string_view)> row_to_json;
    mutable std::mutex mutex;
    mutable std::pair<std::uint8_t, std::optional<storage::table>> rows;  // slot, and its table

    // Calls `read` with a snapshot in which record and rows belong together, also where a rebuild
    // has put others in their place.
    template <class Read>
    auto with_rows(Read&& read) const {
        constexpr int moves_max = 100;
        for (int move = 0; move < moves_max; ++move) {
            const auto [slot, table] = known_rows();
            const storage::read_transaction txn(*env);
            const auto record = read_projection(txn, catalog, catalog_key(name, version));
            if (!record) {
                throw error(errc::not_found,
                            fmt::format("projection {} is gone", versioned(name, version)));
            }
            if (record->slot == slot && table) return read(txn, *record, *table);
            const std::scoped_lock lock(mutex);
            rows = {record->slot, std::nullopt};
        }
        throw error(errc::busy, fmt::format("the rows of {} are rebuilt all the time",
                                            versioned(name, version)));
    }
    std::pair<std::uint8_t, std::optional<storage::table>> known_rows() const {
        const std::scoped_lock lock(mutex);
        if (!rows.second) {
            rows.second = env->find_table(state_table_name(name, version, rows.first));
        }
        return rows;
    }

    [[noreturn]] void throw_damage(std::string_view what, std::string_view where) const {
        throw error(errc::corrupt, fmt::format("{}: {} {}; run `idem verify` and restore a backup",
                                               versioned(name, version), what, text::shown(where)));
    }
};

state make_state(const std::shared_ptr<storage::environment>& env, storage::table catalog,
                 const projection_record& record,
                 std::function<std::string(std::string_view)> row_to_json) {
    auto source = std::make_shared<state::source>();
    source->env = env;
    source->catalog = catalog;
    source->name = record.name();
    source->version = record.version();
    source->keys = record.made_by.keys;
    source->row_to_json = std::move(row_to_json);
    source->rows.first = record.slot;
    return state(std::move(source));
}

state_digest digest_of_rows(const storage::transaction& txn, storage::table rows) {
    using hash::operator+;
    state_digest digest;
    storage::cursor cursor(txn, rows);
    for (auto entry = cursor.first(); entry; entry = cursor.next()) {
        digest = digest + hash::of_row(entry->first, entry->second);
    }
    return digest;
}

state replay_log(const event_source& source, const projection& p, std::uint64_t position,
                 unsigned threads, const watch_work& watch) {
    return with_one_knowledge([&] {
        const auto scratch = storage::environment::scratch(std::filesystem::temp_directory_path());
        const auto known = source.schemas->get();
        const auto place = prepare_projection(scratch, p, identity_of(p, *known));
        projection_runner runner(p, *known, *place, source, threads);
        runner.advance(position, watch);
        const storage::read_transaction txn(*scratch);
        const auto record = read_projection(txn, place->catalog, place->key);
        return make_state(scratch, place->catalog, *record, p.row_to_json);
    });
}

const std::string& state::name() const noexcept {
    return source_->name;
}
std::uint32_t state::version() const noexcept {
    return source_->version;
}
key_kind state::keys() const noexcept {
    return source_->keys;
}

std::uint64_t state::position() const {
    return source_->with_rows(
        [](const auto&, const projection_record& r, storage::table) { return r.checkpoint; });
}

std::uint64_t state::row_count() const {
    return source_->with_rows([](const storage::transaction& txn, const projection_record&,
                                 storage::table rows) { return txn.stats(rows).entries; });
}

state_digest state::digest() const {
    return source_->with_rows(
        [](const auto&, const projection_record& r, storage::table) { return r.digest; });
}

reading<std::string> state::find(std::string_view key) const {
    return source_->with_rows(
        [key](const storage::transaction& txn, const projection_record& r, storage::table rows) {
            reading<std::string> result{std::nullopt, r.checkpoint};
            if (key.empty()) return result;
            if (const auto row = txn.get(rows, key)) result.row = *row;
            return result;
        });
}

row_page state::rows(std::string_view first, std::size_t limit, bool after) const {
    return source_->with_rows(
        [&](const storage::transaction& txn, const projection_record& r, storage::table rows) {
            constexpr std::size_t page_bytes = 1 << 20;
            row_page page;
            page.position = r.checkpoint;
            page.generation = r.registered * 2 + r.slot;
            storage::cursor cursor(txn, rows);
            auto entry = first.empty() ? cursor.first() : cursor.seek(first);
            if (after && entry && entry->first == first) entry = cursor.next();
            std::size_t bytes = 0;
            std::string_view last = after ? first : std::string_view();
            for (; entry && page.rows.size() < limit && bytes < page_bytes; entry = cursor.next()) {
                // Damaged pages may lead in a circle.
                if (entry->first <= last) {
                    source_->throw_damage("rows are out of order at", entry->first);
                }
                last = entry->first;
                page.rows.emplace_back(entry->first, entry->second);
                bytes += entry->first.size() + entry->second.size();
            }
            page.more = entry.has_value();
            return page;
        });
}

row_page state::rows_after(const row_page& page) const {
    row_page next = rows(page.rows.back().first, 1000, true);
    if (next.generation == page.generation) return next;
    throw error(errc::busy, fmt::format("the rows of {} were rebuilt while they were read; read "
                                        "them again",
                                        versioned(name(), version())));
}

std::uint64_t state::for_each(
    const std::function<void(std::string_view key, std::string_view row)>& visit) const {
    row_page page = rows();
    for (;;) {
        for (const auto& [key, row] : page.rows) visit(key, row);
        if (!page.more) return page.position;
        page = rows_after(page);
    }
}

std::string state::row_to_json(std::string_view row) const {
    if (source_->row_to_json) {
        std::string printed = source_->row_to_json(row);
        if (json::check(printed)) source_->throw_damage("this row is no JSON:", printed);
        return printed;
    }
    if (!json::check(row)) return std::string(row);
    return text::invalid_utf8(row) ? to_json_string(to_base64(row)) : to_json_string(row);
}

}  // namespace idem
