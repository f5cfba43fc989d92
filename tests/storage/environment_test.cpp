// The rules of living with LMDB, each with a test that fails without it.
#include <doctest/doctest.h>
#include <cstring>

#include <atomic>
#include <fstream>
#include <thread>

#include "child_process.hpp"
#include "keyed_texts.hpp"
#include "scratch_folder.hpp"
#include "storage/cursor.hpp"
#include "storage/file_watch.hpp"
#include "storage/handles.hpp"
#include "storage/storage.hpp"

using idem::errc;
namespace storage = idem::storage;

TEST_CASE("a second open in one process shares the environment, and the last owner closes it") {
    const scratch_folder folder;
    make(folder / "s");
    auto one = storage::environment::open(folder / "s", {});
    std::filesystem::create_directory_symlink(folder / "s", folder / "link");
    auto two = storage::environment::open(folder / "link", {});
    CHECK(one == two);
    CHECK(storage::environment::open(folder / "s", {.read_only = true}) == one);
    put(*one, "a", "1");
    one.reset();
    CHECK(get(*two, "a") == "1");
    two.reset();
    auto reader = storage::environment::open(folder / "s", {.read_only = true});
    CHECK(code_of([&] { storage::environment::open(folder / "s", {}); }) == errc::busy);
    CHECK(code_of([&] { put(*reader, "a", "2"); }) == errc::read_only);
    reader.reset();
    CHECK(get(*storage::environment::open(folder / "s", {}), "a") == "1");
}

TEST_CASE("threads that open and close at once never have the file open twice") {
    const scratch_folder folder;
    make(folder / "s");
    std::atomic<int> written = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 100; ++i) {
                const auto env = storage::environment::open(folder / "s", {});
                storage::write(*env, [&](storage::write_transaction& txn) {
                    const auto table = txn.open_table("t");
                    const auto before = txn.get(table, "n");
                    txn.put(table, "n",
                            std::to_string(before ? std::stoi(std::string(*before)) + 1 : 1));
                });
                ++written;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(get(*storage::environment::open(folder / "s", {}), "n") == std::to_string(written));
}

TEST_CASE("an environment is of the process that opened it; a child opens its own") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    get(*env, "made");
    const child_process child([&] {
        if (code_of([&] { get(*env, "made"); }) != errc::forked) return 1;
        if (code_of([&] { put(*env, "a", "child"); }) != errc::forked) return 2;
        if (code_of([&] { env->check_usable(); }) != errc::forked) return 4;
        const auto own = storage::environment::open(folder / "s", {});
        if (own == env) return 3;
        put(*own, "a", "own");
        return 0;
    });
    CHECK(child.wait() == 0);
    CHECK(get(*env, "a") == "own");
    put(*env, "b", "parent");  // the locks still stand
    CHECK(get(*env, "b") == "parent");
}

TEST_CASE("the reader slot of a process that died is reclaimed") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    const child_process child([&] {
        const auto own = storage::environment::open(folder / "s", {});
        const storage::read_transaction inside(*own);
        ::_exit(0);  // dies inside of it
        return 1;
    });
    CHECK(child.wait() == 0);
    CHECK(env->reclaim_readers() == 1);
    CHECK(env->reclaim_readers() == 0);
}

TEST_CASE("slots of dead processes are reclaimed before a reader is refused") {
    const scratch_folder folder;
    make(folder / "s");
    const storage::environment_options few{.reader_slots = 4};
    for (int i = 0; i < 6; ++i) {
        const child_process child([&] {
            const auto own = storage::environment::open(folder / "s", few);
            const storage::read_transaction inside(*own);
            ::_exit(0);
            return 1;
        });
        CHECK(child.wait() == 0);
    }
    const auto env = storage::environment::open(folder / "s", few);
    std::vector<std::unique_ptr<storage::read_transaction>> readers;
    const auto code = code_of([&] {
        for (int i = 0; i < 200; ++i) {
            readers.push_back(std::make_unique<storage::read_transaction>(*env));
        }
    });
    CHECK(code == errc::too_many_readers);
    readers.pop_back();
    CHECK_NOTHROW(storage::read_transaction(*env).id());
}

TEST_CASE("the map grows when it is full, and what was being written is written again") {
    const scratch_folder folder;
    make(folder / "s", {.map_bytes = 1 << 20});
    const auto env = storage::environment::open(folder / "s", {.map_bytes = 1 << 20});
    const std::string large(1000, 'x');
    int runs = 0;
    storage::write(*env, [&](storage::write_transaction& txn) {
        ++runs;
        const auto table = txn.open_table("t");
        for (int i = 0; i < 5000; ++i) txn.put(table, "k" + std::to_string(i), large);
    });
    CHECK(runs > 1);
    CHECK(env->stats().map_bytes >= 8 << 20);
    CHECK(get(*env, "k4999") == large);
}

