// Data that is sealed, and erased: what can be read, what comes back, what is left on disk.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "idem/cloudevents.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/subjects.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/key_file.hpp"

namespace {

namespace fs = std::filesystem;
using idem::outcome;

idem::event personal(std::uint64_t number, const std::string& subject) {
    idem::event e = numbered_event(number, "customer-" + subject);
    e.data_subject = subject;
    e.data = R"({"name":"Wilhelmina Nightingale","number":)" + std::to_string(number) + "}";
    return e;
}

std::string bytes_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool holds(const fs::path& folder, const std::string& text) {
    return bytes_of(folder / "data.mdb").find(text) != std::string::npos ||
           bytes_of(folder / "subjects.keys").find(text) != std::string::npos;
}

// The secrets of all slots of the file that have one.
std::vector<std::string> secrets(const fs::path& folder) {
    const std::string bytes = bytes_of(folder / "subjects.keys");
    std::vector<std::string> found;
    for (std::size_t at = 64; at + 64 <= bytes.size(); at += 64) {
        const std::string secret = bytes.substr(at + 24, 32);
        if (secret.find_first_not_of('\0') != std::string::npos) found.push_back(secret);
    }
    return found;
}

void damage(const fs::path& file, std::size_t offset) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(out.get() ^ 1);
    out.seekp(static_cast<std::streamoff>(offset));
    out.put(byte);
}

// The last data of each stream.
idem::projection last_data(const std::string& name = "last") {
    idem::projection p;
    p.name = name;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        table.put(e.stream(), e.data());
    };
    return p;
}

std::string row_of(const idem::store& store, const std::string& stream) {
    return store.state("last").find(stream).row.value_or("");
}

std::string export_lines(const idem::store& store) {
    std::string lines;
    store.read({}, [&](const idem::event_view& e) {
        idem::append_cloudevent(e, lines);
        lines += "\n";
    });
    return lines;
}

std::vector<outcome> import_lines(idem::store& store, const std::string& lines) {
    std::vector<outcome> outcomes;
    std::size_t at = 0;
    for (std::size_t end; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) {
        const auto e = idem::parse_cloudevent(lines.substr(at, end - at));
        outcomes.push_back(store.append(e).outcome());
    }
    return outcomes;
}

constexpr auto name = "Wilhelmina Nightingale";

}  // namespace

