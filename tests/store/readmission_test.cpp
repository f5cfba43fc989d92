// A readmission lifts the erasure that it was said of, wherever it comes to.
#include <doctest/doctest.h>

#include <chrono>

#include "clocked_store.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/subjects.hpp"
#include "personal_events.hpp"
#include "storage/storage.hpp"

using namespace std::chrono_literals;
using idem::outcome;

namespace {

std::vector<idem::recorded_event> erasures_of(const idem::store& store) {
    std::vector<idem::recorded_event> found;
    idem::query select;
    select.stream = idem::erasures_stream;
    store.read(select, [&](const idem::event_view& e) { found.push_back(e.to_owned()); });
    return found;
}

outcome outcome_of_next(idem::store& store, std::uint64_t number) {
    return store.append(personal(number, "ann")).outcome();
}

// As an idem wrote it that named no erasure.
idem::event unnamed(idem::timestamp time) {
    idem::event e;
    e.stream = idem::erasures_stream;
    e.type = "idem.SubjectReadmitted";
    e.data = R"({"subject":"ann"})";
    e.time = time;
    return e;
}

}  // namespace

TEST_CASE("a readmission of another store lifts no erasure of this one") {
    clocked_store there;
    REQUIRE(outcome_of_next(*there, 1) == outcome::appended);
    there->erase_subject("ann");
    there.pass(1h);
    REQUIRE(there->readmit_subject("ann"));
    CHECK(outcome_of_next(*there, 2) == outcome::appended);
    const auto said = erasures_of(*there);
    REQUIRE(said.size() == 2);
    const idem::event& erased = said[0];
    const idem::event& readmitted = said[1];
    CHECK(readmitted.data.find(to_string(erased.id)) != std::string::npos);

    clocked_store here;
    here.pass(5h);
    here->erase_subject("ann");
    SUBCASE("which it does not know") {
        here->append(readmitted);
    }
    SUBCASE("the erasure comes with it") {
        here->append(erased);
        here->append(readmitted);
    }
    SUBCASE("in one batch, with an event behind it") {
        auto behind = personal(3, "ann");
        const std::vector<idem::event> batch{erased, readmitted, behind};
        CHECK(here->append(batch).outcome() == outcome::erased);
        CHECK(here->append(erased).accepted());
    }
    CHECK(outcome_of_next(*here, 4) == outcome::erased);
    CHECK(here->erase_subject("ann").repeated);
    // A person here lifts all of them.
    CHECK(here->readmit_subject("ann"));
    CHECK(outcome_of_next(*here, 5) == outcome::appended);
    CHECK_FALSE(here->readmit_subject("ann"));
    CHECK(idem::verify(here.path).sound());

    // And in a new store all of it means what it meant.
    clocked_store copy;
    const std::vector<idem::event> all(said.begin(), said.end());
    REQUIRE(copy->append(all).accepted());
    CHECK(outcome_of_next(*copy, 6) == outcome::appended);
}

TEST_CASE("a readmission that names no erasure lifts those that were said before it") {
    clocked_store s;
    const auto time = [&s] { return idem::timestamp(std::chrono::milliseconds(s.now_ms())); };
    const auto old = unnamed(time());
    s.pass(1h);
    s->erase_subject("ann");
    s->append(old);  // of another store, from before
    CHECK(outcome_of_next(*s, 1) == outcome::erased);
    s.pass(1h);
    s->append(unnamed(time()));
    CHECK(outcome_of_next(*s, 2) == outcome::appended);
    s->append(unnamed(time() + 1h));  // nothing is left to lift, nor does it lift what comes
    s->erase_subject("ann");
    CHECK(outcome_of_next(*s, 3) == outcome::erased);
}

TEST_CASE("an erasure that an older idem has left is lifted by its name") {
    clocked_store s;
    REQUIRE(outcome_of_next(*s, 1) == outcome::appended);
    s->erase_subject("ann");
    idem::event more = erasures_of(*s).front();
    more.id = numbered_id(1000);  // a second one, as an import leaves it
    s->append(more);
    const auto last = s->head();
    {
        const auto env = idem::storage::environment::open(s.path, {});
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            const auto table = txn.open_table(idem::subject_rows::table_name);
            for (const auto& id : idem::subject_rows::open_erasures(txn, table, "ann")) {
                idem::subject_rows::drop_open(txn, table, "ann", id);
            }
            std::string row(16, '\0');  // positions, little-endian
            row[0] = static_cast<char>(last);
            txn.put(table, "sann", row);
        });
    }
    CHECK(outcome_of_next(*s, 2) == outcome::erased);
    CHECK(s->readmit_subject("ann"));
    CHECK(outcome_of_next(*s, 3) == outcome::appended);
}
