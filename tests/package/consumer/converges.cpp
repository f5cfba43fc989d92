// A test of the consumer's own projection, with the kit that idem brings.
#include <idem/testing.hpp>

#include <iostream>

int main() {
    const idem::projection counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "ItemAdded", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t count, const idem::event_view&) { return count + 1; });
    std::vector<idem::event> log(10, {.stream = "cart-1", .type = "ItemAdded", .data = "{}"});
    for (auto& e : log) e.id = idem::make_uuid_v7();
    const auto report = idem::testing::converge(counts, log, {.schedules = 5});
    std::cout << (report.converges() ? "OK" : report.message()) << '\n';
    return report.converges() ? 0 : 1;
}
