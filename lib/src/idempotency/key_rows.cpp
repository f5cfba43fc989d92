#include "idempotency/key_rows.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/big_endian.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

// And within it by age. Behind all others, so that the newest are the last rows of the table: there
// LMDB fills its pages, and halves them elsewhere.
constexpr std::string_view by_lifetime = "x";
constexpr std::string_view by_horizon = "h";
constexpr std::size_t time_bytes = 8;

std::string forgotten_key(std::string_view scope) {
    return "w" + std::string(scope);
}

std::string time_key(std::string_view prefix, std::uint64_t time) {
    std::string key(prefix);
    append_big_endian(key, time);
    return key;
}

std::string ordered(std::string_view prefix, std::uint64_t time, const key_hash& hash) {
    return time_key(prefix, time).append(blake2b::bytes_of(hash));
}

// How long a result is kept once it is there.
std::uint64_t lifetime_of(const key_row& row) noexcept {
    return row.expires > row.finished ? row.expires - row.finished : 0;
}
std::string place_of_result(const key_row& row, const key_hash& hash) {
    return ordered(time_key(by_lifetime, lifetime_of(row)), row.finished, hash);
}

// A row of an order. Valid until rows are written.
struct ordered_row {
    std::uint64_t time;
    key_hash hash;
    std::string_view place;
    std::string_view row;
};

class order_walk {
public:
    order_walk(const reserved_rows& rows, std::string_view from)
        : rows_(rows.walk(from)), at_(rows_.next()) {}

    bool is_under(std::string_view prefix) const { return at_ && at_->first.starts_with(prefix); }
    std::string_view place() const { return at_->first; }  // only where there is one

    // Goes along the rows under a prefix that ends before their times.
    std::vector<ordered_row> take(std::string_view prefix, std::uint64_t until,
                                  std::uint64_t limit) {
        std::vector<ordered_row> found;
        for (; is_under(prefix) && found.size() < limit; at_ = rows_.next()) {
            const std::string_view rest = place().substr(prefix.size());
            ordered_row due{from_big_endian(rest), {}, place(), at_->second};
            if (due.time > until || rest.size() != time_bytes + due.hash.size()) break;
            std::copy_n(rest.begin() + time_bytes, due.hash.size(), due.hash.begin());
            found.push_back(due);
        }
        return found;
    }

private:
    row_walk rows_;
    std::optional<storage::entry> at_;
};

// Results that live equally long expire in the order in which they came, so that one order serves
// both: by lifetime, then by age. An application has few lifetimes; beyond so many they are looked
// at no more, for a sweep holds up all writers. `visit` is given a walk that stands on the first
// result of a lifetime, and the prefix of those that follow it.
template <class Visit>
void each_lifetime(const reserved_rows& rows, Visit&& visit) {
    constexpr int lifetimes_max = 10'000;
    std::string from(by_lifetime);
    for (int n = 0; n < lifetimes_max; ++n) {
        order_walk walk(rows, from);
        if (!walk.is_under(by_lifetime)) return;
        const auto lifetime = from_big_endian(walk.place().substr(by_lifetime.size()));
        if (!visit(lifetime, walk, time_key(by_lifetime, lifetime)) || lifetime == ~0ULL) return;
        from = time_key(by_lifetime, lifetime + 1);
    }
}

// The first `limit` of all, by time and then by hash.
void keep_first(std::vector<ordered_row>& found, std::uint64_t limit) {
    std::sort(found.begin(), found.end(), [](const ordered_row& a, const ordered_row& b) {
        return std::tie(a.time, a.hash) < std::tie(b.time, b.hash);
    });
    if (found.size() > limit) found.resize(limit);
}

std::vector<ordered_row> expired_results(const reserved_rows& rows, std::uint64_t until,
                                         std::uint64_t limit) {
    std::vector<ordered_row> found;
    each_lifetime(rows, [&](std::uint64_t lifetime, order_walk& walk, std::string_view prefix) {
        if (lifetime > until) return false;  // and so are those that follow
        for (auto due : walk.take(prefix, until - lifetime, limit)) {
            due.time += lifetime;
            found.push_back(due);
        }
        keep_first(found, limit);
        return true;
    });
    return found;
}

std::vector<ordered_row> oldest_results(const reserved_rows& rows, std::uint64_t limit) {
    std::vector<ordered_row> found;
    each_lifetime(rows, [&](std::uint64_t, order_walk& walk, std::string_view prefix) {
        const auto some = walk.take(prefix, ~0ULL, limit);
        found.insert(found.end(), some.begin(), some.end());
        keep_first(found, limit);
        return true;
    });
    return found;
}

kept_result result_of(const ordered_row& found) {
    return with_row<wire::KeyRow>(found.row, [&found](const wire::KeyRow& row) {
        return kept_result{.place = std::string(found.place),
                           .hash = found.hash,
                           .state = static_cast<key_state>(row.state()),
                           .bytes = row.result() ? row.result()->size() : 0,
                           .expires = row.expires(),
                           .forget_at = row.made() ? std::max(row.horizon(), row.made()) : 0};
    });
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

    void add(key_state state, std::uint64_t result_bytes = 0) {
        ++count_of(now_, state);
        now_.result_bytes += result_bytes;
    }
    void take(key_state state, std::uint64_t result_bytes = 0) {
        --count_of(now_, state);
        now_.result_bytes -= result_bytes;
    }
    void write() {
        if (!(now_ == known_)) rows_.put(key_sums_key, pack<wire::KeySums>(now_));
    }

private:
    reserved_rows& rows_;
    const key_sums known_;
    key_sums now_;
};

