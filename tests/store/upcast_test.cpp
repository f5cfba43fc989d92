// Events of older versions, read by today's code.
#include <doctest/doctest.h>

#include "bank_events.hpp"
#include "idem/cloudevents.hpp"

template <>
inline constexpr std::uint32_t idem::schema_version<bank_v2::Deposited> = 2;

// The code reads version 2, whose events bear the name of every version.
template <>
struct idem::payload_codec<bank_v3::DepositedT> {
    static constexpr std::string_view type = deposited;
    static std::uint32_t version() { return 3; }
    static bank_v3::DepositedT decode(const event_view& e) {
        bank_v3::DepositedT payload;
        detail::verified<bank_v3::Deposited>(e.data())->UnPackTo(&payload);
        return payload;
    }
};

namespace {

auto balances(std::uint32_t version = 1) {
    return idem::keyed_fold<std::string, std::int64_t>("balances", version)
        .on<bank_v3::DepositedT>(
            [](const auto& e) {
                return e.account + (e.currency == bank_v3::Currency::USD ? " USD" : "");
            },
            [](std::int64_t cents, const auto& e) { return cents + e.cents; });
}

// Deposits of 7 euros, in each version as it was written natively.
void append_of_each_version(idem::store& store) {
    bank_v1::DepositedT one;
    one.account = "ann";
    one.euros = 7;
    bank_v2::DepositedT two;
    two.account = "ann";
    two.cents = 700;
    bank_v3::DepositedT three;
    three.account = "ann";
    three.cents = 700;
    three.currency = bank_v3::Currency::USD;
    REQUIRE(store.append({typed(1, one, 1), typed(2, two, 2), typed(3, three, 3)}).accepted());
}

void add_schemas(idem::store& store, std::string_view upcasters = {}) {
    store.add_schema(bank_schema(1));
    store.add_schema(bank_schema(2), upcasters);
    store.add_schema(bank_schema(3));
}

std::string failure_of(const std::function<void()>& call, idem::errc code) {
    try {
        call();
    } catch (const idem::error& e) {
        CHECK(e.code() == code);
        return e.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("today's code reads events of every version, by upcasters in C++ or in the store") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::store native(folder / "native.idem");
    native.add_schema(bank_schema(3));
    native.append({deposit(1, R"({"account":"ann","cents":700})", 1),
                   deposit(2, R"({"account":"ann","cents":700})", 1),
                   deposit(3, R"({"account":"ann","cents":700,"currency":"USD"})", 1)});
    auto fold = balances();
    SUBCASE("in C++") {
        add_schemas(store);
        fold = balances().upcast(bank_upcasters());
    }
    SUBCASE("in the store") {
        add_schemas(store, euros_to_cents);
    }
    append_of_each_version(store);
    store.run(fold, idem::projection_mode::manual);
    CHECK(store.catch_up("balances") == store.head());
    const auto rows = store.state(fold);
    CHECK(rows.find("ann").row == 1400);
    CHECK(rows.find("ann USD").row == 700);
    for (const unsigned threads : {1U, 2U, 3U}) {
        const idem::store again(folder / "s.idem", {.replay_threads = threads});
        CHECK(again.replay(fold).digest() == rows.digest());
    }
    // As if all had been written natively.
    const auto as_native = native.replay(balances().reads(deposited, 1));
    CHECK(as_native.digest() == rows.digest());
}

TEST_CASE("a newer version than the code reads is a stop, not a skip") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    auto e = numbered_event(1);
    e.schema_version = 4;
    store.append({numbered_event(2), e});
    const auto fold =
        idem::keyed_fold<std::string, std::uint64_t>("n")
            .on(
                "Happened", [](const idem::event_view& view) { return std::string(view.stream()); },
                [](std::uint64_t n, const idem::event_view&) { return n + 1; })
            .reads("Happened", 1);
    store.run(fold, idem::projection_mode::manual);
    const auto what = failure_of([&] { store.catch_up("n"); }, idem::errc::handler_failed);
    CHECK(what.find("it has version 4 of 'Happened', and version 1 is the newest that is read") !=
          std::string::npos);
    CHECK(what.find("position 2") != std::string::npos);
    CHECK(store.find_projection("n")->position == 1);
}

TEST_CASE("a way that has a gap is refused before anything runs") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    add_schemas(store);
    const auto what = failure_of([&] { store.run(balances(), idem::projection_mode::manual); },
                                 idem::errc::invalid_input);
    CHECK(what ==
          "there is no upcaster of 'bank.Deposited' from version 1 to 2, and version 3 is "
          "to be read");
    store.run(balances().upcast(bank_upcasters()), idem::projection_mode::manual);
}

TEST_CASE("an upcaster that fails stops the reader before the event, and says which it was") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    add_schemas(store);
    append_of_each_version(store);
    const auto fold = balances().upcast(idem::upcasters().add(
        deposited, 1,
        [](std::string_view) -> std::string_view { throw std::runtime_error("nobody knows"); }));
    const auto what = failure_of([&] { store.replay(fold); }, idem::errc::handler_failed);
    CHECK(what.find("the upcaster of 'bank.Deposited' from version 1 failed: nobody knows") !=
          std::string::npos);
    CHECK(what.find(to_string(numbered_id(1))) != std::string::npos);
}

