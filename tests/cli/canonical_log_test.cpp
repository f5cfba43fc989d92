// idem log --order canonical.
#include <doctest/doctest.h>

#include <algorithm>

#include "idem/replica.hpp"
#include "idem/store.hpp"
#include "run_command.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

idem::recorded_event of_origin(std::uint64_t origin, std::uint64_t counter, std::uint64_t clock,
                               std::uint64_t number) {
    idem::recorded_event e;
    static_cast<idem::event&>(e) = numbered_event(number, "s" + std::to_string(origin));
    e.time = idem::timestamp(std::chrono::seconds(1));
    e.stamp = {clock, idem::make_uuid_from_source("origin", std::to_string(origin)), counter};
    return e;
}

// Events 1 to 4 in canonical order, in another order of arrival.
struct two_origins {
    explicit two_origins(bool other_way) : path(folder / "s.idem") {
        idem::store store(path);
        std::vector<idem::recorded_event> a{of_origin(1, 1, 100, 1), of_origin(1, 2, 300, 3)};
        std::vector<idem::recorded_event> b{of_origin(2, 1, 200, 2), of_origin(2, 2, 400, 4)};
        if (other_way) std::swap(a, b);
        for (const auto& events : {a, b}) {
            for (const auto& answer : store.replica().accept(events)) REQUIRE(answer.position > 0);
        }
    }
    std::vector<std::string> log(std::vector<std::string> more) const {
        more.insert(more.begin(), {"log", path, "--order", "canonical", "--json"});
        const auto shown = run_command(more);
        CHECK(shown.exit_code == 0);
        std::vector<std::string> ids;
        for (const auto& line : json_lines(shown.out)) ids.push_back(line.at("id"));
        return ids;
    }
    scratch_folder folder;
    std::string path;
};

std::vector<std::string> numbered(std::vector<std::uint64_t> numbers) {
    std::vector<std::string> ids;
    for (const auto n : numbers) ids.push_back(to_string(numbered_event(n).id));
    return ids;
}

}  // namespace

TEST_CASE("a log in canonical order is the same whatever came first") {
    for (const bool other_way : {false, true}) {
        const two_origins s(other_way);
        CHECK(s.log({}) == numbered({1, 2, 3, 4}));
        CHECK(s.log({"--limit", "3"}) == numbered({1, 2, 3}));
        CHECK(s.log({"--stream", "s2"}) == numbered({2, 4}));
        CHECK(s.log({"--stream", "s1", "--limit", "1"}) == numbered({1}));
        CHECK(s.log({"--to", "2"}) == (other_way ? numbered({2, 4}) : numbered({1, 3})));
        CHECK(s.log({"--from", "2"}) == (other_way ? numbered({1, 3, 4}) : numbered({2, 3, 4})));
        CHECK(s.log({"--type", "Absent"}).empty());
    }
}

TEST_CASE("canonical order goes neither backwards nor on") {
    const two_origins s(false);
    for (const std::string option : {"--reverse", "--follow"}) {
        const auto refused = run_command({"log", s.path, "--order", "canonical", option});
        CHECK(refused.exit_code == 2);
        CHECK(refused.err.find(option) != std::string::npos);
    }
    CHECK(run_command({"log", s.path, "--order", "sideways"}).exit_code == 2);
}
