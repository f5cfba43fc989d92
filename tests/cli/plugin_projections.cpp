// What an application knows of its events; compiled into a plug-in and into a program of its own.
#include <idem/keyed_fold.hpp>
#include <string>
#include <vector>

std::vector<idem::projection> idem_projections() {
    return {idem::keyed_fold<std::string, std::uint64_t>("happenings")
                .on(
                    "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
                    [](std::uint64_t count, const idem::event_view&) { return count + 1; })
                .commutative()};
}
