// What a crashed creation leaves behind goes away, and what somebody is still at does not.
#include "storage/unfinished_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

#include "child_process.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

namespace storage = idem::storage;
namespace fs = std::filesystem;

bool create(const fs::path& folder, const std::function<void()>& meanwhile = {}) {
    return storage::environment::create(folder, {}, [&](storage::write_transaction& txn) {
        txn.open_table("t");
        if (meanwhile) meanwhile();
    });
}

std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& found : fs::directory_iterator(folder))
        names.push_back(found.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("the next creation removes what one that died has left") {
    const scratch_folder folder;
    for (int i = 0; i < 3; ++i) {
        const child_process dies([&] {
            create(folder / "s", [] { ::_exit(7); });
            return 0;
        });
        CHECK(dies.wait() == 7);
        CHECK(names_in(folder.path()) == names{"s.unfinished-0"});
    }
    CHECK(create(folder / "s/"));
    CHECK(names_in(folder.path()) == names{"s"});
}

TEST_CASE("a creation that is going on is left alone, and the first to be done wins") {
    const scratch_folder folder;
    bool inner = false;
    const bool outer = create(folder / "s", [&] { inner = create(folder / "s"); });
    CHECK(inner);
    CHECK_FALSE(outer);
    CHECK(names_in(folder.path()) == names{"s"});
}

TEST_CASE("a folder of the user's with such a name stays") {
    const scratch_folder folder;
    fs::create_directory(folder / "s.unfinished-0");
    std::ofstream(folder / "s.unfinished-0/letter.txt") << "dear";
    fs::create_directory(folder / "s.unfinished-novel");
    CHECK(create(folder / "s"));
    CHECK(names_in(folder.path()) == names{"s", "s.unfinished-0", "s.unfinished-novel"});
}

TEST_CASE("of many who make the same store at once, one does") {
    for (int round = 0; round < 20; ++round) {
        const scratch_folder folder;
        std::atomic<int> made = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 8; ++t) {
            threads.emplace_back([&] { made += create(folder / "s") ? 1 : 0; });
        }
        for (auto& thread : threads) thread.join();
        CHECK(made == 1);
        CHECK(names_in(folder.path()) == names{"s"});
    }
}

TEST_CASE("a forked child does not take its parent's scratch folder away") {
    const scratch_folder folder;
    auto env = storage::environment::scratch(folder.path());
    const child_process child([&] {
        env.reset();
        return 0;
    });
    CHECK(child.wait() == 0);
    CHECK(names_in(folder.path()) == names{"idem-scratch.unfinished-0"});
    env.reset();
    CHECK(fs::is_empty(folder.path()));
}
