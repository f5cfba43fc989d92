// Erasures that are cut short by kill -9: whatever the log says was erased has no key left.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/key_file.hpp"
#include "victim_process.hpp"

namespace {

using state = idem::storage::key_slot::state;

// Slots that hold the key of a subject.
std::size_t keys_left(const std::string& folder) {
    idem::storage::key_file file(folder);
    std::size_t found = 0;
    for (std::uint64_t n = 1;; ++n) {
        const auto slot = file.read(n);
        if (slot.is == state::absent) return found;
        CHECK(slot.is != state::damaged);
        if (slot.is == state::subject) ++found;
    }
}

}  // namespace

TEST_CASE("a process that is killed while it erases leaves no key of what it said was erased") {
    const scratch_folder scratch;
    const std::string folder = scratch / "s.idem";
    constexpr std::uint64_t rounds = 60;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        victim_process victim({folder, "erase", std::to_string(round * 1000)});
        victim.read_until(1 + (round * 37) % 300);
        victim.kill_hard();
        const std::string told = victim.lines();

        const idem::store store(folder);  // completes what was begun
        std::size_t kept = 0;
        std::set<std::string> readable;
        store.read({}, [&](const idem::event_view& e) {
            if (e.data_subject().empty() || e.erased()) return;
            CHECK(e.data() == numbered_event(0).data.substr(0, 10) +
                                  std::string(e.data_subject().substr(1)) + "}");
            readable.insert(std::string(e.data_subject()));
            ++kept;
        });
        for (std::size_t at = 0; at < told.size();) {
            const std::size_t end = told.find('\n', at);
            CHECK(readable.count("c" + told.substr(at, end - at)) == 0);
            at = end + 1;
        }
        // Where a crash came before the commit, there is a key of nothing.
        CHECK(keys_left(folder) <= kept + 1);
        CHECK(kept <= round + 1);
    }
    const auto report = idem::verify(folder);
    CHECK(report.sound());
    CHECK(report.sealed == 0);
    CHECK(report.erased > rounds);
}
