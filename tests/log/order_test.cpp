// The order index against a map that holds what it should.
#include <algorithm>
#include <set>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/verify_order.hpp"
#include "small_order.hpp"
#include "storage/cursor.hpp"

namespace {

using idem::item_key;
using idem::item_range;
using idem::order_key;

idem::uuid origin_of(std::uint64_t number) {
    return numbered_id(1'000'000 + number);
}

// What the index should hold.
struct model {
    std::map<item_key, std::uint64_t> items;
    std::map<idem::uuid, std::set<order_key>> places;
    std::map<idem::uuid, std::uint64_t> positions;

    item_key add(const idem::event& e, const idem::stamp& s, std::uint64_t position) {
        idem::encoded_batch batch({&e, 1});
        idem::content_hasher hasher;
        const item_key key = idem::key_of_item(hasher.of(batch.view(0)), s);
        items[key] = position;
        places[e.id].insert({s.clock, s.origin, e.id});
        return key;
    }
    std::vector<order_key> in_order() const {
        std::vector<order_key> keys;
        for (const auto& [id, stamps] : places) keys.push_back(*stamps.begin());
        std::sort(keys.begin(), keys.end());
        return keys;
    }
    item_range add_up(const item_key& low, const item_key& high) const {
        item_range range;
        for (auto i = items.lower_bound(low); i != items.end() && i->first < high; ++i) {
            range.add(i->first.hash);
        }
        return range;
    }
};

item_key random_key(std::mt19937_64& random, const model& m, std::uint64_t clocks) {
    if (random() % 3 == 0 && !m.items.empty()) {
        auto i = m.items.begin();
        std::advance(i, random() % m.items.size());
        return i->first;
    }
    item_key key{random() % clocks, {}};
    key.hash[0] = static_cast<std::uint8_t>(random());
    return key;
}

void compare(small_order& log, const model& m, std::mt19937_64& random, std::uint64_t clocks) {
    log.view([&](const idem::order_view& view) {
        CHECK(view.covered() == log.head());
        std::vector<item_key> found;
        for (const auto& item : view.items(item_key::lowest(), item_key::end(), ~0ULL)) {
            found.push_back(item.key);
            CHECK(m.items.at(item.key) == item.position);
        }
        CHECK(found.size() == m.items.size());
        CHECK(std::is_sorted(found.begin(), found.end()));
        for (int i = 0; i < 20; ++i) {
            const item_key a = random_key(random, m, clocks);
            const item_key b = i == 0 ? item_key::end() : random_key(random, m, clocks);
            const item_key low = std::min(a, b);
            const item_key high = std::max(a, b);
            const item_range whole = view.range(low, high);
            CHECK(whole == m.add_up(low, high));
            item_range parts;
            item_key from = low;
            for (const auto& part : view.rows().split(low, high, 1 + random() % 50)) {
                CHECK(m.add_up(from, part.high) == part.of);
                CHECK((part.high > from || whole.count == 0));
                from = part.high;
                parts.add(part.of);
            }
            CHECK(from == high);
            CHECK(parts == whole);
        }
        const auto order = m.in_order();
        std::vector<order_key> walked;
        view.walk({}, [&](const order_key& key, const idem::event_view& e) {
            CHECK(e.id() == key.id);
            walked.push_back(key);
            return true;
        });
        CHECK(walked == order);
        if (order.empty()) return;
        const std::size_t from = random() % order.size();
        std::vector<order_key> rest;
        view.walk(order[from], [&](const order_key& key, const idem::event_view&) {
            rest.push_back(key);
            return rest.size() < 30;
        });
        const std::size_t expected = std::min<std::size_t>(30, order.size() - from - 1);
        CHECK(std::equal(rest.begin(), rest.end(), order.begin() + from + 1,
                         order.begin() + from + 1 + expected));
    });
}

// Mostly behind all before; some late, some with a clock that others have.
void append_some(small_order& log, model& m, std::mt19937_64& random, std::uint64_t& clock,
                 std::uint64_t& number) {
    std::vector<idem::event> events;
    std::vector<idem::stamp> stamps;
    const std::uint64_t head = log.head();
    for (std::uint64_t i = 0, size = 1 + random() % 60; i < size; ++i) {
        const std::uint64_t kind = random() % 20;
        const idem::stamp s{kind == 0 ? 1 + random() % clock : (kind < 3 ? clock : ++clock),
                            origin_of(random() % 5), ++number};
        if (kind == 4 && !m.positions.empty()) {  // one that is known comes with another stamp
            auto known = m.positions.begin();
            std::advance(known, random() % m.positions.size());
            events.push_back(numbered_event(number, std::string(idem::local_stream)));
            stamps.push_back(s);
            idem::event e;
            {
                const idem::storage::read_transaction txn(log.env());
                e = idem::record_at(txn, log.tables(), known->second).to_owned();
            }
            idem::stamp other = s;
            if (random() % 2 == 0) other.clock = 1 + random() % clock;
            m.add(e, other, known->second);
            idem::encoded_batch batch({&e, 1});
            idem::content_hasher hasher;
            const idem::other_stamp noted{other, hasher.of(batch.view(0))};
            log.notes.by_note[events.back().id] = {e.id, noted};
            log.notes.by_position[known->second].push_back(noted);
            continue;
        }
        events.push_back(numbered_event(number));
        stamps.push_back(s);
        m.add(events.back(), s, head + 1 + i);
    }
    log.append(events, stamps);
    for (std::size_t i = 0; i < events.size(); ++i) {
        if (events[i].stream != idem::local_stream) m.positions[events[i].id] = head + 1 + i;
    }
}

std::size_t verify_findings(small_order& log) {
    idem::verify_options options;
    idem::verify_report report;
    idem::finding_list found(options, report);
    idem::order_verifier verifier(log.env(), log.tables(), found, log.notes);
    const std::uint64_t head = log.head();
    {
        const idem::storage::read_transaction txn(log.env());
        const idem::index_view known(txn, log.tables());
        for (std::uint64_t p = 1; p <= head; ++p) {
            verifier.check(txn, known, idem::record_at(txn, log.tables(), p));
        }
    }
    verifier.finish();
    return report.findings.size();
}

}  // namespace

