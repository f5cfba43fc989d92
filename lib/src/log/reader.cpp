#include "log/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "idem/error.hpp"
#include "log/canonical_walk.hpp"
#include "log/index.hpp"
#include "log/pass.hpp"
#include "storage/cursor.hpp"
#include "storage/file_watch.hpp"

namespace idem {

std::uint64_t log_reader::head() const {
    const storage::read_transaction txn(*env_);
    return head_of(txn, tables_);
}

recorded_event shown_at(const storage::transaction& txn, const log_tables& tables,
                        std::uint64_t position) {
    const event_view e = record_at(txn, tables, position);
    if (!record_reader::is_sealed(e)) return e.to_owned();
    unsealer sealed(tables.subjects);
    sealed.begin();
    return sealed.show(txn, e).to_owned();
}

std::optional<recorded_event> log_reader::find(const uuid& id) const {
    return read_one(
        [&](const storage::transaction& txn) { return index_view(txn, tables_).find_id(id); });
}

std::optional<recorded_event> log_reader::at(std::uint64_t position) const {
    return read_one([&](const storage::transaction& txn) -> std::optional<std::uint64_t> {
        if (position == 0 || position > head_of(txn, tables_)) return std::nullopt;
        return position;
    });
}

// What is sealed is shown by what the table of subjects says, which another process may have made
// since this one looked for it; and a transaction sees no table that is found after it began.
std::optional<recorded_event> log_reader::read_one(
    const std::function<std::optional<std::uint64_t>(const storage::transaction&)>& find) const {
    for (bool looked = false;; looked = true) {
        {
            const storage::read_transaction txn(*env_);
            const auto position = find(txn);
            if (!position) return std::nullopt;
            const event_view e = record_at(txn, tables_, *position);
            if (looked || !record_reader::is_sealed(e) || tables_.subjects->table()) {
                return shown_at(txn, tables_, *position);
            }
        }
        tables_.subjects->find_table();
    }
}

std::optional<stream_info> log_reader::find_stream(std::string_view stream) const {
    const storage::read_transaction txn(*env_);
    const auto last = index_view(txn, tables_).last_of_stream(stream);
    if (!last) return std::nullopt;
    return stream_info{std::string(last->stream()), last->revision(), last->position()};
}

void log_reader::each_stream(const visit_event& visit) const {
    index::fingerprint from = 0;
    bool more = true;
    while (more) {
        const storage::read_transaction txn(*env_);
        read_slice slice;
        more = false;
        std::optional<index::fingerprint> last;
        bool full = false;
        index_view(txn, tables_).each_stream(from, [&](index::fingerprint key, const auto& e) {
            if (full && key != last) {  // all streams of one fingerprint in one slice
                from = key;
                more = true;
                return false;
            }
            last = key;
            if (!visit(e)) return false;
            full = slice.over() || full;
            return true;
        });
    }
}

std::vector<stream_info> log_reader::streams(std::string_view after, std::size_t limit) const {
    // Of all that follow `after` the lowest, by name.
    std::map<std::string, stream_info, std::less<>> found;
    each_stream([&](const event_view& e) {
        const std::string_view name = e.stream();
        if (limit == 0) return false;
        if (name <= after) return true;
        if (found.size() == limit) {
            const auto greatest = std::prev(found.end());
            if (name >= greatest->first) return true;
            found.erase(greatest);
        }
        found.emplace(name, stream_info{std::string(name), e.revision(), e.position()});
        return true;
    });
    std::vector<stream_info> result;
    result.reserve(found.size());
    for (auto& [name, info] : found) result.push_back(std::move(info));
    return result;
}

std::uint64_t log_reader::count_streams() const {
    std::uint64_t count = 0;
    each_stream([&count](const event_view&) {
        ++count;
        return true;
    });
    return count;
}

std::vector<type_info> log_reader::types() const {
    std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> counts;
    std::pair<std::string, std::uint32_t> key;
    read({}, [&](const event_view& e) {
        key.first = e.type();
        key.second = e.schema_version();
        ++counts[key];
        return true;
    });
    std::vector<type_info> found;
    for (const auto& [type, events] : counts) found.push_back({type.first, type.second, events});
    return found;
}

void log_reader::read_sealed(
    const std::function<void(const event_view&, const event_seal&)>& visit) const {
    read({}, [&](const event_view& e) {
        if (record_reader::is_sealed(e)) visit(e, record_reader::seal_of(e));
        return true;
    });
}

std::uint64_t log_reader::read_canonical(const query& select, const visit_event& visit) const {
    constexpr std::size_t at_once = 4096;
    if (select.direction == direction::backwards) {
        throw error(errc::invalid_input, "canonical order is read forwards", {.field = "order"});
    }
    const std::uint64_t last = std::min(select.to, head());
    canonical_walk walk(*env_, tables_, last, *notes_);
    std::uint64_t left = select.limit;
    const auto one = [&](const event_view& e) {
        if (e.position() < select.from || !select.matches(e)) return true;
        return visit(e) && --left > 0;
    };
    while (left > 0) {
        const auto positions = walk.next(at_once);
        if (positions.empty()) break;
        const auto pass = make_pass(tables_, positions);
        bool stopped = false;
        for (bool more = true; more;) {
            tables_.subjects->find_table();
            const storage::read_transaction txn(*env_);
            more = pass->run(txn, [&](const event_view& e) {
                stopped = !one(e);
                return !stopped;
            });
        }
        if (stopped) break;
    }
    return last;
}

std::uint64_t log_reader::read(const query& select, const visit_event& visit) const {
    if (select.order == event_order::canonical) return read_canonical(select, visit);
    auto pass = make_pass(tables_, select);
    bool more = true;
    while (more) {
        tables_.subjects->find_table();
        tables_.subjects->find_table();
        pass->prepare(*env_);
        const storage::read_transaction txn(*env_);
        more = pass->run(txn, visit);
    }
    return pass->covered();
}

store::page log_reader::read_page(const query& select) const {
    if (select.order == event_order::canonical) {
        throw error(errc::invalid_input, "canonical order is not read in pages; use read()",
                    {.field = "order"});
    }
    constexpr std::size_t page_bytes = 4 << 20;
    constexpr std::size_t page_events = 4096;
    store::page page;
    std::size_t bytes = 0;
    bool full = false;
    std::uint64_t covered = 0;
    try {
        covered = read(select, [&](const event_view& e) {
            page.events.push_back(e.to_owned());
            bytes += e.data().size() + sizeof(recorded_event);
            full = bytes >= page_bytes || page.events.size() >= page_events;
            return !full;
        });
    } catch (const error& e) {
        // What is sound before the damage is worth having; the next page tells of it.
        if (e.code() != errc::corrupt || page.events.empty()) throw;
        full = true;
        covered = page.events.back().position;
    }
    if (!full || page.events.size() >= select.limit) return page;
    query next = select;
    if (select.limit != query{}.limit) next.limit -= page.events.size();
    if (select.direction == direction::backwards) {
        if (covered <= select.from) return page;
        next.to = covered - 1;
    } else {
        if (covered >= select.to) return page;
        next.from = covered + 1;
    }
    page.next = std::move(next);
    return page;
}

std::uint64_t log_reader::follow(const follow_options& options,
                                 const std::function<bool(const recorded_event&)>& visit) const {
    query select = options.select;
    select.direction = direction::forwards;
    select.to = query{}.to;
    select.limit = query{}.limit;
    storage::file_watch& watch = env_->watch();
    const std::stop_callback wake(options.stop, [&watch] { watch.notify(); });
    while (!options.stop.stop_requested()) {
        const std::uint64_t ticket = watch.ticket();
        const std::uint64_t end = head();
        if (end < select.from) {
            if (!options.wait) break;
            env_->check_files();
            watch.wait(ticket, std::chrono::seconds(10));
            continue;
        }
        select.to = end;
        for (std::optional<query> rest = select; rest;) {
            const auto page = read_page(*rest);
            for (const auto& e : page.events) {
                if (options.stop.stop_requested()) return e.position - 1;
                if (!visit(e)) return e.position;
            }
            rest = page.next;
        }
        select.from = end + 1;
    }
    return select.from - 1;
}

}  // namespace idem
