#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "idem/store.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

TEST_CASE("two processes and this one race the same ids: each is appended once") {
    constexpr std::uint64_t ids = 300;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "race", std::to_string(ids)});
    victim_process two({path, "race", std::to_string(ids)});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> positions;
    std::uint64_t appended = 0;
    std::istringstream lines(one.lines() + two.lines());
    std::string outcome;
    for (std::uint64_t number = 0, position = 0; lines >> number >> outcome >> position;) {
        appended += outcome == "appended";
        CHECK(positions.emplace(number, position).first->second == position);
    }
    CHECK(positions.size() == ids);
    CHECK(appended == ids);
    CHECK(idem::store(path).head() == ids);
}
