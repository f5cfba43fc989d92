// What the analysis calls insensitive to order must be so: any order of the same events gives the
// same rows. And any number of threads does, whatever the definition.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>

#include "idem/store.hpp"
#include "json_projection.hpp"
#include "random_operation.hpp"
#include "scratch_folder.hpp"

namespace {

std::string any_operation() {
    const std::vector<std::string> fields{"a", "b", "c"};
    if (*rc::gen::inRange(0, 7) == 0) return R"({"count":")" + random_element(fields) + "\"}";
    return random_operation(fields, {"data.n", "data.m", "data.m", "time"});
}

std::string random_definition() {
    std::string rules;
    for (const char* type : {"S", "T", "*"}) {
        std::string operations;
        const int count = *rc::gen::inRange(1, 3);
        for (int i = 0; i < count; ++i) operations += (i == 0 ? "" : ",") + any_operation();
        rules += std::string(rules.empty() ? "" : ",") + "\"" + type + R"(":{"do":[)" + operations +
                 "]}";
    }
    return R"({"name":"p","key":"data.k","on":{)" + rules + "}}";
}

// With rules for one row and for several, which some events touch by two of them.
std::string random_definition_of_rows() {
    std::string rules;
    for (const char* type : {"S", "T", "*"}) {
        std::string of_type;
        const int count = *rc::gen::inRange(1, 4);
        for (int i = 0; i < count; ++i) {
            const std::string key = *rc::gen::element<std::string>("data.k", "data.n", "stream");
            const std::string when =
                *rc::gen::element<std::string>("", R"("when":[{"path":"data.m","equals":1}],)",
                                               R"("when":[{"path":"data.n","exists":true}],)");
            const std::string last = *rc::gen::element<std::string>("", "", R"(,"delete")");
            of_type += std::string(i == 0 ? "" : ",") + R"({"key":")" + key + "\"," + when +
                       R"("do":[)" + any_operation() + last + "]}";
        }
        rules += std::string(rules.empty() ? "" : ",") + "\"" + type + "\":[" + of_type + "]";
    }
    return R"({"name":"p","key":"data.k","on":{)" + rules + "}}";
}

std::vector<idem::event> random_events() {
    std::vector<idem::event> events;
    const int count = *rc::gen::inRange(2, 12);
    for (int i = 0; i < count; ++i) {
        idem::event e;
        e.id = idem::make_uuid_from_source("order", std::to_string(i));
        e.stream = "s" + std::to_string(i % 2);
        e.type = *rc::gen::element<std::string>("S", "T");
        e.time = idem::timestamp(std::chrono::seconds(*rc::gen::inRange(0, 5)));
        e.data = R"({"k":)" + std::to_string(*rc::gen::inRange(0, 3)) + R"(,"n":)" +
                 std::to_string(*rc::gen::inRange(-3, 4)) + R"(,"m":)" +
                 std::to_string(*rc::gen::inRange(-3, 4)) + "}";
        events.push_back(e);
    }
    return events;
}

}  // namespace

TEST_CASE("what is called insensitive to order gives the same rows in any order") {
    int insensitive = 0;
    const bool holds = rc::check([&insensitive] {
        const std::string definition = random_definition();
        idem::cli::json_projection parsed;
        try {
            parsed = idem::cli::parse_json_projection(definition, "p");
        } catch (const idem::error&) {
            return;  // a set that other operations change, for instance
        }
        if (!parsed.order_reasons.empty()) return;
        ++insensitive;
        auto events = random_events();
        const std::string first = digest_of(events, parsed.fold);
        std::mt19937 shuffler(static_cast<unsigned>(*rc::gen::arbitrary<int>()));
        std::shuffle(events.begin(), events.end(), shuffler);
        RC_ASSERT(digest_of(events, parsed.fold) == first);
    });
    CHECK(holds);  // rapidcheck prints the seed and the smallest case otherwise
    MESSAGE("definitions that were insensitive: ", insensitive);
    CHECK(insensitive > 0);
}

TEST_CASE("a JSON projection gives the same rows on one thread and on three") {
    int compared = 0;
    const bool holds = rc::check([&compared] {
        idem::cli::json_projection parsed;
        try {
            parsed = idem::cli::parse_json_projection(random_definition_of_rows(), "p");
        } catch (const idem::error&) {
            return;
        }
        ++compared;
        const auto events = random_events();
        RC_ASSERT(digest_of(events, parsed.fold, 3) == digest_of(events, parsed.fold, 1));
    });
    CHECK(holds);
    MESSAGE("definitions that were compared: ", compared);
    CHECK(compared > 20);
}