TEST_CASE("the order index holds an item for every stamp, whatever comes late or again") {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        small_order log;
        model m;
        std::uint64_t clock = 1;
        std::uint64_t number = 0;
        for (int round = 0; round < 60; ++round) {
            append_some(log, m, random, clock, number);
            if (random() % 4 == 0) log.bring_up(random() % (log.head() + 1));
            if (random() % 5 == 0) log.reopen();
            if (random() % 3 != 0) continue;
            log.bring_up();
            compare(log, m, random, clock + 2);
        }
        log.bring_up();
        compare(log, m, random, clock + 2);
        CHECK(verify_findings(log) == 0);
    }
}

TEST_CASE("many events of one clock are walked in order, a bounded number at a time") {
    small_order log;
    log.pace.chunk_bytes_max = idem::order_head::page_value_bytes;
    log.pace.slice_events = 3000;
    model m;
    std::vector<idem::event> events;
    std::vector<idem::stamp> stamps;
    for (std::uint64_t i = 1; i <= 9000; ++i) {
        events.push_back(numbered_event(i));
        stamps.push_back({7, origin_of(i), 1});
        m.add(events.back(), stamps.back(), i);
    }
    log.append(events, stamps);
    log.bring_up();
    std::mt19937_64 random(1);
    compare(log, m, random, 9);
}

TEST_CASE("what is appended in order fills its chunks") {
    small_order log;
    log.pace = {.slice_events = 700};
    std::vector<idem::event> events;
    std::vector<idem::stamp> stamps;
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
        events.push_back(numbered_event(i));
        stamps.push_back({i << 16, origin_of(1), i});
    }
    log.append(events, stamps);
    log.bring_up();
    const auto order = idem::find_order_table(log.env());
    const idem::storage::read_transaction txn(log.env());
    const std::uint64_t chunks = (idem::order_rows(txn, *order).rows() - 1) / 2;
    CHECK(10'000 / chunks >= 160);
}

TEST_CASE("commits keep the order index within reach once it is there, and not before") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 1000));
    const auto env = idem::storage::environment::open(folder / "s.idem", {});
    CHECK(!idem::find_order_table(*env));
    const auto tables = idem::log_tables::open(*env);
    const auto order = idem::bring_up_to(*env, tables, ~0ULL);
    const auto lag = [&] {
        const idem::storage::read_transaction txn(*env);
        return store.head() - idem::read_order_head(txn, order)->covered;
    };
    CHECK(lag() == 0);
    std::uint64_t most = 0;
    for (std::uint64_t n = 1; n < 30; ++n) {
        store.append(numbered_batch(n * 10'000, 10'000));
        most = std::max(most, lag());
    }
    CHECK(most > idem::order_pace().slice_events);
    CHECK(most <= idem::order_pace().lag_max + 10'000);
    CHECK(idem::verify(folder / "s.idem").findings.empty());
}

TEST_CASE("verify finds whatever is changed in the order index") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        store.append(numbered_batch(0, 5000));
    }
    const auto env = idem::storage::environment::open(folder / "s.idem", {});
    const auto order = idem::bring_up_to(*env, idem::log_tables::open(*env), ~0ULL);
    REQUIRE(idem::verify(folder / "s.idem").findings.empty());
    std::vector<std::pair<std::string, std::string>> rows;
    {
        const idem::storage::read_transaction txn(*env);
        idem::storage::cursor cursor(txn, order);
        for (auto e = cursor.first(); e; e = cursor.next()) rows.emplace_back(e->first, e->second);
    }
    const auto change = [&](const std::string& key, const std::string* value) {
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            if (value != nullptr) {
                txn.put(order, key, *value);
            } else {
                txn.erase(order, key);
            }
        });
    };
    const auto finds = [&] {
        const auto report = idem::verify(folder / "s.idem");
        return std::any_of(report.findings.begin(), report.findings.end(), [](const auto& f) {
            return f.kind == "order_missing" || (f.kind == "index_damaged" && f.subject == "order");
        });
    };
    std::mt19937_64 random(3);
    for (const auto& [key, value] : rows) {
        CAPTURE(key);
        if (key != "m") {  // without its head there is no index, and it is made anew
            change(key, nullptr);
            CHECK(finds());
        }
        for (int i = 0; i < 3; ++i) {
            std::string other = value;
            other[random() % other.size()] ^= static_cast<char>(1 << random() % 8);
            change(key, &other);
            CHECK(finds());
        }
        change(key, &value);
    }
    CHECK(idem::verify(folder / "s.idem").findings.empty());
}
