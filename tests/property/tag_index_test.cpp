// Conditions and reads by tags are answered as by looking at every event, whatever was appended,
// by whom, and however small the runs of the index are.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <thread>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "index/upkeep.hpp"
#include "log/index.hpp"
#include "log/upkeep.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

using idem::outcome;
using random_source = std::mt19937_64;

// A new store whose indexes write runs of 64 entries, so that some hundred events reach levels.
void make_small(const std::filesystem::path& path) {
    { const idem::store store(path); }
    const auto env = idem::storage::environment::open(path, {});
    const auto tables = idem::log_tables::open(*env);
    idem::storage::write(*env, [&](auto& txn) {
        idem::index::create(txn, tables.indexes->ids.table, 7, 64, 0);
        idem::index::create(txn, tables.indexes->streams.table, 8, 64, 32);
    });
}

// Forgets tags and types, as if an idem had written everything that knew of none.
void forget_tags(const std::filesystem::path& path, bool tables_too) {
    const auto env = idem::storage::environment::open(path, {});
    const auto tables = idem::log_tables::open(*env);
    idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
        auto m = idem::index::read_manifest(txn, tables.indexes->ids.table);
        if (m.flushed() == 0 && !tables_too) return;  // it writes the mark with a run
        m.mark.resize(std::min<std::size_t>(m.mark.size(), m.flushed() == 0 ? 0 : 16));
        idem::index::write_manifest(txn, tables.indexes->ids.table, m);
        if (!tables_too) return;
        const auto tags = idem::open_tag_tables(txn);
        txn.clear_table(tags.rows);
        txn.clear_table(tags.index);
        idem::index::create(txn, tags.index, m.seed, m.chunk_entries, 0);
        txn.clear_table(txn.open_table(idem::types_name));
    });
}

std::string some_tag(random_source& random) {
    switch (random() % 4) {
        case 0:
            return "all";
        case 1:
            return "few:" + std::to_string(random() % 300);
        default:
            return "some:" + std::to_string(random() % 5);
    }
}

std::vector<std::string> some_tags(random_source& random, std::size_t most) {
    std::vector<std::string> tags;
    for (std::size_t n = random() % (most + 1); n > 0; --n) tags.push_back(some_tag(random));
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    return tags;
}

std::string some_type(random_source& random) {
    return random() % 20 == 0 ? "Rare" + std::to_string(random() % 30)
                              : "Type" + std::to_string(random() % 3);
}

idem::event_match some_match(random_source& random) {
    idem::event_match m;
    do {
        m.tags = some_tags(random, 3);
        m.types.clear();
        for (std::size_t n = random() % 3; n > 0; --n) m.types.push_back(some_type(random));
    } while (m.tags.empty() && m.types.empty());
    return m;
}

class history {
public:
    explicit history(std::uint64_t seed) : random_(seed) {}

    std::vector<idem::event> batch(std::size_t size) {
        std::vector<idem::event> events;
        for (std::size_t i = 0; i < size; ++i) {
            auto e = numbered_event(next_++, "s" + std::to_string(random_() % 5));
            e.type = some_type(random_);
            if (random_() % 3 != 0) e.tags = some_tags(random_, random_() % 30 == 0 ? 40 : 3);
            events.push_back(std::move(e));
        }
        return events;
    }
    // Each event with so many tags.
    std::vector<idem::event> tagged(std::size_t size, std::size_t tags) {
        auto events = batch(size);
        for (auto& e : events) {
            e.tags = {"all", "few:" + std::to_string(random_() % 300)};
            for (std::size_t i = 2; i < tags; ++i) e.tags.push_back("own:" + std::to_string(i));
        }
        return events;
    }
    void appended(const std::vector<idem::event>& events) {
        log_.insert(log_.end(), events.begin(), events.end());
    }

    static bool has_all(const std::vector<std::string>& tags, const idem::event& e) {
        return std::all_of(tags.begin(), tags.end(), [&](const auto& tag) {
            return std::find(e.tags.begin(), e.tags.end(), tag) != e.tags.end();
        });
    }
    static bool is_any(const std::vector<std::string>& types, const idem::event& e) {
        return types.empty() || std::find(types.begin(), types.end(), e.type) != types.end();
    }
    std::uint64_t newest(const std::vector<idem::event_match>& any, std::uint64_t after) const {
        for (std::uint64_t p = log_.size(); p > after; --p) {
            for (const auto& m : any) {
                if (is_any(m.types, log_[p - 1]) && has_all(m.tags, log_[p - 1])) return p;
            }
        }
        return 0;
    }
    std::vector<std::uint64_t> selected(const idem::query& q) const {
        std::vector<std::uint64_t> found;
        for (std::uint64_t p = std::max<std::uint64_t>(q.from, 1); p <= log_.size(); ++p) {
            if (p > q.to) break;
            if (is_any(q.types, log_[p - 1]) && has_all(q.tags, log_[p - 1])) found.push_back(p);
        }
        if (q.direction == idem::direction::backwards) std::reverse(found.begin(), found.end());
        if (found.size() > q.limit) found.resize(q.limit);
        return found;
    }

