// The files of an environment are what the transactions take them for.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

using idem::errc;
namespace storage = idem::storage;

void make(const std::filesystem::path& folder) {
    storage::environment::create(folder, {},
                                 [](storage::write_transaction& txn) { txn.open_table("t"); });
}

template <class Function>
std::optional<errc> code_of(Function&& function) {
    try {
        function();
    } catch (const idem::error& e) {
        return e.code();
    }
    return std::nullopt;
}

}  // namespace

TEST_CASE("nothing is written to an environment whose files were removed or replaced") {
    const scratch_folder folder;
    make(folder / "s");
    const auto env = storage::environment::open(folder / "s", {});
    const auto write = [&] {
        return code_of([&] {
            storage::write(*env, [&](storage::write_transaction& txn) {
                txn.put(txn.open_table("t"), "key", "value");
            });
        });
    };
    CHECK(write() == std::nullopt);
    std::filesystem::rename(folder / "s", folder / "elsewhere");  // the same files still
    CHECK(write() == std::nullopt);
    std::filesystem::rename(folder / "elsewhere/lock.mdb", folder / "lock.mdb");
    CHECK(write() == errc::io);
    std::filesystem::copy(folder / "lock.mdb", folder / "elsewhere/lock.mdb");
    CHECK(write() == errc::io);
    std::filesystem::rename(folder / "lock.mdb", folder / "elsewhere/lock.mdb");
    CHECK(write() == std::nullopt);
    std::filesystem::remove_all(folder / "elsewhere");
    CHECK(write() == errc::io);
    CHECK(code_of([&] { env->check_files(); }) == errc::io);
}

TEST_CASE("an environment opened without standard streams takes none of their places") {
    const scratch_folder folder;
    make(folder / "s");
    const int kept = ::dup(STDIN_FILENO);
    ::close(STDIN_FILENO);
    {
        const auto env = storage::environment::open(folder / "s", {});
        CHECK(::fcntl(STDIN_FILENO, F_GETFD) < 0);
    }
    ::dup2(kept, STDIN_FILENO);
    ::close(kept);
}

TEST_CASE("a file lacks no page that its commit counts, and one that was cut is refused") {
    const scratch_folder folder;
    const auto file = folder / "s" / "data.mdb";
    make(folder / "s");
    {
        const auto env = storage::environment::open(folder / "s", {});
        const auto put_and_erase = [&](std::size_t bytes) {
            storage::write(*env, [&](storage::write_transaction& txn) {
                const auto table = txn.open_table("t");
                txn.put(table, "large", std::string(bytes, 'x'));
                txn.erase(table, "large");  // its pages are never written
            });
        };
        put_and_erase(1 << 16);
        for (const char* key : {"a", "b", "c"}) {
            storage::write(*env, [&](storage::write_transaction& txn) {
                txn.put(txn.open_table("t"), key, "");
            });
        }
        put_and_erase(1 << 20);  // at the end; all other pages find room before it
        CHECK(std::filesystem::file_size(file) > (1 << 20));
    }
    const auto open = [&](bool read_only) {
        return code_of([&] { storage::environment::open(folder / "s", {.read_only = read_only}); });
    };
    CHECK(open(true) == std::nullopt);
    const auto whole = std::filesystem::file_size(file);
    std::filesystem::resize_file(file, whole - 4096);  // as where the writer was killed
    CHECK(open(true) == errc::corrupt);
    CHECK(open(false) == std::nullopt);
    CHECK(open(true) == std::nullopt);
    CHECK(std::filesystem::file_size(file) == whole);
    std::filesystem::resize_file(file, 4 * 4096);  // now a page is gone that something is in
    CHECK(open(true) == errc::corrupt);
    CHECK(open(false) == errc::corrupt);
    CHECK(std::filesystem::file_size(file) == 4 * 4096);
}
