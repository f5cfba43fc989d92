// What older stores have on disk, today's schemas read as it was meant.
#include <doctest/doctest.h>

#include <filesystem>

#include "idem/schema.hpp"

TEST_CASE("the schemas of every released format can be read by today's") {
    const std::filesystem::path schemas = IDEM_SCHEMAS;
    int compared = 0;
    for (const auto& format : std::filesystem::directory_iterator(schemas / "released")) {
        for (const auto& file : std::filesystem::directory_iterator(format.path())) {
            CAPTURE(file.path().string());
            const auto changes = compare(idem::schema::read(file.path()),
                                         idem::schema::read(schemas / file.path().filename()));
            for (const auto& c : changes) {
                CAPTURE(c.message);
                CHECK(c.compatibility == idem::compatibility::safe);
            }
            ++compared;
        }
    }
    CHECK(compared >= 3);
}