    void try_condition(idem::store& store) {
        idem::append_condition condition;
        for (std::size_t n = 1 + random_() % 3; n > 0; --n) {
            condition.unless.push_back(some_match(random_));
        }
        if (random_() % 4 != 0) condition.after = log_.size() - random_() % (log_.size() + 1);
        if (random_() % 8 == 0) condition.after = 0;
        const auto events = batch(1 + random_() % 3);
        const auto result = store.append(events, condition);
        const std::uint64_t expected = newest(condition.unless, condition.after);
        if (expected == 0) {
            REQUIRE(result.outcome() == outcome::appended);
            appended(events);
        } else {
            REQUIRE(result.outcome() == outcome::condition_failed);
            REQUIRE(result.rejection->match == expected);
        }
    }
    void try_read(const idem::store& store) {
        idem::query q;
        while (q.tags.empty()) q.tags = some_tags(random_, 3);
        if (random_() % 3 == 0) q.types = {some_type(random_)};
        if (random_() % 2 == 0) q.from = random_() % (log_.size() + 2);
        if (random_() % 2 == 0) q.to = random_() % (log_.size() + 5);
        if (random_() % 3 == 0) q.limit = random_() % 5;
        if (random_() % 2 == 0) q.direction = idem::direction::backwards;
        std::vector<std::uint64_t> found;
        store.read(q, [&](const idem::event_view& e) { found.push_back(e.position()); });
        REQUIRE(found == selected(q));
    }

    random_source& random() { return random_; }
    std::uint64_t size() const { return log_.size(); }

private:
    random_source random_;
    std::uint64_t next_ = 1;
    std::vector<idem::event> log_;
};

void check_sound(const std::filesystem::path& path) {
    for (const auto& f : idem::verify(path).findings) FAIL_CHECK(f.kind << ": " << f.message);
}

}  // namespace

TEST_CASE("conditions and reads by tags are answered as by a scan, over many small runs") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        CAPTURE(seed);
        const scratch_folder folder;
        const auto path = folder / "s.idem";
        make_small(path);
        history h(seed);
        std::unique_ptr<idem::store> handles[2];  // each with tails of its own
        while (h.size() < 4000) {
            auto& store = handles[h.random()() % 2];
            if (!store) store = std::make_unique<idem::store>(path);
            // Of many sizes, and sometimes longer than runs.
            const auto events = h.batch(h.random()() % 10 == 0 ? 300 : h.random()() % 20);
            store->append(events);
            h.appended(events);
            for (int i = 0; i < 3; ++i) h.try_condition(*store);
            for (int i = 0; i < 2; ++i) h.try_read(*store);
            if (h.random()() % 40 == 0) {
                for (auto& handle : handles) handle.reset();
                if (h.random()() % 2 == 0) forget_tags(path, h.random()() % 2 == 0);
            }
        }
        check_sound(path);
    }
}

TEST_CASE("a reader of an old snapshot gets its own tags, however far the log has gone") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    make_small(path);
    idem::store store(path);
    const auto env = idem::storage::environment::open(path, {});
    const auto grow = [&](std::uint64_t first, std::uint64_t end) {
        for (std::uint64_t i = first; i < end; ++i) {
            auto e = numbered_event(i);
            e.tags = {"all", "some:" + std::to_string(i % 3)};
            store.append(e);
        }
    };
    grow(1, 150);
    const auto tables = idem::log_tables::open(*env).with_tags(*env);
    const auto check = [&](const idem::index_view& known, std::uint64_t head) {
        REQUIRE(known.head() == head);
        REQUIRE(known.knows_tags());
        const auto& tags = known.tags();
        REQUIRE(tags.last() == head * 2);
        for (std::uint64_t p = 1; p <= head; ++p) {
            CHECK(tags.first_from(p) == 2 * p - 1);
            CHECK(tags.position(2 * p) == p);
        }
        std::uint64_t found = 0;
        tags.entries().forwards(tables.indexes->tags.of("all"), 1,
                                [&](std::uint64_t ordinal) { return ordinal == 2 * ++found - 1; });
        CHECK(found == head);
    };
    const idem::storage::read_transaction old(*env);
    std::thread([&] { grow(150, 600); }).join();  // a thread that reads must not append
    {
        const idem::storage::read_transaction txn(*env);
        check(idem::index_view(txn, tables), 599);
    }
    check(idem::index_view(old, tables), 149);
}

