// What an append promises, whatever the history: through one handle, and again after a reopen.
#include <doctest/doctest.h>

#include <map>
#include <thread>

#include "append_cases.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::expected_revision;
using idem::outcome;

std::uint64_t events_in(const idem::store& store, const std::string& stream) {
    const auto info = store.find_stream(stream);
    return info ? info->last_revision + 1 : 0;
}

// Runs the sequence; before the last step the store may be closed and opened again.
void check_case(const append_case& c, bool reopen) {
    const scratch_folder folder;
    const auto steps = parse_steps(c.sequence);
    std::vector<idem::receipt> originals;  // by order of first append
    auto store = std::make_unique<idem::store>(folder / "s.idem");
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
        const auto result = store->append(steps[i].events, steps[i].expected);
        for (const auto& r : result.receipts) {
            if (r.outcome == outcome::appended) originals.push_back(r);
        }
    }
    if (reopen) {
        store.reset();
        store = std::make_unique<idem::store>(folder / "s.idem");
    }
    const auto result = store->append(steps.back().events, steps.back().expected);
    CHECK(result.outcome() == c.last);
    CHECK(events_in(*store, "stream") == c.events_in_stream);
    CHECK(store->head() == c.events_in_stream);
    for (const auto& r : result.receipts) {
        if (r.outcome != outcome::duplicate) continue;
        for (const auto& original : originals) {
            if (original.id != r.id) continue;
            CHECK(original.position == r.position);
            CHECK(original.revision == r.revision);
        }
    }
    if (c.last == outcome::partial_duplicate) {
        REQUIRE(result.rejection);
        REQUIRE(result.rejection->known.size() == c.known.size());
        for (std::size_t i = 0; i < c.known.size(); ++i) {
            CHECK(result.rejection->known[i].id == numbered_id(c.known[i]));
            CHECK(result.rejection->known[i].position == c.known[i] + 1);
        }
    }
}

}  // namespace

TEST_CASE("every sequence of the table gets its answer") {
    for (const auto& c : append_cases()) {
        CAPTURE(c.sequence);
        check_case(c, false);
        check_case(c, true);
    }
}

TEST_CASE("a wrong revision names what was expected and what is") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto absent = store.append(numbered_event(0), expected_revision::exactly(1));
    REQUIRE(absent.rejection);
    CHECK(absent.rejection->expected == "1");
    CHECK_FALSE(absent.rejection->actual);
    store.append(numbered_event(0));
    const auto behind = store.append(numbered_event(1), expected_revision::exactly(1));
    REQUIRE(behind.rejection);
    CHECK(behind.rejection->expected == "1");
    CHECK(behind.rejection->actual == 0);
}

TEST_CASE("a batch of 100 on no_stream ends at revision 99") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<idem::event> batch;
    for (int i = 0; i < 100; ++i) batch.push_back(numbered_event(i));
    const auto result = store.append(batch, expected_revision::no_stream());
    REQUIRE(result.receipts.size() == 100);
    CHECK(result.receipts.back().revision == 99);
    CHECK(events_in(store, "stream") == 100);
}

TEST_CASE("a known id with other content is a conflict that names the first field that differs") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::event original = numbered_event(7);
    original.tags = {"a", "b"};
    store.append({numbered_event(1), original});
    const auto conflict_of = [&](auto change) {
        idem::event changed = original;
        change(changed);
        const auto result = store.append(changed);
        REQUIRE(result.rejection);
        CHECK(result.rejection->outcome == outcome::id_conflict);
        REQUIRE(result.rejection->known.size() == 1);
        CHECK(result.rejection->known[0].position == 2);
        CHECK(store.head() == 2);
        return result.rejection->field;
    };
    CHECK(conflict_of([](auto& e) { e.stream = "other"; }) == "stream");
    CHECK(conflict_of([](auto& e) { e.type = "Other"; }) == "type");
    CHECK(conflict_of([](auto& e) { e.schema_version = 2; }) == "schema_version");
    CHECK(conflict_of([](auto& e) { e.content_type = "application/x+json"; }) == "content_type");
    CHECK(conflict_of([](auto& e) { e.data = R"({"number":8})"; }) == "data");
    CHECK(conflict_of([](auto& e) { e.tags = {"a"}; }) == "tags");
    CHECK(conflict_of([](auto& e) { e.tags = {"a", "b", "c"}; }) == "tags");
}

TEST_CASE("time, metadata, other ids and the spelling of JSON are not content") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::event original = numbered_event(7);
    original.tags = {"a", "b"};
    original.data = R"({"a":1.50,"b":["\u00e9",true]})";
    store.append(original);
    idem::event retry = original;
    retry.time = idem::timestamp(std::chrono::seconds(5));
    retry.metadata = {{"attempt", "2"}};
    retry.correlation_id = "c";
    retry.causation_id = "d";
    retry.tags = {"b", "a", "b"};
    retry.data = " { \"b\" : [ \"\xc3\xa9\" , true ] , \"a\" : 15e-1 } ";
    const auto result = store.append(retry, expected_revision::exactly(17));
    CHECK(result.outcome() == outcome::duplicate);
    CHECK(result.receipts.at(0).position == 1);
    CHECK(store.find(original.id)->data == original.data);
}

TEST_CASE("the same id twice in one batch") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto same = store.append({numbered_event(1), numbered_event(1)});
    REQUIRE(same.receipts.size() == 2);
    CHECK(same.receipts[0] == idem::receipt{numbered_id(1), outcome::appended, 1, 0});
    CHECK(same.receipts[1] == idem::receipt{numbered_id(1), outcome::duplicate, 1, 0});

    idem::event other = numbered_event(2);
    other.type = "Other";
    const auto conflict = store.append({numbered_event(2), other});
    CHECK(conflict.outcome() == outcome::id_conflict);
    CHECK(conflict.rejection->index == 1);
    CHECK(conflict.rejection->field == "type");
    CHECK(store.head() == 1);
}

