#include "projection/kept_state.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {

struct state::source {
    projection_place place;
    std::string name;
    std::uint32_t version;
    key_kind keys;
    std::function<std::string(std::string_view)> row_to_json;

    projection_record record(const storage::transaction& txn) const {
        auto found = read_projection(txn, place.catalog, name, version);
        if (!found) {
            throw error(errc::not_found, fmt::format("projection {}@{} is gone", name, version));
        }
        return std::move(*found);
    }
    [[noreturn]] void throw_damage(std::string_view what, std::string_view where) const {
        throw error(errc::corrupt,
                    fmt::format("{}@{}: {} {}; run `idem verify` and restore a backup", name,
                                version, what, text::shown(where)));
    }
};

state make_state(const projection_place& place, const projection_record& record,
                 std::function<std::string(std::string_view)> row_to_json) {
    return state(std::make_shared<const state::source>(
        state::source{place, record.name, record.version, record.keys, std::move(row_to_json)}));
}

state replay_log(const std::shared_ptr<storage::environment>& events, log_tables tables,
                 const projection& p, std::uint64_t position, unsigned threads,
                 const std::function<void(std::uint64_t)>& progress) {
    const auto scratch = storage::environment::scratch(std::filesystem::temp_directory_path());
    const projection_place place = prepare_projection(scratch, p);
    projection_runner runner(p, place, events, tables, threads);
    runner.advance(position, [&progress](std::uint64_t reached) {
        if (progress) progress(reached);
        return true;
    });
    const storage::read_transaction txn(*scratch);
    const auto record = read_projection(txn, place.catalog, p.name, p.version);
    return make_state(place, *record, p.row_to_json);
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
    const storage::read_transaction txn(*source_->place.env);
    return source_->record(txn).checkpoint;
}

std::uint64_t state::row_count() const {
    const storage::read_transaction txn(*source_->place.env);
    return txn.stats(source_->place.rows).entries;
}

state_digest state::digest() const {
    const storage::read_transaction txn(*source_->place.env);
    return source_->record(txn).digest;
}

reading<std::string> state::find(std::string_view key) const {
    const storage::read_transaction txn(*source_->place.env);
    reading<std::string> result{std::nullopt, source_->record(txn).checkpoint};
    if (key.empty()) return result;
    if (const auto row = txn.get(source_->place.rows, key)) result.row = *row;
    return result;
}

row_page state::rows(std::string_view first, std::size_t limit, bool after) const {
    constexpr std::size_t page_bytes = 1 << 20;
    const storage::read_transaction txn(*source_->place.env);
    row_page page;
    page.position = source_->record(txn).checkpoint;
    storage::cursor cursor(txn, source_->place.rows);
    auto entry = first.empty() ? cursor.first() : cursor.seek(first);
    if (after && entry && entry->first == first) entry = cursor.next();
    std::size_t bytes = 0;
    std::string_view last = after ? first : std::string_view();
    for (; entry && page.rows.size() < limit && bytes < page_bytes; entry = cursor.next()) {
        // Damaged pages may lead in a circle.
        if (entry->first <= last) source_->throw_damage("rows are out of order at", entry->first);
        last = entry->first;
        page.rows.emplace_back(entry->first, entry->second);
        bytes += entry->first.size() + entry->second.size();
    }
    page.more = entry.has_value();
    return page;
}

std::uint64_t state::for_each(
    const std::function<void(std::string_view key, std::string_view row)>& visit) const {
    row_page page = rows();
    for (;;) {
        for (const auto& [key, row] : page.rows) visit(key, row);
        if (!page.more) return page.position;
        const std::string last = page.rows.back().first;
        page = rows(last, 1000, true);
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