TEST_CASE("data of a subject is read as it was given, and stands nowhere on disk") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    CHECK(store.append(personal(1, "c1")).outcome() == outcome::appended);
    idem::event big = personal(2, "c1");
    big.data = "\"" + std::string(50'000, 'x') + name + "\"";
    CHECK(store.append({big, numbered_event(3)}).outcome() == outcome::appended);

    CHECK(store.at(1)->data == personal(1, "c1").data);
    CHECK(store.at(1)->data_subject == "c1");
    CHECK_FALSE(store.at(1)->erased);
    CHECK(store.find(numbered_id(2))->data == big.data);
    std::vector<std::string> seen;
    store.read({.stream = "customer-c1"},
               [&](const idem::event_view& e) { seen.emplace_back(e.data()); });
    CHECK(seen == std::vector<std::string>{personal(1, "c1").data, big.data});

    CHECK_FALSE(holds(folder, name));
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
        CHECK(store.erase(numbered_id(1)) == idem::erasure{3, false});
        const auto after = secrets(folder);
        REQUIRE(after.size() == 2);
        int kept = 0;
        for (const auto& secret : before) kept += holds(folder, secret) ? 1 : 0;
        CHECK(kept == 2);
        CHECK(store.erase(numbered_id(1)) == idem::erasure{3, true});
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
    CHECK(store.erase_subject("c1") == idem::erasure{4, false});
    CHECK(store.erase_subject("c1") == idem::erasure{4, true});
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
    CHECK(store.erase_subject("c9").position == 2);
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

TEST_CASE("an erasure travels with an export, and destroys the key where it comes") {
    const scratch_folder scratch;
    idem::store here(scratch / "here.idem");
    idem::store there(scratch / "there.idem");
    here.append({personal(1, "c1"), personal(2, "c2"), personal(3, "c3")});
    import_lines(there, export_lines(here));
    CHECK(there.find(numbered_id(1))->data == personal(1, "c1").data);
    here.erase(numbered_id(1));
    here.erase_subject("c2");

    const std::string lines = export_lines(here);
    CHECK(lines.find(R"("erased":true)") != std::string::npos);
    CHECK(secrets(scratch / "there.idem").size() == 6);
    const std::vector<outcome> once{outcome::duplicate, outcome::duplicate, outcome::duplicate,
                                    outcome::appended, outcome::appended};
    CHECK(import_lines(there, lines) == once);
    CHECK(there.find(numbered_id(1))->erased);
    CHECK(there.find(numbered_id(2))->erased);
    CHECK(there.find(numbered_id(3))->data == personal(3, "c3").data);
    CHECK(secrets(scratch / "there.idem").size() == 4);
    CHECK(import_lines(there, lines) == std::vector(5, outcome::duplicate));

    idem::store fresh(scratch / "fresh.idem");
    CHECK(import_lines(fresh, lines) == std::vector(5, outcome::appended));
    CHECK(fresh.find(numbered_id(1))->erased);
    CHECK(fresh.append(personal(1, "c1")).outcome() == outcome::erased);
    CHECK(fresh.append(personal(2, "c2")).outcome() == outcome::erased);
    CHECK(fresh.append(personal(3, "c3")).outcome() == outcome::duplicate);
    CHECK(import_lines(fresh, lines) == std::vector(5, outcome::duplicate));
    CHECK(idem::verify(scratch / "fresh.idem").sound());

    // The erasure first, and then what it names.
    idem::store late(scratch / "late.idem");
    late.append({*here.at(4), *here.at(5)});
    CHECK(late.append(personal(1, "c1")).outcome() == outcome::erased);
    CHECK(late.append(personal(2, "c2")).outcome() == outcome::erased);
    CHECK(late.append(*here.at(1)).outcome() == outcome::appended);
}

TEST_CASE("a copy without keys says that the data is not here, and goes on") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    store.append({personal(1, "c1"), numbered_event(2), personal(3, "c2")});
    store.erase(numbered_id(3));
    store.backup(scratch / "b.idem");
    CHECK_FALSE(fs::exists(fs::path(scratch / "b.idem") / "subjects.keys"));
    idem::restore(scratch / "b.idem", scratch / "r.idem");

    idem::store copy(scratch / "r.idem");
    CHECK(copy.at(1)->sealed);
    CHECK_FALSE(copy.at(1)->erased);
    CHECK(copy.at(1)->data.empty());
    CHECK(copy.at(3)->erased);
    CHECK(copy.append(personal(1, "c1")).outcome() == outcome::duplicate);
    CHECK(copy.append(personal(3, "c2")).outcome() == outcome::erased);
    CHECK(copy.append(personal(4, "c1")).outcome() == outcome::appended);
    CHECK(copy.find(numbered_id(4))->data == personal(4, "c1").data);
    CHECK(copy.at(1)->sealed);
    CHECK(copy.subjects().at(0) == idem::subject_info{"c1", 2, 0, 1, false});
    copy.run(last_data(), idem::projection_mode::manual);
    copy.catch_up("last");
    CHECK(row_of(copy, "customer-c1") == personal(4, "c1").data);
    CHECK(idem::verify(scratch / "r.idem").sound());
    // What is not here cannot be appended elsewhere.
    idem::store other(scratch / "o.idem");
    CHECK_THROWS_WITH_AS(other.append(*copy.at(1)), doctest::Contains("--with-data"), idem::error);
}

TEST_CASE("a damaged file of keys is named, and never taken for an erasure") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    const fs::path keys = fs::path(folder) / "subjects.keys";
    {
        idem::store store(folder);
        store.append({personal(1, "c1"), personal(2, "c2")});
    }
    SUBCASE("in a slot") {
        damage(keys, 2 * 64 + 30);
    }
    SUBCASE("in its head") {
        damage(keys, 3);
    }
    SUBCASE("not ours") {
        std::ofstream(keys) << "something else";
    }
    SUBCASE("another secret, as if it were sound") {
        idem::storage::key_file file(folder);
        auto slot = file.read(2);
        REQUIRE(slot.is == idem::storage::key_slot::state::event);
        slot.secret[5] ^= 1;
        file.write(2, {&slot, 1});
    }
    idem::store store(folder);
    CHECK_THROWS_WITH_AS(store.at(1), doctest::Contains("subjects.keys"), idem::error);
    CHECK_THROWS_WITH_AS(store.read({}, [](const idem::event_view&) {}),
                         doctest::Contains("subjects.keys"), idem::error);
    const auto report = idem::verify(folder);
    REQUIRE_FALSE(report.sound());
    CHECK(report.findings[0].message.find("subjects.keys") != std::string::npos);
}

