// Where erasures and keys go: exports, copies, damaged and old files, crashes, many threads.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
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
#include "storage/key_file.hpp"
#include "storage/storage.hpp"

namespace {

namespace fs = std::filesystem;
using idem::outcome;

void damage(const fs::path& file, std::size_t offset) {
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(out.get() ^ 1);
    out.seekp(static_cast<std::streamoff>(offset));
    out.put(byte);
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

}  // namespace

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

TEST_CASE("a file of keys that was cut off is found out") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    {
        idem::store store(path);
        store.append({personal(1, "c1"), personal(2, "c2"), personal(3, "c3")});
    }
    REQUIRE(idem::verify(path).sound());
    fs::resize_file(path / "subjects.keys", fs::file_size(path / "subjects.keys") - 64);
    const auto report = idem::verify(path);
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == "seal_damaged");
    fs::resize_file(path / "subjects.keys", 63);
    const auto headless = idem::verify(path);
    CHECK(headless.complete);
    CHECK(headless.findings.size() == 4);  // each event, and the file
    fs::remove(path / "subjects.keys");    // as of a copy without keys
    CHECK(idem::verify(path).sound());
}

TEST_CASE("each row of the table of data subjects is held against the log") {
    namespace rows = idem::subject_rows;
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    {
        idem::store store(path);
        std::vector<idem::event> batch;
        for (std::uint64_t n = 1; n <= 6; ++n) {
            batch.push_back(personal(n, "c" + std::to_string(n % 3)));
        }
        store.append(batch);
        store.erase(numbered_id(2));
        store.erase_subject("c1");
        store.append(personal(7, "c2"));
        store.erase_subject("c0");
        store.readmit_subject("c0");
        store.append({personal(8, "c0"), personal(9, "c0")});
        store.erase_subject("nobody");
    }
    REQUIRE(idem::verify(path).sound());
    using change = std::function<void(idem::storage::write_transaction&, idem::storage::table)>;
    const std::vector<std::pair<std::string, change>> changes = {
        {"a subject is taken for readmitted",
         [](auto& txn, auto t) {
             rows::put_erasure(txn, t, "c1", {8, 9, 0, 0});
         }},
        {"another is taken for erased",
         [](auto& txn, auto t) {
             rows::put_erasure(txn, t, "c2", {8, 0, 0, 1});
         }},
        {"at another position",
         [](auto& txn, auto t) {
             rows::put_erasure(txn, t, "nobody", {1, 0, 0, 1});
         }},
        {"an event is taken for erased",
         [](auto& txn, auto t) { rows::put_erasure(txn, t, numbered_id(5), 9); }},
        {"an erasure is forgotten",
         [](auto& txn, auto t) { rows::put_erasure(txn, t, numbered_id(2), 0); }},
        {"a key is forgotten", [](auto& txn, auto t) { rows::drop_key(txn, t, "c2"); }},
        {"a key is said to begin later",
         [](auto& txn, auto t) {
             auto key = rows::key_of(txn, t, "c2").value();
             key.first = 9;
             rows::put_key(txn, t, "c2", key);
         }},
        {"a key in use is to be destroyed",
         [](auto& txn, auto t) { rows::add_pending(txn, t, rows::key_of(txn, t, "c2")->slot); }},
        {"slots are given again", [](auto& txn, auto t) { rows::put_next_slot(txn, t, 3); }},
        {"the last erasure is forgotten",
         [](auto& txn, auto t) { rows::put_last_erasure(txn, t, 7); }},
    };
    for (const auto& [what, apply] : changes) {
        CAPTURE(what);
        const auto copy = folder / "copy.idem";
        fs::copy(path, copy);
        {
            const auto env = idem::storage::environment::open(copy, {});
            idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
                apply(txn, txn.open_table(rows::table_name));
            });
        }
        const auto report = idem::verify(copy);
        CHECK(std::any_of(report.findings.begin(), report.findings.end(), [](const auto& f) {
            return f.kind == "table_mismatch" && f.subject == "subjects";
        }));
        fs::remove_all(copy);
    }
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
        CHECK(e.data().find(personal_name) != std::string_view::npos);
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

