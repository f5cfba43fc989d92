// Data that is sealed, and erased: what can be read, what comes back, what is left on disk.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "idem/cloudevents.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/subjects.hpp"
#include "personal_events.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/folder_lock.hpp"
#include "storage/key_file.hpp"

namespace {

namespace fs = std::filesystem;
using idem::outcome;

bool holds(const fs::path& folder, const std::string& text) {
    return bytes_of(folder / "data.mdb").find(text) != std::string::npos ||
           bytes_of(folder / "subjects.keys").find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("data of a subject is read as it was given, and stands nowhere on disk") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    CHECK(store.append(personal(1, "c1")).outcome() == outcome::appended);
    idem::event big = personal(2, "c1");
    big.data = "\"" + std::string(50'000, 'x') + personal_name + "\"";
    CHECK(store.append({big, numbered_event(3)}).outcome() == outcome::appended);

    CHECK(store.at(1)->data == personal(1, "c1").data);
    CHECK(store.at(1)->data_subject == "c1");
    CHECK_FALSE(store.at(1)->erased);
    CHECK(store.find(numbered_id(2))->data == big.data);
    std::vector<std::string> seen;
    store.read({.stream = "customer-c1"},
               [&](const idem::event_view& e) { seen.emplace_back(e.data()); });
    CHECK(seen == std::vector<std::string>{personal(1, "c1").data, big.data});

    CHECK_FALSE(holds(folder, personal_name));
    struct stat facts {};
    REQUIRE(::stat((fs::path(folder) / "subjects.keys").c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777) == 0600);
    CHECK(store.append(personal(1, "c1")).outcome() == outcome::duplicate);
    idem::event other = personal(1, "c1");
    other.data = "{}";
    CHECK(store.append(other).rejection->field == "data");
    other = personal(1, "c2");
    other.stream = "customer-c1";
    CHECK(store.append(other).rejection->field == "data_subject");
    CHECK(idem::verify(folder).sound());
}

TEST_CASE("a store without data subjects has no file of keys") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append(numbered_event(1));
    CHECK_FALSE(fs::exists(fs::path(scratch / "s.idem") / "subjects.keys"));
}

TEST_CASE("an erased event keeps its place and nothing of its data, and never comes back") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    const auto check = [](idem::store& store) {
        const auto e = store.find(numbered_id(1));
        REQUIRE(e);
        CHECK(e->position == 1);
        CHECK(e->erased);
        CHECK_FALSE(e->sealed);
        CHECK(e->data.empty());
        CHECK(store.find(numbered_id(2))->data == personal(2, "c1").data);
        idem::event again = personal(1, "c1");
        for (const char* data : {again.data.c_str(), "{}", ""}) {
            again.data = data;
            const auto answer = store.append(again);
            REQUIRE(answer.rejection);
            CHECK(answer.rejection->outcome == outcome::erased);
            CHECK(answer.rejection->known.at(0).position == 1);
            CHECK(answer.rejection->message().find("erased") != std::string::npos);
        }
        again = numbered_event(1, "elsewhere");
        CHECK(store.append({numbered_event(77), again}).rejection->outcome == outcome::erased);
        CHECK_FALSE(store.find(numbered_id(77)));
    };
    {
        idem::store store(folder);
        store.append({personal(1, "c1"), personal(2, "c1")});
        const auto before = secrets(folder);
        CHECK(before.size() == 3);
        CHECK(store.erase(numbered_id(1)) == idem::erasure{3, false, 1});
        const auto after = secrets(folder);
        REQUIRE(after.size() == 2);
        int kept = 0;
        for (const auto& secret : before) kept += holds(folder, secret) ? 1 : 0;
        CHECK(kept == 2);
        CHECK(store.erase(numbered_id(1)) == idem::erasure{3, true, 1});
        check(store);
    }
    {
        idem::store store(folder);
        check(store);
        store.backup(scratch / "b.idem", {.with_keys = true});
    }
    idem::restore(scratch / "b.idem", scratch / "r.idem");
    idem::store restored(scratch / "r.idem");
    check(restored);
    CHECK(idem::verify(folder).sound());
}

