#include "testing/outcome.hpp"

#include "idem/cloudevents.hpp"
#include "idem/codec.hpp"
#include "testing/bytes.hpp"

namespace idem::testing {
namespace {

constexpr std::size_t rows_max = 10'000;
constexpr std::size_t told_max = 20;

bool is_plain(std::string_view text) {
    for (const char c : text) {
        if (c < ' ' || c > '~') return false;
    }
    return true;
}

std::string print_row(const projection& p, const std::string& row) {
    try {
        if (p.row_to_json) return p.row_to_json(row);
    } catch (const std::exception&) {
        // a printer that cannot read what the handler wrote: the bytes tell more than nothing
    }
    return to_json_string(is_plain(row) ? row : to_base64(row));
}

}  // namespace

outcome outcome_of(const state& rows) {
    outcome result;
    result.digest = rows.digest();
    for (auto page = rows.rows({}, rows_max);; page = rows.rows_after(page)) {
        for (auto& [key, row] : page.rows) result.rows.emplace(std::move(key), std::move(row));
        if (!page.more || result.rows.size() >= rows_max) return result;
    }
}

std::string encode(const outcome& o) {
    constexpr std::size_t sent_bytes_max = 16 << 20;
    std::string out;
    put(out, std::string_view(o.failure));
    put_number(out, o.digest.high);
    put_number(out, o.digest.low);
    for (const auto& [key, row] : o.rows) {
        if (out.size() + key.size() + row.size() > sent_bytes_max) break;
        put(out, std::string_view(key));
        put(out, std::string_view(row));
    }
    return out;
}

outcome decode_outcome(std::string_view in) {
    outcome o;
    o.failure = take(in);
    o.digest.high = take_number(in);
    o.digest.low = take_number(in);
    while (!in.empty()) {
        auto key = take(in);
        o.rows[std::move(key)] = take(in);
    }
    return o;
}

std::vector<differing_row> differing_rows(const projection& p, const outcome& wanted,
                                          const outcome& found) {
    std::vector<differing_row> result;
    const auto print = [&](const std::map<std::string, std::string>& rows, const std::string& key) {
        const auto at = rows.find(key);
        return at == rows.end() ? std::nullopt : std::optional(print_row(p, at->second));
    };
    const auto add = [&](const std::string& key) {
        if (result.size() >= told_max) return;
        result.push_back({print_key(p.keys, key), print(wanted.rows, key), print(found.rows, key)});
    };
    for (const auto& [key, row] : wanted.rows) {
        const auto other = found.rows.find(key);
        if (other == found.rows.end() || other->second != row) add(key);
    }
    for (const auto& [key, row] : found.rows) {
        if (!wanted.rows.contains(key)) add(key);
    }
    return result;
}

}  // namespace idem::testing