TEST_CASE("inline projections upcast too, also events that register their own schema") {
    scratch_folder folder;
    idem::store source(folder / "source.idem");
    add_schemas(source, euros_to_cents);
    append_of_each_version(source);
    std::vector<idem::event> all;
    source.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });

    idem::store store(folder / "s.idem");
    auto fold = balances().upcast(bank_upcasters());
    store.run(fold, idem::projection_mode::inline_);
    REQUIRE(store.append(all).accepted());
    CHECK(store.state(fold).find("ann").row == 1400);
    CHECK(store.state(fold).digest() == source.replay(fold).digest());
}

TEST_CASE("a stream's fold reads old events as the new ones") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    add_schemas(store);
    append_of_each_version(store);
    const idem::stream_fold<std::int64_t> cents{
        .name = "cents",
        .apply =
            [](std::int64_t sum, const idem::event_view& e) {
                return sum + idem::payload_codec<bank_v3::DepositedT>::decode(e).cents;
            },
        .reads = {{deposited, 3}},
        .upcasters = bank_upcasters()};
    CHECK(store.fold(cents, "ann").value == 2100);
}

TEST_CASE("a registered version makes stale who reads the newest, and a rebuild reads it") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.add_schema(bank_schema(1));
    store.append(deposit(1, R"({"account":"ann","euros":7})", 1));
    idem::projection p;
    p.name = "newest";
    p.reads_json = true;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        if (e.type() == deposited) table.put(std::to_string(e.position()), e.data());
    };
    store.run(p, idem::projection_mode::manual);
    store.catch_up("newest");
    CHECK(store.state("newest").find("2").row == R"({"account":"ann","euros":7})");
    store.add_schema(bank_schema(2), euros_to_cents);
    CHECK(store.find_projection("newest")->stale ==
          "the rows were made with version 1 of 'bank.Deposited', and version 2 is read");
    idem::store later(folder / "s.idem");
    later.rebuild(p);
    later.run(p, idem::projection_mode::manual);
    CHECK(later.find_projection("newest")->stale.empty());
    CHECK(later.state("newest").find("2").row == R"({"account":"ann","cents":700})");
    CHECK(later.find_projection("newest")->reads.at(deposited) == 2);
}

TEST_CASE("a schema that comes later changes nothing for who has read the events before") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    // More and less than the schema will say, and not what a table is at all.
    store.append({deposit(1, R"({"account":"ann","extra":[1]})", 1), deposit(2, "17", 1)});
    idem::projection p;
    p.name = "raw";
    p.reads_json = true;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        if (e.type() == deposited) table.put(to_string(e.id()), e.data());
    };
    store.run(p, idem::projection_mode::manual);
    store.catch_up("raw");
    store.add_schema(bank_schema(1));
    store.append(deposit(3, R"({"account":"bob"})", 1));
    idem::store later(folder / "s.idem");
    CHECK(later.why_stale(p).empty());
    store.catch_up("raw");
    CHECK(later.replay(p).digest() == store.state("raw").digest());
    CHECK(later.state("raw").find(to_string(numbered_id(2))).row == "17");
    CHECK(later.state("raw").find(to_string(numbered_id(3))).row ==
          R"({"account":"bob","euros":0})");
}

// tests/store/released/events.jsonl is frozen: the bytes as each release has written them.
TEST_CASE("the events that every release has written are read by today's code") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    add_schemas(store, euros_to_cents);
    std::ifstream file(std::string(IDEM_RELEASED_SCHEMAS) + "/events.jsonl");
    std::vector<idem::event> events;
    for (std::string line; std::getline(file, line);) {
        events.push_back(idem::parse_cloudevent(line));
    }
    REQUIRE(events.size() == 6);
    REQUIRE(store.append(events).accepted());
    const auto in_store = store.replay(balances());
    const auto in_code = store.replay(balances().upcast(bank_upcasters()));
    CHECK(in_store.digest() == in_code.digest());
    CHECK(in_store.find("ann").row == 1405);
    CHECK(in_store.find("ann USD").row == 5);
    CHECK(in_store.find("bob").row == 12);
    CHECK(in_store.find("gr\u00f6\u00dfe").row == -900'000'000'000);
    CHECK(to_string(in_store.digest()) == "33eb310168036565dce3c9936fea1d95");
}

TEST_CASE("a version that is safe to read makes nobody stale who reads the newest") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.add_schema(bank_schema(2));
    store.append(deposit(1, R"({"account":"ann","cents":7})", 1));
    idem::projection p;
    p.name = "newest";
    p.reads_json = true;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        if (e.type() == deposited) table.put(to_string(e.id()), e.data());
    };
    store.run(p, idem::projection_mode::inline_);
    store.add_schema(bank_schema(3));
    store.append(deposit(2, R"({"account":"ann","cents":7})", 0));
    CHECK(store.why_stale(p).empty());
    CHECK(store.state("newest").find(to_string(numbered_id(1))).row ==
          R"({"account":"ann","cents":7})");
    CHECK(store.state("newest").find(to_string(numbered_id(2))).row ==
          R"({"account":"ann","cents":7,"currency":"EUR"})");
    CHECK(store.replay(p).digest() == store.state("newest").digest());
}
