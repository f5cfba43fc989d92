#include "idempotency/key_rows.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "idempotency/row.hpp"

namespace idem {
namespace {

constexpr std::string_view by_lifetime = "o";  // and within it by age
constexpr std::string_view by_horizon = "h";
constexpr std::size_t time_bytes = 8;

std::string forgotten_key(std::string_view scope) {
    return "w" + std::string(scope);
}

// Big-endian, so that keys sort by time.
std::string time_key(std::string_view prefix, std::uint64_t time) {
    std::string key(prefix);
    for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(time >> shift));
    return key;
}

std::string ordered(std::string_view prefix, std::uint64_t time, const key_hash& hash) {
    return time_key(prefix, time).append(blake2b::bytes_of(hash));
}

std::uint64_t number_of(std::string_view bytes) noexcept {
    std::uint64_t number = 0;
    for (const char byte : bytes.substr(0, time_bytes)) {
        number = number << 8 | static_cast<std::uint8_t>(byte);
    }
    return number;
}

struct due_key {
    std::uint64_t time;
    key_hash hash;
};

// How long a result is kept once it is there.
std::uint64_t lifetime_of(const key_row& row) noexcept {
    return row.expires > row.finished ? row.expires - row.finished : 0;
}

// The first keys of an order.
std::vector<due_key> first_of(const reserved_rows& rows, std::string_view prefix,
                              std::uint64_t until, std::uint64_t limit) {
    std::vector<due_key> found;
    for (const auto& key : rows.keys(prefix, limit)) {
        const std::string_view rest = std::string_view(key).substr(prefix.size());
        due_key due{number_of(rest), {}};
        if (due.time > until || rest.size() != time_bytes + due.hash.size()) break;
        std::copy_n(rest.begin() + time_bytes, due.hash.size(), due.hash.begin());
        found.push_back(due);
    }
    return found;
}

// Results that live equally long expire in the order in which they came, so that one order serves
// both: by lifetime, then by age. An application has few lifetimes; beyond so many they are looked
// at no more, for a sweep holds up all writers.
template <class Visit>
void each_lifetime(const reserved_rows& rows, Visit&& visit) {
    constexpr int lifetimes_max = 10'000;
    std::string from(by_lifetime);
    for (int n = 0; n < lifetimes_max; ++n) {
        const auto next = rows.keys(by_lifetime, 1, from);
        if (next.empty()) return;
        const auto lifetime = number_of(std::string_view(next[0]).substr(by_lifetime.size()));
        if (!visit(lifetime, time_key(by_lifetime, lifetime)) || lifetime == ~0ULL) return;
        from = time_key(by_lifetime, lifetime + 1);
    }
}

// The first `limit` of all, by time and then by hash.
void keep_first(std::vector<due_key>& found, std::uint64_t limit) {
    std::sort(found.begin(), found.end(), [](const due_key& a, const due_key& b) {
        return std::tie(a.time, a.hash) < std::tie(b.time, b.hash);
    });
    if (found.size() > limit) found.resize(limit);
}

std::vector<due_key> expired_results(const reserved_rows& rows, std::uint64_t until,
                                     std::uint64_t limit) {
    std::vector<due_key> found;
    each_lifetime(rows, [&](std::uint64_t lifetime, const std::string& prefix) {
        if (lifetime > until) return false;  // and so are those that follow
        for (auto due : first_of(rows, prefix, until - lifetime, limit)) {
            due.time += lifetime;
            found.push_back(due);
        }
        keep_first(found, limit);
        return true;
    });
    return found;
}

std::vector<due_key> oldest_results(const reserved_rows& rows, std::uint64_t limit) {
    std::vector<due_key> found;
    each_lifetime(rows, [&](std::uint64_t, const std::string& prefix) {
        const auto some = first_of(rows, prefix, ~0ULL, limit);
        found.insert(found.end(), some.begin(), some.end());
        keep_first(found, limit);
        return true;
    });
    return found;
}

key_sums sums_of(const reserved_rows& rows) {
    const auto row = rows.get(key_sums_key);
    return row ? unpack<wire::KeySums>(*row) : key_sums{};
}

std::uint64_t& count_of(key_sums& sums, key_state state) noexcept {
    switch (state) {
        case key_state::running:
            return sums.running;
        case key_state::abandoned:
            return sums.abandoned;
        case key_state::in_doubt:
            return sums.in_doubt;
        case key_state::dead:
            return sums.dead;
        case key_state::completed:
            return sums.completed;
        case key_state::rejected:
            return sums.rejected;
        case key_state::expired:
            break;
    }
    return sums.expired;
}

// The sums while rows change; written once for all of them.
class kept_sums {
public:
    explicit kept_sums(reserved_rows& rows) : rows_(rows), known_(sums_of(rows)), now_(known_) {}