TEST_CASE("16 threads that meet a subject at once share one key") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 16; ++t) {
        threads.emplace_back([&store, t] {
            for (std::uint64_t i = 0; i < 10; ++i) store.append(personal(t * 100 + i, "c1"));
        });
    }
    for (auto& t : threads) t.join();
    CHECK(store.head() == 160);
    CHECK(secrets(folder).size() == 161);
    store.read({}, [](const idem::event_view& e) {
        CHECK(e.data().find(name) != std::string_view::npos);
    });
    store.erase_subject("c1");
    store.read({.to = 160}, [](const idem::event_view& e) { CHECK(e.erased()); });
}

TEST_CASE("what a crash has left of a key is destroyed by the next that opens the store") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    const fs::path keys = fs::path(folder) / "subjects.keys";
    std::string before;
    {
        idem::store store(folder);
        store.append({personal(1, "c1"), personal(2, "c2")});
        before = bytes_of(keys);
        store.erase_subject("c1");
    }
    // As if the process had died between the commit and the destruction.
    std::ofstream(keys, std::ios::binary) << before;
    {
        const auto env = idem::storage::environment::open(folder, {});
        idem::storage::write(*env, [](idem::storage::write_transaction& txn) {
            const auto table = txn.open_table("subjects");
            idem::subject_rows::add_pending(txn, table, 1);
        });
    }
    {
        idem::store store(folder, {.read_only = true});
        CHECK(store.at(1)->erased);
        CHECK(store.at(2)->data == personal(2, "c2").data);
    }
    CHECK(secrets(folder).size() == 4);
    CHECK(idem::store(folder).at(1)->erased);
    CHECK(secrets(folder).size() == 3);
}

TEST_CASE("folds on many threads see sealed data, and not what was erased") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem", {.replay_threads = 4});
    const idem::projection fold =
        idem::keyed_fold<std::string, std::string>("by_stream")
            .on(
                "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
                [](std::string row, const idem::event_view& e) {
                    return row + std::string(e.data().substr(0, 50));
                });
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < 5000; ++i) {
        batch.push_back(personal(i, "c" + std::to_string(i % 7)));
        if (i % 3 == 0) batch.back().data_subject.clear();
    }
    store.append(batch);
    const auto whole = store.replay(fold);
    std::string expected;
    for (std::uint64_t i = 4; i < 5000; i += 7) expected += batch[i].data.substr(0, 50);
    CHECK(whole.find("customer-c4").row == expected);
    store.erase_subject("c4");
    expected.clear();
    for (std::uint64_t i = 4; i < 5000; i += 7) {
        if (i % 3 == 0) expected += batch[i].data.substr(0, 50);
    }
    CHECK(store.replay(fold).find("customer-c4").row == expected);
}

TEST_CASE("an old file of keys that is put back brings nothing back to life") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    const fs::path keys = fs::path(folder) / "subjects.keys";
    idem::store store(folder);
    store.append({personal(1, "c1"), personal(2, "c2"), personal(3, "c3")});
    const std::string before = bytes_of(keys);
    store.erase_subject("c1");
    store.erase(numbered_id(2));
    std::ofstream(keys, std::ios::binary) << before;
    CHECK(store.at(1)->erased);
    CHECK(store.at(2)->erased);
    CHECK(store.at(3)->data == personal(3, "c3").data);
    CHECK(store.append(personal(1, "c1")).outcome() == outcome::erased);
    const auto report = idem::verify(folder);
    REQUIRE(report.findings.size() == 2);
    CHECK(report.findings[0].kind == "key_left");
    CHECK(store.erase_subject("c1").repeated);
    CHECK(store.erase(numbered_id(2)).repeated);
    CHECK(secrets(folder).size() == 4);
    CHECK(idem::verify(folder).sound());
}