TEST_CASE(
    "a store of an idem that knew of no tags is read as it is, and indexed by its first append") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    make_small(path);
    history h(4);
    {
        idem::store store(path);
        while (h.size() < 1000) {
            const auto events = h.batch(50);
            store.append(events);
            h.appended(events);
        }
    }
    forget_tags(path, true);
    {
        const idem::store store(path, {.read_only = true});
        for (int i = 0; i < 50; ++i) h.try_read(store);
    }
    check_sound(path);
    idem::store store(path);
    h.try_condition(store);
    for (int i = 0; i < 50; ++i) h.try_condition(store);
    for (int i = 0; i < 50; ++i) h.try_read(store);
    check_sound(path);
}

namespace {

// Made by an idem that knew of no tags, so nearly a run of events has tags that no table holds:
// many runs of tags. Then two handles, each with its own tail, go on.
void go_on_with_old(const std::filesystem::path& path, history& h, std::uint64_t events,
                    std::size_t tags, std::size_t tries) {
    {
        idem::store store(path);
        while (h.size() < events) {
            const auto batch = h.tagged(std::min<std::size_t>(events - h.size(), 4000), tags);
            store.append(batch);
            h.appended(batch);
        }
    }
    forget_tags(path, true);
    idem::store first(path);
    idem::store second(path);
    idem::store* const handles[] = {&first, &second};
    for (auto* store : handles) h.try_read(*store);
    const std::size_t in_front = h.random()() % 2 == 0 ? 80 : 1;  // events without tags
    for (std::size_t i = 0; i < in_front; ++i) {
        auto plain = h.batch(1);
        plain[0].tags.clear();
        REQUIRE(handles[i % 2]->append(plain).outcome() == outcome::appended);
        h.appended(plain);
    }
    for (std::size_t i = 0; i < tries; ++i) {
        h.try_condition(*handles[h.random()() % 2]);
        const auto more = h.tagged(1, tags);
        REQUIRE(handles[i % 2]->append(more).outcome() == outcome::appended);
        h.appended(more);
        h.try_read(*handles[h.random()() % 2]);
    }
    check_sound(path);
}

}  // namespace

TEST_CASE("a store with many runs of tags that no table holds can be appended to") {
    for (const std::size_t tags : {2, 3, 5, 64}) {
        for (const std::uint64_t events : {20, 63, 64, 127, 250, 700}) {
            for (std::uint64_t seed = 1; seed <= 3; ++seed) {
                CAPTURE(tags);
                CAPTURE(events);
                CAPTURE(seed);
                const scratch_folder folder;
                make_small(folder / "s.idem");
                history h(seed);
                go_on_with_old(folder / "s.idem", h, events, tags, 40);
            }
        }
    }
}

TEST_CASE("a store of 60,000 events of two tags that no table holds can be appended to") {
    const scratch_folder folder;
    history h(1);
    go_on_with_old(folder / "s.idem", h, 60'000, 2, 5);
}

TEST_CASE("events of 64 tags fill many runs of tags between two runs of ids") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    history h(3);
    idem::store first(path);
    idem::store second(path);
    while (h.size() < 6000) {
        auto& store = h.random()() % 2 == 0 ? first : second;
        const auto events = h.tagged(1 + h.random()() % 1500, 64);
        store.append(events);
        h.appended(events);
        h.try_condition(store);
    }
    check_sound(path);
}

TEST_CASE("runs of tags that are far behind the rows catch up, in each of two handles") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    make_small(path);
    history h(5);
    {
        idem::store store(path);
        const auto events = h.tagged(700, 3);
        store.append(events);
        h.appended(events);
    }
    {
        const auto env = idem::storage::environment::open(path, {});
        idem::storage::write(*env, [](idem::storage::write_transaction& txn) {
            const auto index = idem::open_tag_tables(txn).index;
            const auto m = idem::index::read_manifest(txn, index);
            REQUIRE(m.flushed() > 1000);
            txn.clear_table(index);
            idem::index::create(txn, index, m.seed, m.chunk_entries, m.phase);
        });
    }
    idem::store first(path);
    idem::store second(path);
    for (int i = 0; i < 100; ++i) {
        h.try_condition(i % 2 == 0 ? first : second);
        h.try_read(i % 3 == 0 ? first : second);
    }
    const auto events = h.tagged(100, 3);
    REQUIRE(second.append(events).outcome() == outcome::appended);
    h.appended(events);
    for (int i = 0; i < 20; ++i) h.try_condition(first);
    check_sound(path);
}