std::optional<key_row> find_staying(const reserved_rows& rows, const key_hash& hash) {
    const auto found = rows.get(key_row_key(hash));
    return found ? std::optional(unpack<wire::KeyRow>(*found)) : std::nullopt;
}

// Of a finished key: of itself only hashes stay, and what tells how old it is.
key_row staying_of(const key_row& whole) {
    key_row staying;
    staying.request = whole.request;
    staying.state = whole.state;
    staying.fence = whole.fence;
    staying.finished = whole.finished;
    staying.expires = whole.expires;
    staying.horizon = whole.horizon;
    staying.scope = whole.scope;
    staying.made = whole.made;
    return staying;
}
// The rest, and what a sweep must know where it looks at nothing else.
key_row going_of(key_row whole) {
    whole.request.clear();
    whole.scope.clear();
    whole.fence = 0;
    whole.finished = 0;
    return whole;
}

void let_go(reserved_rows& rows, kept_sums& sums, const kept_result& result) {
    rows.erase(result.place);
    if (result.forget_at != 0) rows.put(ordered(by_horizon, result.forget_at, result.hash), "");
    sums.take(result.state, result.bytes);
    sums.add(key_state::expired);
}

void forget(reserved_rows& rows, kept_sums& sums, const forgettable_key& key) {
    const auto row = find_staying(rows, key.hash);
    if (!row) return;
    const std::string mark = forgotten_key(view_of(row->scope));
    const auto known = rows.get(mark);
    if (!known || from_big_endian(*known) < row->made) {
        rows.put(mark, time_key("", row->made));
    }
    rows.erase(key.place);
    rows.erase(key_row_key(key.hash));
    sums.take(key_state::expired);
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
    return mark && from_big_endian(*mark) >= made;
}

std::uint64_t time_of_key(std::string_view name) noexcept {
    const auto id = uuid::parse(name);
    return id && id->version() == 7
               ? from_big_endian({reinterpret_cast<const char*>(id->bytes.data()), time_bytes}) >>
                     16
               : 0;
}

key_row whole_key(const reserved_rows& rows, const key_hash& hash, key_row staying) {
    if (!is_finished(staying)) return staying;
    const auto going = rows.get(place_of_result(staying, hash));
    if (!going) {
        staying.state = static_cast<std::uint8_t>(key_state::expired);
        return staying;
    }
    auto whole = unpack<wire::KeyRow>(*going);
    whole.request = std::move(staying.request);
    whole.scope = std::move(staying.scope);
    whole.fence = staying.fence;
    whole.finished = staying.finished;
    return whole;
}

std::optional<key_row> read_key(const reserved_rows& rows, const key_hash& hash) {
    auto staying = find_staying(rows, hash);
    if (!staying) return std::nullopt;
    return whole_key(rows, hash, std::move(*staying));
}

void write_key(reserved_rows& rows, const key_hash& hash, const key_row* before, key_row after) {
    kept_sums sums(rows);
    if (before) sums.take(state_of(*before));
    sums.add(state_of(after), after.result.size());
    if (is_finished(after)) {
        rows.put(key_row_key(hash), pack<wire::KeyRow>(staying_of(after)));
        const auto place = place_of_result(after, hash);
        rows.put(place, pack<wire::KeyRow>(going_of(std::move(after))));
    } else {
        rows.put(key_row_key(hash), pack<wire::KeyRow>(after));
    }
    sums.write();
}

swept_keys find_swept(const reserved_rows& rows, const sweep_bounds& bounds) {
    swept_keys swept;
    std::uint64_t bytes = sums_of(rows).result_bytes;
    for (const auto& due : expired_results(rows, bounds.until, bounds.limit)) {
        swept.expired.push_back(result_of(due));
        bytes -= swept.expired.back().bytes;
    }
    for (const auto& due :
         order_walk(rows, by_horizon).take(by_horizon, bounds.until, bounds.limit)) {
        swept.forgotten.push_back({std::string(due.place), due.hash});
    }
    // Nothing that is alive goes before all that has expired.
    const bool evict = bounds.result_bytes_max && swept.expired.size() < bounds.limit;
    if (evict && bytes > *bounds.result_bytes_max) {
        for (const auto& due : oldest_results(rows, bounds.limit)) {
            if (bytes <= *bounds.result_bytes_max) break;
            auto result = result_of(due);
            if (result.expires <= bounds.until) continue;  // goes as expired, and is counted
            bytes -= result.bytes;
            swept.evicted.push_back(std::move(result));
        }
    }
    swept.more = !swept.expired.empty() || swept.forgotten.size() >= bounds.limit ||
                 (bounds.result_bytes_max && bytes > *bounds.result_bytes_max);
    return swept;
}

void sweep_keys(reserved_rows& rows, const swept_keys& swept) {
    kept_sums sums(rows);
    for (const auto& result : swept.expired) let_go(rows, sums, result);
    for (const auto& result : swept.evicted) let_go(rows, sums, result);
    for (const auto& key : swept.forgotten) forget(rows, sums, key);
    sums.write();
}

}  // namespace idem
