// "latest" in JSON projections: the value of the latest event by its stamp, in whatever order the
// events come, and however often.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>
#include <vector>

#include "idem/replica.hpp"
#include "idem/store.hpp"
#include "json_projection.hpp"
#include "scratch_folder.hpp"

namespace {

const std::string definition = R"({"name":"notes","key":"stream","on":{"*":{"do":[)"
                               R"({"latest":"title","value":"data.title","optional":true},)"
                               R"({"latest":"done","value":"data.done","optional":true},)"
                               R"({"insert":"labels","value":"data.label","optional":true}]}}})";

idem::projection notes() {
    return idem::cli::parse_json_projection(definition, "notes.json").fold;
}

idem::event edited(const std::string& data) {
    idem::event e;
    e.stream = "note";
    e.type = "Edited";
    e.data = data;
    return e;
}

std::string printed(const idem::projection& fold, const std::string& row) {
    return fold.row_to_json(row);
}

}  // namespace

TEST_CASE("the latest value is kept and printed without its stamp") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    const auto fold = notes();
    CHECK(fold.order == idem::fold_order::arrival);
    store.run(fold, idem::projection_mode::inline_);
    store.append({edited(R"({"title":"one","label":"x"})"), edited(R"({"title":"two"})")});
    store.append(edited(R"({"done":[true,3.0]})"));
    const auto rows = store.state(fold);
    const std::string row = rows.find("note").row.value();
    CHECK(rows.row_to_json(row) == R"({"done":[true,3],"labels":["x"],"title":"two"})");
    CHECK(row.find(to_string(store.at(2)->stamp.origin)) != std::string::npos);
    CHECK(store.replay(fold).digest() == rows.digest());
}

// The store that has the event under a later stamp of its own takes it for later, until it hears of
// the first one: in canonical order alone it does.
TEST_CASE("an event that was appended at two stores is the latest by its least stamp") {
    const auto parsed = idem::cli::parse_json_projection(definition, "notes.json");
    REQUIRE(parsed.order_reasons.size() == 2);
    CHECK(parsed.order_reasons.back() ==
          "title is the latest, by the stamp that an event first came with");
    auto in_order = parsed.fold;
    in_order.order = idem::fold_order::canonical;
    const scratch_folder scratch;
    const auto title_in = [](const idem::projection& fold, const idem::store& store) {
        const auto rows = store.replay(fold);
        return rows.row_to_json(rows.find("note").row.value());
    };
    idem::store first(scratch / "a.idem");
    const auto one = edited(R"({"title":"one"})");
    const auto two = edited(R"({"title":"two"})");
    first.append({one, two});
    idem::store second(scratch / "b.idem");
    second.append(two);
    second.append(one);
    CHECK(title_in(parsed.fold, second) == R"({"title":"one"})");
    second.replica().accept(std::vector{*first.at(1), *first.at(2)});
    CHECK(title_in(parsed.fold, second) == R"({"title":"one"})");
    CHECK(title_in(in_order, second) == R"({"title":"two"})");
    CHECK(title_in(in_order, first) == R"({"title":"two"})");
}

TEST_CASE("in any order, repeated as may be, the latest of the same events is the same") {
    CHECK(rc::check("shuffled and doubled", [] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed << "\n";
        std::mt19937_64 random(seed);
        const scratch_folder scratch;
        idem::store store(scratch / "s.idem", {.map_bytes = 64 << 20});
        std::vector<idem::event> events;
        std::string title = "none";
        for (std::uint64_t n = 1 + random() % 10; n > 0; --n) {
            if (random() % 3 == 0) {
                events.push_back(edited(R"({"label":)" + std::to_string(random() % 5) + "}"));
                continue;
            }
            title = std::to_string(random() % 7);
            events.push_back(edited(R"({"title":)" + title + "}"));
        }
        store.append(events);
        std::vector<std::uint64_t> order;
        for (std::uint64_t p = 1; p <= events.size(); ++p) order.insert(order.end(), 1 + p % 2, p);

        const auto fold = notes();
        const auto fold_in = [&](const std::vector<std::uint64_t>& positions) {
            idem::state_table::slot slot;
            for (const auto p : positions) {
                store.read({.from = p, .to = p},
                           [&](const idem::event_view& e) { fold.apply_row(e, "note", slot); });
            }
            return slot.bytes;
        };
        const std::string plain = fold_in(order);
        std::shuffle(order.begin(), order.end(), random);
        RC_ASSERT(fold_in(order) == plain);
        const bool shown = printed(fold, plain).find("\"title\":" + title) != std::string::npos;
        RC_ASSERT(shown == (title != "none"));
    }));
}
