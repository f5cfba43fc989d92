// Any history over three schema versions, any upcasters, any redelivery, any rebuilds: each event
// is there once, and the rows are those of a log that was written in the newest version natively.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <string>
#include <vector>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::outcome;

constexpr const char* type = "shop.Sold";

// Version 1 counts in `unit`s, 2 in hundredths of them under another name, 3 has a place, and
// perhaps another default.
struct history_schemas {
    std::string first = "euros";
    std::string second = "cents";
    std::uint64_t factor = 100;
    std::string place = "here";

    idem::schema of(int version) const {
        std::string fields = "item:string (required); ";
        fields += version == 1 ? first + ":long;" : second + ":long;";
        if (version == 3) fields += " place:string;";
        return idem::schema::from_text("namespace shop; table Sold { " + fields + " }");
    }
    std::string to_second() const {
        const std::string by = std::to_string(factor);
        return R"({"type":"shop.Sold","from":1,"do":[{"scale":")" + first + R"(","by":)" + by +
               R"(},{"rename":")" + first + R"(","to":")" + second + R"("}]})";
    }
    std::string to_third() const {
        return R"({"type":"shop.Sold","from":2,"do":[{"default":"place","value":")" + place +
               R"("}]})";
    }
    std::string data(int version, std::uint64_t number) const {
        const std::uint64_t sold = number % 13;
        std::string json = R"({"item":"i)" + std::to_string(number % 5) + R"(",")";
        json += version == 1 ? first + "\":" + std::to_string(sold)
                             : second + "\":" + std::to_string(sold * factor);
        if (version == 3) json += R"(,"place":")" + place + "\"";
        return json + "}";
    }
};

history_schemas any_schemas() {
    history_schemas s;
    s.first = *rc::gen::element<std::string>("euros", "amount", "n");
    s.second = *rc::gen::element<std::string>("cents", "total");
    s.factor = *rc::gen::element<std::uint64_t>(1, 10, 100, 1000);
    s.place = *rc::gen::element<std::string>("here", "", "\xC3\xA4 \xE2\x82\xAC");
    return s;
}

// Rows show all of the data as the projection is given it, so any difference shows.
idem::projection newest(std::uint32_t version) {
    idem::projection p =
        idem::keyed_fold<std::string, std::string>("newest", version)
            .on(
                type,
                [](const idem::event_view& e) {
                    return std::vector<std::string>{to_string(e.id()), std::string(e.stream())};
                },
                [](std::string row, const idem::event_view& e) {
                    return row + std::string(e.data()) + ";";
                })
            .upcast({});
    p.reads_json = true;
    return p;
}

idem::event sold(const history_schemas& s, std::uint64_t number, int version, bool told) {
    idem::event e = numbered_event(number, "s" + std::to_string(number % 3));
    e.type = type;
    e.data = s.data(version, number);
    e.schema_version = told ? static_cast<std::uint32_t>(version) : 0;
    return e;
}

// The same event in any form: JSON or FlatBuffers, its version told or not.
idem::event in_any_form(const history_schemas& s, std::uint64_t number, int version) {
    idem::event e = sold(s, number, version, *rc::gen::arbitrary<bool>());
    if (*rc::gen::arbitrary<bool>()) {
        e.data = s.of(version).from_json(type, e.data);
        e.content_type = idem::flatbuffers_content_type;
    }
    return e;
}

class history {
public:
    history() : schemas_(any_schemas()), store_(folder_ / "s.idem") {}

