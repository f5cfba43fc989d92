// The promises of the schema room for as long as one likes; ctest runs it under the label "long".
// From the folder of the build, a million rounds from seed 7 on:
//   IDEM_FUZZ_SEED=7 IDEM_FUZZ_ROUNDS=1000000 tests/schema/test_schema_fuzz
// A failure names its seed; IDEM_FUZZ_ROUNDS=1 with it repeats the round.
#include <cstdlib>

#include "promise.hpp"
#include "random_schema.hpp"

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
    const char* given = std::getenv(name);
    return given ? std::strtoull(given, nullptr, 10) : otherwise;
}

std::optional<idem::schema> keep_with_text(const std::string& text) {
    std::optional<idem::schema> made;
    promise::refusal([&] { made = idem::schema::from_text(promise::exact(text).view()); });
    return made;
}

void round(std::uint64_t seed) {
    random_schema made(seed);
    const std::string text = made.text();
    const auto original = keep_with_text(text);
    REQUIRE(original);
    std::vector<std::string> payloads;
    for (const std::string& table : original->event_types()) {
        const std::string json = made.json(*original, table);
        payloads.push_back(original->from_json(table, json));
        CHECK(promise::keep_with_payload(*original, table, payloads.back()));
        promise::keep_with_payload(*original, table, made.damage(payloads.back()));
        promise::keep_with_json(*original, table, made.damage(json));
    }
    const auto damaged = promise::keep_with_bfbs(made.damage(std::string(original->bfbs())));
    made.change();
    for (const auto& other :
         {damaged, keep_with_text(made.text()), keep_with_text(made.damage(text))}) {
        if (!other) continue;
        promise::keep_with_change(*original, *other);
        promise::keep_with_change(*other, *original);
        for (const std::string& table : other->event_types()) {
            promise::keep_with_json(*other, table, made.json(*other, table));
            for (const auto& payload : payloads) {
                promise::keep_with_payload(*other, table, payload);
            }
        }
    }
}

}  // namespace

TEST_CASE("no round of damage hurts") {
    const std::uint64_t first = setting("IDEM_FUZZ_SEED", 1);
    const std::uint64_t rounds = setting("IDEM_FUZZ_ROUNDS", 200'000);
    for (std::uint64_t seed = first; seed != first + rounds; ++seed) {
        CAPTURE(seed);
        round(seed);
    }
}
