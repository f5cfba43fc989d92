// Sealed events in every company: in transactions, with effects that follow from them, short and
// long, known and new, and with erasures in their own batch.
#include <doctest/doctest.h>

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "personal_events.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::outcome;

// What an inline projection sees of each event.
idem::projection seen() {
    idem::projection p;
    p.name = "seen";
    p.types = {"Happened"};
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        table.put(to_string(e.id()), std::string(e.content_type()) + " " + std::string(e.data()));
    };
    return p;
}

std::vector<idem::event> sealed_batch(std::uint64_t first, std::uint64_t events,
                                      std::size_t bytes) {
    std::vector<idem::event> batch;
    for (std::uint64_t n = first; n < first + events; ++n) {
        idem::event e = numbered_event(n, "s" + std::to_string(n));
        e.data = "\"" + std::to_string(n) + std::string(bytes, 'x') + "\"";
        e.data_subject = "c" + std::to_string(n % 3);
        batch.push_back(e);
    }
    return batch;
}

void check_rows(const idem::store& store, const std::vector<idem::event>& batch) {
    for (const auto& e : batch) {
        CHECK(store.state("seen").find(to_string(e.id)).row == e.content_type + " " + e.data);
        CHECK(store.find(e.id)->data == e.data);
    }
}

void append_in(const std::string& how, idem::store& store, const std::vector<idem::event>& batch,
               outcome expected) {
    if (how == "append") {
        CHECK(store.append(batch).outcome() == expected);
        return;
    }
    const auto result = store.transact([&](idem::transaction& t) {
        const std::vector<idem::event> own = batch;  // gone when this returns
        t.append(own);
    });
    CHECK(result.outcome() == expected);
}

}  // namespace

TEST_CASE("sealed events are seen as they were given, whatever is appended with them") {
    for (const std::string how : {"append", "transact"}) {
        for (const std::size_t bytes : {0, 5, 200}) {
            CAPTURE(how);
            CAPTURE(bytes);
            const scratch_folder scratch;
            idem::store store(scratch / "s.idem");
            store.run(seen(), idem::projection_mode::inline_);
            store.run(idem::effect_rule{
                "mails", {"Happened"}, [](const idem::event_view&, idem::effect_sink& sink) {
                    sink.declare({.name = "mail", .payload = "{}"});
                }});
            std::uint64_t first = 1;
            for (const std::uint64_t events : {1, 3, 50}) {
                const auto batch = sealed_batch(first, events, bytes);
                append_in(how, store, batch, outcome::appended);
                check_rows(store, batch);
                append_in(how, store, batch, outcome::duplicate);
                auto mixed = sealed_batch(first, events + 1, bytes);  // known ones and a new one
                append_in(how, store, mixed, outcome::appended);
                check_rows(store, mixed);
                first += events + 1;
            }
            CHECK(store.effects().stats().due == first - 1);
            CHECK(idem::verify(scratch / "s.idem").sound());
        }
    }
}

TEST_CASE(
    "a batch that erases, readmits and goes on loses what was before and keeps what is after") {
    const scratch_folder scratch;
    idem::store original(scratch / "a.idem");
    original.append(personal(1, "c"));
    original.erase_subject("c");
    original.readmit_subject("c");
    original.append(personal(2, "c"));
    std::vector<idem::event> all;
    original.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    REQUIRE(all.size() == 4);

    idem::store copy(scratch / "b.idem");
    CHECK(copy.append(all).outcome() == outcome::appended);
    CHECK(copy.find(numbered_id(1))->erased);
    CHECK(copy.find(numbered_id(2))->data == personal(2, "c").data);

    idem::store with_data(scratch / "c.idem");  // the first event comes with its data
    all.front() = personal(1, "c");
    CHECK(with_data.append(all).outcome() == outcome::appended);
    CHECK(with_data.find(numbered_id(1))->erased);
    CHECK(with_data.find(numbered_id(2))->data == personal(2, "c").data);
    for (const char* name : {"b.idem", "c.idem"}) CHECK(idem::verify(scratch / name).sound());

    idem::store refused(scratch / "d.idem");  // without the readmission, as one by one
    const std::vector batch{all[1], personal(3, "c")};
    CHECK(refused.append(batch).outcome() == outcome::erased);
    CHECK(refused.head() == 0);
}

TEST_CASE("a handle that was open before the first subject knows what is erased") {
    const scratch_folder scratch;
    idem::store early(scratch / "s.idem");
    early.append(numbered_event(9));
    idem::store other(scratch / "s.idem");
    other.append(personal(1, "c"));
    other.erase_subject("c");
    CHECK(early.find(numbered_id(1))->erased);
    CHECK(early.append(personal(1, "c")).outcome() == outcome::erased);
}

TEST_CASE("a fold under way when data is erased keeps nothing of it") {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem");
    const auto first = personal(1, "c");
    store.append(first);
    std::vector<idem::event> more;
    for (std::uint64_t n = 2; n < 400; ++n) more.push_back(numbered_event(n, first.stream));
    store.append(more);
    std::latch seen(1);
    std::latch erased(1);
    bool waits = true;
    const idem::stream_fold<std::string> fold{
        .name = "names", .apply = [&](std::string row, const idem::event_view& e) {
            if (e.data_subject().empty()) return row;
            if (waits) {
                seen.count_down();
                erased.wait();
            }
            return std::string(e.data());
        }};
    std::string folded;
    std::thread folding([&] { folded = store.fold(fold, first.stream).value; });
    seen.wait();
    idem::store(scratch / "s.idem").erase_subject("c");
    erased.count_down();
    folding.join();
    CHECK(folded == first.data);  // it had begun before
    waits = false;
    CHECK(store.fold(fold, first.stream).value.empty());
    CHECK(bytes_of(scratch / "s.idem/data.mdb").find(personal_name) == std::string::npos);
}