    void count(const key_row& row, std::uint64_t sign) {
        count_of(now_, state_of(row)) += sign;
        now_.result_bytes += sign * row.result.size();
    }
    void write() {
        if (!(now_ == known_)) rows_.put(key_sums_key, pack<wire::KeySums>(now_));
    }

private:
    reserved_rows& rows_;
    const key_sums known_;
    key_sums now_;
};

// The orders in which a row stands.
template <class Visit>
void each_order(const key_row& row, const key_hash& hash, Visit&& visit) {
    if (is_finished(row)) {
        visit(ordered(time_key(by_lifetime, lifetime_of(row)), row.finished, hash));
    } else if (state_of(row) == key_state::expired && row.made != 0) {
        visit(ordered(by_horizon, std::max(row.horizon, row.made), hash));
    }
}

std::optional<key_row> row_of(const reserved_rows& rows, const key_hash& hash) {
    const auto found = rows.get(key_row_key(hash));
    return found ? std::optional(unpack<wire::KeyRow>(*found)) : std::nullopt;
}

// Puts a row in the place of another, either of which may be none, and keeps sums and orders in
// step.
void replace_key(reserved_rows& rows, kept_sums& sums, const key_hash& hash, const key_row* before,
                 const key_row* after) {
    constexpr std::uint64_t minus_one = ~0ULL;
    if (before) {
        sums.count(*before, minus_one);
        each_order(*before, hash, [&rows](const std::string& key) { rows.erase(key); });
    }
    if (!after) {
        rows.erase(key_row_key(hash));
        return;
    }
    sums.count(*after, 1);
    each_order(*after, hash, [&rows](const std::string& key) { rows.put(key, ""); });
    rows.put(key_row_key(hash), pack<wire::KeyRow>(*after));
}

// Of the key only hashes stay, and what tells how old it is.
void let_go_of_result(reserved_rows& rows, kept_sums& sums, const key_hash& hash) {
    const auto before = row_of(rows, hash);
    if (!before) return;
    key_row after;
    after.request = before->request;
    after.state = static_cast<std::uint8_t>(key_state::expired);
    after.fence = before->fence;
    after.finished = before->finished;
    after.expires = before->expires;
    after.horizon = before->horizon;
    after.scope = before->scope;
    after.made = before->made;
    replace_key(rows, sums, hash, &*before, &after);
}

void forget(reserved_rows& rows, kept_sums& sums, const key_hash& hash) {
    const auto row = row_of(rows, hash);
    if (!row) return;
    const std::string mark = forgotten_key(view_of(row->scope));
    const auto known = rows.get(mark);
    if (!known || number_of(*known) < row->made) {
        rows.put(mark, time_key("", row->made));
    }
    replace_key(rows, sums, hash, &*row, nullptr);
}

}  // namespace

std::string key_row_key(const key_hash& hash) {
    return std::string(key_rows_prefix).append(blake2b::bytes_of(hash));
}

bool is_forgotten_key(const reserved_rows& rows, std::string_view owner, std::string_view operation,
                      std::uint64_t made) {
    if (made == 0) return false;
    const auto scope = blake2b::of({owner, operation});
    const auto mark = rows.get(forgotten_key(blake2b::bytes_of(scope)));
    return mark && number_of(*mark) >= made;
}

std::uint64_t time_of_key(std::string_view name) noexcept {
    const auto id = uuid::parse(name);
    return id && id->version() == 7
               ? number_of({reinterpret_cast<const char*>(id->bytes.data()), time_bytes}) >> 16
               : 0;
}

void write_key(reserved_rows& rows, const key_hash& hash, const key_row* before,
               const key_row& after) {
    kept_sums sums(rows);
    replace_key(rows, sums, hash, before, &after);
    sums.write();
}

swept_keys find_swept(const reserved_rows& rows, const sweep_bounds& bounds) {
    swept_keys swept;
    std::uint64_t bytes = sums_of(rows).result_bytes;
    for (const auto& due : expired_results(rows, bounds.until, bounds.limit)) {
        swept.expired.push_back(due.hash);
        if (bounds.result_bytes_max) bytes -= row_of(rows, due.hash)->result.size();
    }
    for (const auto& due : first_of(rows, by_horizon, bounds.until, bounds.limit)) {
        swept.forgotten.push_back(due.hash);
    }
    const auto full = [&](const std::vector<key_hash>& kind) {
        return kind.size() >= bounds.limit;
    };
    // Nothing that is alive goes before all that has expired.
    const bool evict = bounds.result_bytes_max && !full(swept.expired);
    if (evict && bytes > *bounds.result_bytes_max) {
        const auto oldest = oldest_results(rows, bounds.limit);
        for (std::size_t i = 0; i < oldest.size() && bytes > *bounds.result_bytes_max; ++i) {
            const auto row = row_of(rows, oldest[i].hash);
            if (!row || row->expires <= bounds.until) continue;  // goes as expired, and is counted
            bytes -= row->result.size();
            swept.evicted.push_back(oldest[i].hash);
        }
    }
    swept.more = !swept.expired.empty() || full(swept.forgotten) ||
                 (bounds.result_bytes_max && bytes > *bounds.result_bytes_max);
    return swept;
}

void sweep_keys(reserved_rows& rows, const swept_keys& swept) {
    kept_sums sums(rows);
    for (const auto& hash : swept.expired) let_go_of_result(rows, sums, hash);
    for (const auto& hash : swept.evicted) let_go_of_result(rows, sums, hash);
    for (const auto& hash : swept.forgotten) forget(rows, sums, hash);
    sums.write();
}

}  // namespace idem
