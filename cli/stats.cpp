// idem stats: what a store holds, and what it takes on disk.
#include <fmt/format.h>

#include <algorithm>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

// Nullopt where another version of idem has left the table of keys.
std::optional<key_stats> stats_of_keys(store& from) {
    try {
        return from.keys().stats();
    } catch (const error& e) {
        if (e.code() != errc::stale) throw;
        return std::nullopt;
    }
}

std::string as_json(const key_stats& keys) {
    json_line line;
    line.number("running", keys.running).number("abandoned", keys.abandoned);
    line.number("in_doubt", keys.in_doubt).number("dead", keys.dead);
    line.number("completed", keys.completed).number("rejected", keys.rejected);
    line.number("expired", keys.expired).number("result_bytes", keys.result_bytes);
    line.number("table_bytes", keys.table_bytes);
    const std::string text = line.str();
    return text.substr(0, text.size() - 1);
}

std::string for_people(const key_stats& keys) {
    const auto open = keys.running + keys.abandoned;
    const auto stuck = keys.in_doubt + keys.dead;
    return fmt::format("{} finished, {} open, {} to be settled, {} expired; results {}, table {}",
                       with_commas(keys.completed + keys.rejected), with_commas(open),
                       with_commas(stuck), with_commas(keys.expired), byte_size(keys.result_bytes),
                       byte_size(keys.table_bytes));
}

// How far the newest event of an origin is behind the newest of all; nullopt: it has none here.
std::optional<std::uint64_t> lag_ms(const origin_info& of, const std::vector<origin_info>& all) {
    if (of.clock == 0) return std::nullopt;
    constexpr int count_bits = 16;  // of a hybrid logical clock, below the milliseconds
    const auto newest = std::max_element(
        all.begin(), all.end(), [](const auto& a, const auto& b) { return a.clock < b.clock; });
    return (newest->clock >> count_bits) - (of.clock >> count_bits);
}

std::string as_json(const std::vector<origin_info>& origins) {
    std::string text;
    for (const auto& o : origins) {
        json_line line;
        line.text("origin", to_string(o.origin)).number("counter", o.counter);
        line.number("clock", o.clock).number("lag_ms", lag_ms(o, origins)).flag("own", o.own);
        text += (text.empty() ? "" : ",") + line.object();
    }
    return "[" + text + "]";
}

void print_for_people(const std::vector<origin_info>& origins, session& s) {
    table rows(s, {{"origin", align::left, false, true},
                   {"events", align::right},
                   {"lag", align::right},
                   {""}});
    for (const auto& o : origins) {
        const auto lag = lag_ms(o, origins);
        rows.add({to_string(o.origin), with_commas(o.counter),
                  lag ? fmt::format("{} ms", with_commas(*lag)) : "", o.own ? "own" : ""});
    }
    rows.flush();
}

void print_json(const store_stats& now, const std::optional<key_stats>& keys,
                const std::vector<origin_info>& origins, session& s) {
    std::string tables;
    for (const auto& t : now.tables) {
        json_line line;
        line.text("name", t.name).number("entries", t.entries).number("bytes", t.bytes);
        const std::string text = line.str();
        tables += (tables.empty() ? "" : ",") + text.substr(0, text.size() - 1);
    }
    json_line line;
    line.text("path", now.path).text("id", to_string(now.id));
    line.number("format_version", now.format_version).text("created", to_string(now.created));
    line.number("events", now.events).number("streams", now.streams);
    line.number("file_bytes", now.file_bytes).number("used_bytes", now.used_bytes);
    line.number("key_bytes", now.key_bytes);
    line.number("map_bytes", now.map_bytes).number("readers", now.readers);
    line.number("reader_slots", now.reader_slots);
    line.number("oldest_reader_lag", now.oldest_reader_lag).json("tables", "[" + tables + "]");
    line.json("origins", as_json(origins));
    if (keys) line.json("keys", as_json(*keys));
    s.out.write(line.str());
}

void print_for_people(const store_stats& now, const std::optional<key_stats>& keys,
                      const std::vector<origin_info>& origins, session& s) {
    print_fields(s, {{"path", now.path},
                     {"store id", to_string(now.id)},
                     {"format version", std::to_string(now.format_version)},
                     {"created", to_string(now.created)},
                     {"events", with_commas(now.events)},
                     {"streams", with_commas(now.streams)},
                     {"file", byte_size(now.file_bytes)},
                     {"used", byte_size(now.used_bytes)},
                     {"keys", byte_size(now.key_bytes)},
                     {"map", byte_size(now.map_bytes)},
                     {"readers", fmt::format("{} of {}", now.readers, now.reader_slots)},
                     {"oldest reader lag", fmt::format("{} commits", now.oldest_reader_lag)},
                     {"keys", keys ? for_people(*keys) : "by another version of idem"}});
    s.out.write("\n");
    print_for_people(origins, s);
    s.out.write("\n");
    table rows(s, {{"table"}, {"entries", align::right}, {"size", align::right}});
    for (const auto& t : now.tables) {
        rows.add({t.name, with_commas(t.entries), byte_size(t.bytes)});
    }
    rows.flush();
}

}  // namespace

int run(const stats_options& options, session& s) {
    store from = open_to_read(options.store);
    const store_stats now = from.stats();
    const auto keys = stats_of_keys(from);
    const auto origins = from.replica().origins();
    if (s.json) {
        print_json(now, keys, origins, s);
    } else {
        print_for_people(now, keys, origins, s);
    }
    return success;
}

}  // namespace idem::cli