TEST_CASE("the map does not change under a live read, on this thread or another") {
    const scratch_folder folder;
    make(folder / "s", {.map_bytes = 1 << 20});
    const auto env = storage::environment::open(folder / "s", {.map_bytes = 1 << 20});
    const auto table = env->find_table("t");
    {
        const storage::read_transaction txn(*env);
        CHECK(code_of([&] { env->grow(); }) == errc::busy);
        CHECK(txn.get(*table, "made") == "yes");
    }
    // A reader on another thread: growth waits for it, and its view stays good until it ends.
    std::atomic<bool> reading = false;
    std::atomic<bool> release = false;
    std::thread reader([&] {
        const storage::read_transaction txn(*env);
        const auto view = *txn.get(*table, "made");
        reading = true;
        reading.notify_all();
        release.wait(false);
        CHECK(view == "yes");
    });
    reading.wait(false);
    std::thread grower([&] { env->grow(); });
    release = true;
    release.notify_all();
    grower.join();
    reader.join();
    CHECK(env->stats().map_bytes == 2 << 20);
}

TEST_CASE("a map that another process has grown is taken over") {
    const scratch_folder folder;
    make(folder / "s", {.map_bytes = 1 << 20});
    const auto env = storage::environment::open(folder / "s", {.map_bytes = 1 << 20});
    get(*env, "made");
    const child_process child([&] {
        const auto own = storage::environment::open(folder / "s", {.map_bytes = 64 << 20});
        for (int i = 0; i < 100; ++i) put(*own, "k" + std::to_string(i), std::string(100'000, 'x'));
        return 0;
    });
    CHECK(child.wait() == 0);
    CHECK(get(*env, "k99").size() == 100'000);
    put(*env, "after", "1");
    CHECK(get(*env, "after") == "1");
}

TEST_CASE("a table that was sought in vain is found once another process has made it") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    for (int n = 0; n < 3; ++n) CHECK_FALSE(env->find_table("late"));
    const auto made_by_another = [&](const char* name) {
        const child_process child([&] {
            const auto own = storage::environment::open(folder / "s", {});
            storage::write(*own, [&](storage::write_transaction& txn) { txn.open_table(name); });
            return 0;
        });
        return child.wait() == 0;
    };
    CHECK(made_by_another("other"));
    CHECK_FALSE(env->find_table("late"));
    CHECK(made_by_another("late"));
    CHECK(env->find_table("late"));
    for (int n = 0; n < 200; ++n) CHECK_FALSE(env->find_table("none" + std::to_string(n)));
    CHECK_FALSE(env->find_table("own"));
    storage::write(*env, [&](storage::write_transaction& txn) { txn.open_table("own"); });
    CHECK(env->find_table("own"));
}

TEST_CASE("network and user-space file systems are told apart from local ones") {
    CHECK(storage::is_network_file_system(0x6969));      // NFS
    CHECK(storage::is_network_file_system(0xff534d42));  // CIFS
    CHECK(storage::is_network_file_system(static_cast<long>(static_cast<int>(0xff534d42))));
    CHECK(storage::is_network_file_system(0x65735546));        // FUSE
    CHECK_FALSE(storage::is_network_file_system(0xef53));      // ext4
    CHECK_FALSE(storage::is_network_file_system(0x58465342));  // XFS
    CHECK_FALSE(storage::is_network_file_system(0x9123683e));  // Btrfs
    CHECK_FALSE(storage::is_network_file_system(0x01021994));  // tmpfs
    CHECK_FALSE(storage::is_network_file_system(0x794c7630));  // overlayfs
}

TEST_CASE("a user who may only read opens read-only, and is told so otherwise") {
    if (::geteuid() != 0) return;  // only root can become somebody else
    const scratch_folder folder;
    make(folder / "s");
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    std::filesystem::permissions(folder / "s", std::filesystem::perms(0555));
    const child_process child([&] {
        if (::setegid(65534) != 0 || ::seteuid(65534) != 0) return 1;
        const auto code = code_of([&] { storage::environment::open(folder / "s", {}); });
        if (code != errc::permission_denied) return 2;
        const auto env = storage::environment::open(folder / "s", {.read_only = true});
        return get(*env, "made") == "yes" ? 0 : 3;
    });
    CHECK(child.wait() == 0);
}

TEST_CASE("what is not an environment is refused by what it is") {
    const scratch_folder folder;
    CHECK(code_of([&] { storage::environment::open(folder / "none", {}); }) == errc::not_found);
    std::filesystem::create_directory(folder / "empty");
    CHECK(code_of([&] { storage::environment::open(folder / "empty", {}); }) == errc::not_a_store);
    std::ofstream(folder / "empty" / "data.mdb") << std::string(8192, 'x');
    CHECK(code_of([&] { storage::environment::open(folder / "empty", {}); }) == errc::not_a_store);
    CHECK(code_of([&] { make(folder / "no" / "parent"); }) == errc::not_found);
    std::ofstream(folder / "file") << "x";
    CHECK(code_of([&] { make(folder / "file"); }) == errc::not_a_store);
    make(folder / "empty2");
    CHECK_FALSE(storage::environment::create(folder / "empty2", {}, [](auto&) {}));
    // Nothing unfinished is left beside.
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
        CHECK(entry.path().string().find(".new-") == std::string::npos);
    }
}

TEST_CASE("a creation that fails leaves nothing") {
    const scratch_folder folder;
    CHECK_THROWS_AS(storage::environment::create(folder / "s", {},
                                                 [](auto&) { throw std::runtime_error("stop"); }),
                    std::runtime_error);
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("one thread has one write transaction") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    storage::write_transaction txn(*env);
    CHECK(code_of([&] { storage::write_transaction second(*env); }) == errc::busy);
}

TEST_CASE("a table made in a transaction that aborts is not there") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    {
        storage::write_transaction txn(*env);
        txn.put(txn.open_table("fresh"), "a", "1");
        CHECK(env->find_table("fresh"));
    }
    CHECK_FALSE(env->find_table("fresh"));
    storage::write(
        *env, [](storage::write_transaction& txn) { txn.put(txn.open_table("fresh"), "a", "2"); });
    const auto table = env->find_table("fresh");
    REQUIRE(table);
    CHECK(storage::read_transaction(*env).get(*table, "a") == "2");
    CHECK(env->table_names() == std::vector<std::string>{"fresh", "t"});
}