    void step(int what) {
        if (what < 5) append();
        if (what >= 5 && what < 8) redeliver();
        if (what == 8) upgrade();
        if (what == 9) rebuild();
        if (what == 10) switch_version();
        if (what == 11) store_.projections();
    }
    void check() {
        while (version_ < 3) upgrade();
        redeliver();
        RC_ASSERT(events() == written_.size());
        const auto result = store_.rebuild(newest(++projection_));
        RC_ASSERT(result.complete);
        RC_ASSERT(result.digest == native_digest());
        RC_ASSERT(store_.state(newest(projection_)).digest() ==
                  store_.replay(newest(projection_)).digest());
        RC_ASSERT(idem::verify(folder_ / "s.idem").sound());
    }

private:
    void append() {
        std::vector<idem::event> batch;
        const int size = *rc::gen::inRange(1, 6);
        for (int i = 0; i < size; ++i) {
            const auto number = static_cast<std::uint64_t>(written_.size());
            // Without a schema there is no form but JSON, and its version is told.
            int version = *rc::gen::inRange(1, std::max(version_, 1) + 1);
            idem::event e = version_ == 0 ? sold(schemas_, number, 1, true)
                                          : in_any_form(schemas_, number, version);
            // JSON that does not tell is of the newest version; bytes must tell where there are
            // two.
            const bool bytes = e.content_type == idem::flatbuffers_content_type;
            const bool must_tell = version != version_ || (bytes && version_ > 1);
            if (e.schema_version == 0 && must_tell) {
                e.schema_version = static_cast<std::uint32_t>(version);
            }
            written_[number] = version;
            batch.push_back(std::move(e));
        }
        const auto result = store_.append(batch);
        RC_ASSERT(result.accepted());
        for (const auto& r : result.receipts) RC_ASSERT(r.outcome == outcome::appended);
    }
    void redeliver() {
        if (written_.empty()) return;
        const auto head = store_.head();
        std::vector<idem::event> batch;
        const int size = *rc::gen::inRange(1, 10);
        for (int i = 0; i < size; ++i) {
            const auto number = *rc::gen::inRange<std::uint64_t>(0, written_.size());
            const int version = written_.at(number);
            batch.push_back(version_ == 0 ? sold(schemas_, number, 1, *rc::gen::arbitrary<bool>())
                                          : in_any_form(schemas_, number, version));
        }
        const auto result = store_.append(batch);
        RC_ASSERT(result.outcome() == outcome::duplicate);
        RC_ASSERT(store_.head() == head);
    }
    void upgrade() {
        if (version_ == 3) return;
        ++version_;
        const auto added =
            store_.add_schema(schemas_.of(version_), version_ == 2   ? schemas_.to_second()
                                                     : version_ == 3 ? schemas_.to_third()
                                                                     : std::string());
        RC_ASSERT(added.added.at(0).version == static_cast<std::uint32_t>(version_));
    }
    void rebuild() {
        const bool again = projection_ > 0 && *rc::gen::arbitrary<bool>();
        const std::uint32_t version = again ? projection_ : ++projection_;
        const bool stopped = *rc::gen::arbitrary<bool>();
        if (stopped) {
            store_.rebuild(newest(version), {.progress = [](const auto&) { return false; }});
        }
        const bool current = *rc::gen::arbitrary<bool>();
        const auto result = store_.rebuild(newest(version), {.make_current = current});
        RC_ASSERT(result.complete);
        RC_ASSERT(result.digest == store_.replay(newest(version)).digest());
    }
    void switch_version() {
        const auto kept = store_.projections();
        if (kept.empty()) return;
        const auto& to = *rc::gen::elementOf(kept);
        store_.switch_projection(newest(to.version));
        RC_ASSERT(store_.state("newest").version() == to.version);
    }
    std::uint64_t events() const {
        std::uint64_t count = 0;
        store_.read({.types = {type}}, [&](const idem::event_view&) { ++count; });
        return count;
    }
    idem::state_digest native_digest() const {
        idem::store native(folder_ / "native.idem");
        native.add_schema(schemas_.of(3));
        for (const auto& [number, version] : written_) {
            idem::event e = sold(schemas_, number, 3, true);
            e.schema_version = 1;
            native.append(e);
        }
        return native.replay(newest(1)).digest();
    }

    scratch_folder folder_;
    history_schemas schemas_;
    idem::store store_;
    int version_ = 0;  // 0: no schema yet
    std::uint32_t projection_ = 0;
    std::map<std::uint64_t, int> written_;  // number, and the version it was written in
};

}  // namespace

TEST_CASE("rows of any history over three versions are those of one written natively") {
    std::uint64_t steps_in_all = 0;
    CHECK(rc::check("versions", [&] {
        history h;
        const int steps = *rc::gen::resize(100, rc::gen::inRange(1, 30));
        for (int i = 0; i < steps; ++i) h.step(*rc::gen::resize(100, rc::gen::inRange(0, 12)));
        h.check();
        steps_in_all += static_cast<std::uint64_t>(steps);
    }));
    CHECK(steps_in_all > 500);
}