TEST_CASE("a redelivery in another cut appends the new events in order") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append({numbered_event(1), numbered_event(2)});
    const auto result =
        store.append({numbered_event(3), numbered_event(2), numbered_event(4), numbered_event(1)});
    REQUIRE(result.receipts.size() == 4);
    CHECK(result.receipts[0] == idem::receipt{numbered_id(3), outcome::appended, 3, 2});
    CHECK(result.receipts[1] == idem::receipt{numbered_id(2), outcome::duplicate, 2, 1});
    CHECK(result.receipts[2] == idem::receipt{numbered_id(4), outcome::appended, 4, 3});
    CHECK(result.receipts[3] == idem::receipt{numbered_id(1), outcome::duplicate, 1, 0});
}

TEST_CASE("one conflict rejects the whole batch, whatever it expects") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_event(1));
    idem::event other = numbered_event(1);
    other.data = "{}";
    CHECK(store.append({numbered_event(2), other}).outcome() == outcome::id_conflict);
    CHECK(store.append({numbered_event(2), other}, expected_revision::exactly(0)).outcome() ==
          outcome::id_conflict);
    CHECK(store.head() == 1);
}

TEST_CASE("an empty batch is a no-op") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto result = store.append(std::span<const idem::event>{});
    CHECK(result.accepted());
    CHECK(result.receipts.empty());
    CHECK(store.head() == 0);
}

TEST_CASE("a batch over its limit burns no position") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i <= idem::limits::batch_events_max; ++i) {
        batch.push_back(numbered_event(i));
    }
    try {
        store.append(batch, expected_revision::no_stream());
        FAIL("accepted");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        CHECK(e.place().field == "batch");
    }
    const auto small = store.append(numbered_event(0), expected_revision::no_stream());
    REQUIRE(small.accepted());
    CHECK(small.receipts[0].position == 1);
}

TEST_CASE("invalid input names the event and the field, and writes nothing") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::string long_name(idem::limits::name_bytes_max + 1, 'x');
    const auto refused = [&](const char* field, auto change) {
        CAPTURE(field);
        idem::event bad = numbered_event(2);
        change(bad);
        try {
            store.append({numbered_event(1), bad});
            FAIL("accepted");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::invalid_input);
            CHECK(e.place().index == 1);
            CHECK(e.place().field == field);
        }
        CHECK(store.head() == 0);
    };
    refused("id", [](auto& e) { e.id = idem::uuid::nil(); });
    refused("id", [](auto& e) { e.id = idem::uuid::max(); });
    refused("stream", [](auto& e) { e.stream.clear(); });
    refused("stream", [&](auto& e) { e.stream = long_name; });
    refused("stream", [](auto& e) { e.stream = "a\xff"; });
    refused("stream", [](auto& e) { e.stream = std::string("a\0b", 3); });
    refused("type", [](auto& e) { e.type.clear(); });
    refused("type", [](auto& e) { e.type = "a\nb"; });
    refused("content_type", [](auto& e) { e.content_type.clear(); });
    refused("data", [](auto& e) { e.data = "{\"a\":}"; });
    refused("data", [](auto& e) { e.data.assign(idem::limits::event_bytes_max + 1, ' '); });
    refused("tags", [](auto& e) { e.tags = {"a,b"}; });
    refused("tags", [](auto& e) { e.tags = {""}; });
    refused("tags", [](auto& e) { e.tags.assign(idem::limits::tags_max + 1, "t"); });
    refused("correlation_id", [&](auto& e) { e.correlation_id = long_name; });
    refused("causation_id", [](auto& e) { e.causation_id = "\x80"; });
    refused("metadata", [](auto& e) { e.metadata = {{"", "x"}}; });
    refused("metadata", [](auto& e) { e.metadata = {{"k", std::string(5000, 'v')}}; });
    refused("metadata", [](auto& e) { e.metadata = {{"k", "\xc0\x80"}}; });
}

TEST_CASE("an expected revision holds for one stream") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    CHECK_THROWS_AS(store.append({numbered_event(1), numbered_event(2, "other")},
                                 expected_revision::no_stream()),
                    idem::error);
    CHECK(store.append({numbered_event(1), numbered_event(2, "other")}).accepted());
    CHECK(events_in(store, "other") == 1);
}

TEST_CASE("many threads race the same ids: each is appended once, the others get its receipt") {
    constexpr int threads = 64;
    constexpr std::uint64_t ids = 1000;
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<std::vector<idem::receipt>> receipts(threads);
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < ids;) {  // cut differently by each thread
                std::vector<idem::event> batch;
                const std::uint64_t size = 17 + static_cast<std::uint64_t>(t) % 40;
                for (; batch.size() < size && i < ids; ++i) {
                    const std::uint64_t number = (i + static_cast<std::uint64_t>(t) * 31) % ids;
                    batch.push_back(numbered_event(number, "s" + std::to_string(number % 7)));
                }
                for (auto& r : store.append(batch).receipts) receipts[t].push_back(r);
            }
        });
    }
    for (auto& thread : running) thread.join();
    CHECK(store.head() == ids);
    std::map<idem::uuid, std::uint64_t> position;
    std::uint64_t appended = 0;
    bool agree = true;
    for (const auto& of_thread : receipts) {
        CHECK(of_thread.size() == ids);
        for (const auto& r : of_thread) {
            appended += r.outcome == outcome::appended;
            agree = agree && position.emplace(r.id, r.position).first->second == r.position;
        }
    }
    CHECK(appended == ids);
    CHECK(agree);
}