TEST_CASE("a readmitted subject that is erased again loses keys that somebody has put back too") {
    const scratch_folder scratch;
    const auto folder = scratch / "s.idem";
    idem::store store(folder);
    store.append({personal(1, "c1"), personal(2, "c2")});
    const auto keys = fs::path(folder) / "subjects.keys";
    const std::string before = bytes_of(keys);
    CHECK(store.erase_subject("c1").events == 1);
    CHECK(store.readmit_subject("c1"));
    SUBCASE("nothing has come since") {}
    SUBCASE("events have come since, under a new key") {
        store.append(personal(3, "c1"));
        std::string both = bytes_of(keys);
        both.replace(0, before.size(), before);
        std::ofstream(keys, std::ios::binary) << both;
    }
    if (store.head() == 4) std::ofstream(keys, std::ios::binary) << before;
    REQUIRE_FALSE(idem::verify(folder).sound());
    const auto again = store.erase_subject("c1");
    CHECK_FALSE(again.repeated);
    CHECK(again.events == (store.head() == 5 ? 1 : 2));
    for (const auto& finding : idem::verify(folder).findings) FAIL_CHECK(finding.message);
    CHECK(store.at(2)->data == personal(2, "c2").data);
}

TEST_CASE("a copy without keys has nothing that was folded from sealed data, and with them all") {
    const scratch_folder scratch;
    const std::string folder = scratch / "s.idem";
    const idem::stream_fold<std::string> latest{
        .name = "latest",
        .apply = [](std::string, const idem::event_view& e) { return std::string(e.data()); }};
    {
        idem::store store(folder);
        store.run(last_data(), idem::projection_mode::inline_);
        std::vector<idem::event> batch{numbered_event(1000)};
        for (std::uint64_t i = 1; i <= 300; ++i) batch.push_back(personal(i, "c1"));
        store.append(batch);
        CHECK(store.keep_checkpoint(last_data(), 200));
        CHECK(store.fold(latest, "customer-c1").value == personal(300, "c1").data);
        store.rebuild(last_data("other"), {.progress = [](const idem::rebuild_progress& p) {
                          return p.now != idem::rebuild_progress::phase::catch_up;
                      }});
        REQUIRE(bytes_of(fs::path(folder) / "data.mdb").find(personal_name) != std::string::npos);
        store.backup(scratch / "b.idem");
        store.backup(scratch / "k.idem", {.with_keys = true});
        CHECK_FALSE(store.keys_missing());
    }
    const fs::path copied = scratch / "b.idem";
    CHECK(bytes_of(copied / "data.mdb").find(personal_name) == std::string::npos);
    for (const auto& entry : fs::directory_iterator(copied.parent_path())) {
        CHECK(entry.path().filename().string().find("unfinished") == std::string::npos);
    }
    CHECK(idem::verify(copied).sound());
    {
        idem::store copy(copied);
        CHECK(copy.keys_missing());
        CHECK(copy.find_projection("last")->position == 0);
        CHECK(copy.checkpoints().empty());
    }
    fs::copy_file(fs::path(folder) / "subjects.keys", copied / "subjects.keys");
    idem::store copy(copied);
    CHECK_FALSE(copy.keys_missing());
    copy.run(last_data(), idem::projection_mode::inline_);
    CHECK(row_of(copy, "customer-c1") == personal(300, "c1").data);
    CHECK(copy.fold(latest, "customer-c1").value == personal(300, "c1").data);
    copy.append(personal(301, "c1"));
    CHECK(row_of(copy, "customer-c1") == personal(301, "c1").data);
    CHECK(row_of(idem::store(scratch / "k.idem"), "customer-c1") == personal(300, "c1").data);
}