TEST_CASE("threads that open tables at the same time do not mix them up") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                const std::string name = "t" + std::to_string(t) + "-" + std::to_string(i);
                storage::write(*env, [&](storage::write_transaction& txn) {
                    txn.put(txn.open_table(name), "name", name);
                });
                const auto table = env->find_table(name);
                const storage::read_transaction txn(*env);
                CHECK(txn.get(*table, "name") == name);
            }
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST_CASE("a table found while a writer makes another does not get the same handle") {
    const scratch_folder folder;
    make(folder / "s");
    {
        const auto env = storage::environment::open(folder / "s", {});
        storage::write(*env, [](storage::write_transaction& txn) {
            txn.put(txn.open_table("old"), "name", "old");
        });
    }
    const auto env = storage::environment::open(folder / "s", {});
    int runs = 0;
    storage::write(*env, [&](storage::write_transaction& txn) {
        ++runs;
        std::thread([&] { CHECK(env->find_table("old")); }).join();
        txn.put(txn.open_table("new"), "name", "new");
    });
    CHECK(runs == 2);
    const storage::read_transaction txn(*env);
    CHECK(txn.get(*env->find_table("old"), "name") == "old");
    CHECK(txn.get(*env->find_table("new"), "name") == "new");
}

TEST_CASE("an append out of order is an error, not an overwrite") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    storage::write_transaction txn(*env);
    const auto table = txn.open_table("log", storage::key_order::integer);
    std::memcpy(txn.append(table, 2, 3).data(), "two", 3);
    CHECK(txn.get(table, 2) == "two");
    CHECK(code_of([&] { txn.append(table, 1, 3); }) == errc::corrupt);
}

TEST_CASE("cursors walk integer keys by number and byte keys by byte") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    storage::write_transaction txn(*env);
    const auto numbers = txn.open_table("n", storage::key_order::integer);
    for (const std::uint64_t n : {1, 255, 256, 70000}) txn.put(numbers, n, "v");
    storage::cursor cursor(txn, numbers);
    CHECK(storage::integer_key(cursor.seek(2)->first) == 255);
    CHECK(storage::integer_key(cursor.next()->first) == 256);
    CHECK(storage::integer_key(cursor.last()->first) == 70000);
    CHECK_FALSE(cursor.next());
    CHECK(storage::integer_key(cursor.first()->first) == 1);
    CHECK_FALSE(cursor.previous());
    CHECK_FALSE(cursor.seek(70001));
}

TEST_CASE("a scratch environment goes with its last owner") {
    const scratch_folder folder;
    auto env = storage::environment::scratch(folder.path());
    put(*env, "a", "1");
    CHECK(get(*env, "a") == "1");
    CHECK_FALSE(std::filesystem::is_empty(folder.path()));
    env.reset();
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a copy is complete while the original is written") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    std::filesystem::create_directory(folder / "copy");
    put(*env, "before", "1");
    env->copy_to(folder / "copy");
    put(*env, "after", "1");
    const auto copy = storage::environment::open(folder / "copy", {});
    CHECK(get(*copy, "before") == "1");
    CHECK(get(*copy, "after").empty());
}

TEST_CASE("a waiting reader is woken by a commit of another process") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    auto& watch = env->watch();
    const auto ticket = watch.ticket();
    const child_process child([&] {
        const auto own = storage::environment::open(folder / "s", {});
        put(*own, "from", "child");
        return 0;
    });
    while (get(*env, "from").empty()) watch.wait(ticket, std::chrono::seconds(60));
    CHECK(child.wait() == 0);
    const auto later = watch.ticket();
    watch.wait(later, std::chrono::milliseconds(1));  // nothing happens: comes back all the same
    watch.notify();
    watch.wait(later, std::chrono::hours(1));  // a change since the ticket: does not wait
}