TEST_CASE(
    "an erased subject takes all its events along, and new ones are refused till readmitted") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    store.append({personal(1, "c1"), personal(2, "c2"), personal(3, "c1")});
    CHECK(store.erase_subject("c1") == idem::erasure{4, false, 2});
    CHECK(store.erase_subject("c1") == idem::erasure{4, true, 2});
    CHECK(store.at(1)->erased);
    CHECK(store.at(2)->data == personal(2, "c2").data);
    CHECK(store.at(3)->erased);
    CHECK(store.append(personal(3, "c1")).outcome() == outcome::erased);

    const auto refused = store.append({personal(5, "c2"), personal(4, "c1")});
    REQUIRE(refused.rejection);
    CHECK(refused.rejection->outcome == outcome::erased);
    CHECK(refused.rejection->index == 1);
    CHECK(refused.rejection->field == "data_subject");
    CHECK(refused.rejection->message().find("c1") != std::string::npos);
    CHECK_FALSE(store.find(numbered_id(5)));

    const auto told = store.subjects();
    REQUIRE(told.size() == 2);
    CHECK(told[0] == idem::subject_info{"c1", 2, 2, 0, true});
    CHECK(told[1] == idem::subject_info{"c2", 1, 0, 0, false});

    CHECK(store.readmit_subject("c1"));
    CHECK_FALSE(store.readmit_subject("c1"));
    CHECK(store.append(personal(4, "c1")).outcome() == outcome::appended);
    CHECK(store.find(numbered_id(4))->data == personal(4, "c1").data);
    CHECK(store.at(1)->erased);
    CHECK_FALSE(store.erase_subject("c1").repeated);
    CHECK(store.find(numbered_id(4))->erased);
    CHECK(secrets(folder).size() == 5);  // the key of c2, and salts of no use
    CHECK(idem::verify(folder).sound());
}

TEST_CASE("what is not sealed cannot be erased, and who asks is told what to do") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append(numbered_event(1));
    CHECK_THROWS_WITH_AS(store.erase(numbered_id(1)), doctest::Contains("new store"), idem::error);
    CHECK_THROWS_AS(store.erase(numbered_id(2)), idem::error);
    CHECK_THROWS_AS(store.erase_subject(""), idem::error);
    idem::event said = numbered_event(5, "$erasures");
    CHECK_THROWS_AS(store.append(said), idem::error);
    said.type = "idem.EventErased";
    said.data = R"({"event":")" + to_string(numbered_id(1)) + "\"}";
    CHECK_THROWS_AS(store.append(said), idem::error);
    CHECK(store.head() == 1);
    // Of a subject that nobody has met: it is refused from now on.
    CHECK(store.erase_subject("c9") == idem::erasure{2, false, 0});
    CHECK(store.subjects() == std::vector{idem::subject_info{"c9", 0, 0, 0, true}});
    CHECK(store.append(personal(3, "c9")).outcome() == outcome::erased);
}

TEST_CASE("projections that had folded erased data are stale, and rebuilt without it") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    SUBCASE("inline") {
        store.run(last_data(), idem::projection_mode::inline_);
        store.append({personal(1, "c1"), personal(2, "c2")});
    }
    SUBCASE("by hand") {
        store.append({personal(1, "c1"), personal(2, "c2")});
        store.run(last_data(), idem::projection_mode::manual);
        store.catch_up("last");
    }
    CHECK(row_of(store, "customer-c1") == personal(1, "c1").data);
    store.erase_subject("c1");
    CHECK(store.find_projection("last")->stale.find("was erased at position 3") !=
          std::string::npos);
    CHECK_THROWS_AS(store.catch_up("last"), idem::error);
    CHECK(store.append(numbered_event(9)).outcome() == outcome::appended);  // it rests
    store.rebuild(last_data());
    CHECK(store.find_projection("last")->stale.empty());
    CHECK(row_of(store, "customer-c1").empty());
    CHECK(row_of(store, "customer-c2") == personal(2, "c2").data);
    CHECK(store.check_projection(last_data()).empty());
    store.append(personal(4, "c2"));
    store.catch_up("last");
    CHECK(row_of(store, "customer-c2") == personal(4, "c2").data);
    store.erase(numbered_id(4));
    CHECK(store.find_projection("last")->stale.find("was erased at position 6") !=
          std::string::npos);
}

TEST_CASE("a projection that had not come to the data is not stale") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append(numbered_event(1));
    store.run(last_data(), idem::projection_mode::manual);
    store.catch_up("last");
    store.append(personal(2, "c1"));
    store.erase_subject("c1");
    CHECK(store.catch_up("last") == 3);
    CHECK(row_of(store, "customer-c1").empty());
    CHECK(row_of(store, "stream") == numbered_event(1).data);
}

