// A projection of the consumer's own, for its own command and as a plug-in of the installed one.
#include <idem/keyed_fold.hpp>

#include <cstdint>
#include <string>
#include <vector>

std::vector<idem::projection> idem_projections() {
    return {idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "ItemAdded", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t count, const idem::event_view&) { return count + 1; })};
}