TEST_CASE("folds of streams and looks at the past forget what was erased") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    std::vector<idem::event> batch;
    for (std::uint64_t i = 1; i <= 300; ++i) {
        batch.push_back(personal(i, i == 7 ? "c7" : "c1"));
        batch.back().stream = "one";
    }
    store.append(batch);
    const idem::stream_fold<std::string> longest{
        .name = "names", .apply = [](std::string row, const idem::event_view& e) {
            return row + std::string(e.data_subject());
        }};
    CHECK(store.fold(longest, "one").value.find("c7") != std::string::npos);
    CHECK(store.keep_checkpoint(last_data(), 100));
    CHECK(store.checkpoints().size() == 1);
    store.erase(numbered_id(7));
    CHECK(store.checkpoints().empty());
    const auto folded = store.fold(longest, "one");
    CHECK(folded.value.find("c7") == std::string::npos);
    CHECK(folded.revision == 299);
    CHECK(store.state_at(last_data(), 7).find("one").row == personal(6, "c1").data);
}

TEST_CASE("a rebuild that is under way when data is erased begins again without it") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append({personal(1, "c1"), personal(2, "c2"), personal(3, "c3")});
    int erased = 0;
    const auto erase_in = [&](idem::rebuild_progress::phase wanted, std::uint64_t number) {
        return [&store, &erased, wanted, number](const idem::rebuild_progress& p) {
            if (p.now == wanted) erased += store.erase(numbered_id(number)).repeated ? 0 : 1;
            return true;
        };
    };
    using phase = idem::rebuild_progress::phase;
    store.rebuild(last_data(), {.progress = erase_in(phase::replay, 1)});
    CHECK(row_of(store, "customer-c1").empty());
    store.rebuild(last_data(), {.progress = erase_in(phase::catch_up, 2)});
    CHECK(row_of(store, "customer-c2").empty());
    CHECK(row_of(store, "customer-c3") == personal(3, "c3").data);
    CHECK(erased == 2);
    // One that stopped half way is not gone on with, and what it had of the data is gone.
    const auto leftovers = [&scratch] {
        std::vector<std::filesystem::path> found;
        for (const auto& entry : std::filesystem::directory_iterator(scratch / "s.idem")) {
            if (entry.path().filename().string().starts_with("rebuild-")) found.push_back(entry);
        }
        return found;
    };
    const auto stop = [](const idem::rebuild_progress& p) { return p.now == phase::replay; };
    store.rebuild(last_data(), {.progress = stop});
    REQUIRE(leftovers().size() == 1);
    CHECK(bytes_of(leftovers().front() / "data.mdb").find(personal_name) != std::string::npos);
    {
        const auto held = idem::storage::folder_lock::take(leftovers().front());
        REQUIRE(held);
        store.append(personal(4, "c4"));
        store.erase(numbered_id(4));
        CHECK(leftovers().size() == 1);  // somebody is at work there
    }
    store.erase(numbered_id(3));
    CHECK(leftovers().empty());
    store.rebuild(last_data());
    CHECK(row_of(store, "customer-c3").empty());
    CHECK(store.find_projection("last")->stale.empty());
}

TEST_CASE("a rebuild that stops after data was erased leaves none of it behind") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append({personal(1, "c1"), personal(2, "c2")});
    const auto erase_and = [&store](std::uint64_t number, bool fail) {
        return [&store, number, fail](const idem::rebuild_progress& p) {
            if (p.now != idem::rebuild_progress::phase::replay || p.position < p.whole) return true;
            store.erase(numbered_id(number));
            if (fail) throw std::runtime_error("told to");
            return false;
        };
    };
    const auto folders_left = [&scratch] {
        std::size_t found = 0;
        for (const auto& entry : std::filesystem::directory_iterator(scratch / "s.idem")) {
            found += entry.path().filename().string().starts_with("rebuild-") ? 1 : 0;
        }
        return found;
    };
    CHECK_FALSE(store.rebuild(last_data(), {.progress = erase_and(1, false)}).complete);
    CHECK(folders_left() == 0);
    CHECK_THROWS_AS(store.rebuild(last_data(), {.progress = erase_and(2, true)}),
                    std::runtime_error);
    CHECK(folders_left() == 0);
    store.append(personal(3, "c3"));
    store.rebuild(last_data());
    CHECK(row_of(store, "customer-c1").empty());
    CHECK(row_of(store, "customer-c3") == personal(3, "c3").data);
}
