// A store that knows the schemas of its events.
#include <doctest/doctest.h>

#include "bank_events.hpp"
#include "idem/cloudevents.hpp"

namespace {

std::string refusal(const std::function<void()>& call) {
    try {
        call();
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        return e.what();
    }
    return "no error";
}

struct bank_store {
    bank_store() : store(folder / "bank.idem") { store.add_schema(bank_schema(1)); }
    scratch_folder folder;
    idem::store store;
};

constexpr const char* five_euros = R"({"account":"ann","euros":5})";

}  // namespace

TEST_CASE("JSON data of a registered type becomes FlatBuffers, and prints as JSON again") {
    bank_store s;
    CHECK(s.store.append(deposit(1, five_euros, 1)).outcome() == idem::outcome::appended);
    const auto stored = s.store.find(numbered_id(1)).value();
    CHECK(stored.content_type == idem::flatbuffers_content_type);
    CHECK(flatbuffers::GetRoot<bank_v1::Deposited>(stored.data.data())->euros() == 5);
    CHECK(s.store.schemas().to_json(stored) == five_euros);
    const auto line = to_cloudevent(stored, s.store.schemas().to_json(stored));
    CHECK(idem::parse_cloudevent(line).data == five_euros);
}

TEST_CASE("a payload that its schema rejects is refused, with event and field") {
    bank_store s;
    const auto refused = [&](const std::string& data) {
        return refusal([&] { s.store.append({deposit(1, five_euros, 1), deposit(2, data, 1)}); });
    };
    const std::string id = to_string(numbered_id(2));
    CHECK(refused(R"({"euros":5})") ==
          "event 1 (" + id + "): data.account is required, and missing");
    CHECK(refused(R"({"account":"ann","euros":"5"})") ==
          "event 1 (" + id + "): data.euros is text where it must be a number");
    CHECK(refused(R"({"account":"ann","cents":5})").find("cents") != std::string::npos);
    CHECK(refused("[]").find("is a list where it must be an object") != std::string::npos);
    auto bytes = deposit(2, "no table at all", 1);
    bytes.content_type = idem::flatbuffers_content_type;
    CHECK(refusal([&] { s.store.append(bytes); }).find("data") != std::string::npos);
    CHECK(refusal([&] { s.store.append(deposit(2, five_euros, 2)); }) ==
          "event 0 (" + id +
              "): schema_version is 2; the newest version of 'bank.Deposited' that the store has a "
              "schema of is 1, `idem schema add` adds the next");
    CHECK(s.store.head() == 1);
}

TEST_CASE("an event that comes again is recognised in whatever form and version it comes") {
    scratch_folder folder;
    idem::store store(folder / "bank.idem");
    const auto json_first = deposit(1, five_euros, 1);
    store.append(json_first);  // before its type had a schema
    store.add_schema(bank_schema(1));
    bank_v1::DepositedT five;
    five.account = "ann";
    five.euros = 5;
    const auto again = [&](const idem::event& e) { return store.append(e).outcome(); };
    CHECK(again(json_first) == idem::outcome::duplicate);
    CHECK(again(typed(1, five, 1)) == idem::outcome::duplicate);
    CHECK(again(deposit(1, R"({"account":"ann","euros":6})", 1)) == idem::outcome::id_conflict);

    CHECK(again(typed(2, five, 1)) == idem::outcome::appended);
    CHECK(again(deposit(2, R"({ "euros" : 5.0, "account" : "ann" })", 1)) ==
          idem::outcome::duplicate);
    CHECK(again(deposit(2, R"({"euros":6,"account":"ann"})", 1)) == idem::outcome::id_conflict);
    auto unstated = deposit(3, five_euros, 0);
    CHECK(again(unstated) == idem::outcome::appended);
    store.add_schema(bank_schema(2), euros_to_cents);
    CHECK(again(unstated) == idem::outcome::duplicate);  // as the version that was stored
    CHECK(store.find(numbered_id(3))->schema_version == 1);
    CHECK(again(deposit(4, R"({"account":"ann","cents":5})", 0)) == idem::outcome::appended);
    CHECK(store.find(numbered_id(4))->schema_version == 2);
    // A batch of known and new ones, in their first forms.
    const auto result = store.append({json_first, unstated, deposit(5, R"({"account":"b"})", 0)});
    REQUIRE(result.accepted());
    CHECK(result.receipts[0].outcome == idem::outcome::duplicate);
    CHECK(result.receipts[1].outcome == idem::outcome::duplicate);
    CHECK(result.receipts[2].outcome == idem::outcome::appended);
    CHECK(store
              .append({deposit(6, R"({"account":"b","cents":0})", 2),
                       deposit(6, R"({"account":"b"})", 2)})
              .accepted());
    CHECK(store.as_appended(json_first).content_type == "application/json");
}

TEST_CASE("FlatBuffers of another encoder with the same values are the same content") {
    bank_store s;
    bank_v1::DepositedT five;
    five.account = "ann";
    five.euros = 5;
    auto one = typed(1, five, 1);
    flatbuffers::FlatBufferBuilder builder;
    builder.ForceDefaults(true);
    const auto padding = builder.CreateString("left behind by another encoder");
    (void)padding;
    const auto account = builder.CreateString("ann");
    bank_v1::DepositedBuilder table(builder);
    table.add_account(account);
    table.add_euros(5);
    builder.Finish(table.Finish());
    auto other = one;
    other.data.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    REQUIRE(one.data != other.data);
    CHECK(s.store.append(one).outcome() == idem::outcome::appended);
    CHECK(s.store.append(other).outcome() == idem::outcome::duplicate);
    CHECK(s.store.append({other, one}).outcome() == idem::outcome::duplicate);
    const auto in_one_batch = [&] {
        auto a = one;
        auto b = other;
        a.id = b.id = numbered_id(2);
        return s.store.append({a, b});
    }();
    REQUIRE(in_one_batch.accepted());
    CHECK(in_one_batch.receipts[1].outcome == idem::outcome::duplicate);
}

TEST_CASE("registrations give versions, refuse what would misread, and are told what they change") {
    bank_store s;
    const auto types = s.store.schemas().types();
    REQUIRE(types.size() == 1);
    CHECK(types[0].type == deposited);
    CHECK(types[0].version == 1);
    CHECK(s.store.add_schema(bank_schema(1)).unchanged.size() == 1);
    CHECK(s.store.head() == 1);
    const auto planned = s.store.plan_schema(bank_schema(2));
    CHECK(planned.added.at(0).version == 2);
    CHECK(worst(planned.changes) == idem::compatibility::needs_upcaster);
    CHECK(s.store.head() == 1);
    const auto second = s.store.add_schema(bank_schema(2), euros_to_cents);
    CHECK(second.upcasters == 1);
    CHECK(second.added.at(0).upcaster);
    CHECK(s.store.add_schema(bank_schema(3)).added.at(0).step == idem::compatibility::safe);
    CHECK(s.store.schemas().types().size() == 3);
    for (const int version : {1, 2, 3}) {  // an older release is started again
        const auto again = s.store.add_schema(bank_schema(version));
        CHECK(again.added.empty());
        CHECK(again.unchanged.at(0).version == static_cast<std::uint32_t>(version));
    }
    const auto misread = idem::schema::from_text(
        "namespace bank; table Deposited { account:string (required); cents:string; }");
    CHECK(refusal([&] { s.store.add_schema(misread); }).find("field_type_changed") !=
          std::string::npos);
    CHECK(worst(s.store.plan_schema(misread).changes) == idem::compatibility::forbidden);
    const idem::store reopened(s.folder / "bank.idem");
    CHECK(reopened.schemas().types().size() == 3);
    CHECK(reopened.schemas().find(deposited)->bfbs() == bank_schema(3).bfbs());
}

TEST_CASE("registrations travel with the log, and reserved streams take nothing else") {
    bank_store s;
    s.store.add_schema(bank_schema(2), euros_to_cents);
    s.store.append(deposit(1, five_euros, 1));
    idem::store copy(s.folder / "copy.idem");
    std::vector<idem::event> all;
    s.store.read({}, [&](const idem::event_view& e) {
        const auto line = [&] {
            std::string out;
            append_cloudevent(e, out, s.store.schemas().to_json(e));
            return out;
        };
        all.push_back(idem::parse_cloudevent(
            e.type() == deposited
                ? R"({"specversion":"1.0","id":")" + to_string(numbered_id(1)) +
                      R"(","source":"idem","subject":"ann","type":")" + deposited +
                      R"(","schemaversion":1,"data":)" + five_euros + "}"
                : line()));
    });
    CHECK(copy.append(all).accepted());  // registrations and their events in one batch
    CHECK(copy.schemas().types().size() == 2);
    CHECK(copy.find(numbered_id(1))->content_type == idem::flatbuffers_content_type);
    CHECK(copy.append(all).outcome() == idem::outcome::duplicate);

    auto foreign = numbered_event(2, "$mine");
    CHECK(refusal([&] { copy.append(foreign); }).find("stream is '$mine'") != std::string::npos);
    foreign.stream = "$schemas";
    CHECK(refusal([&] { copy.append(foreign); }).find("would register nothing") !=
          std::string::npos);
    auto damaged = all[0];
    damaged.id = numbered_id(3);
    damaged.data = R"({"types":{"bank.Deposited":3},"bfbs":"AAAA"})";
    CHECK(refusal([&] { copy.append(damaged); }).find("would register nothing") !=
          std::string::npos);
}

TEST_CASE("two who register at once agree on the versions") {
    scratch_folder folder;
    idem::store a(folder / "s.idem");
    idem::store b(folder / "s.idem");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            idem::store& store = t % 2 ? a : b;
            store.add_schema(idem::schema::from_text("namespace t" + std::to_string(t) +
                                                     "; table Happened { n:int; }"));
            store.add_schema(bank_schema(1));
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(a.schemas().types().size() == 5);
    for (const auto& t : b.schemas().types()) CHECK(t.version == 1);
}

TEST_CASE("bytes whose version nobody says are taken while there is one version, and no longer") {
    bank_store s;
    bank_v1::DepositedT five;
    five.account = "ann";
    five.euros = 5;
    const auto first = typed(1, five, 0);
    CHECK(s.store.append(first).outcome() == idem::outcome::appended);
    CHECK(s.store.find(numbered_id(1))->schema_version == 1);
    s.store.add_schema(bank_schema(2), euros_to_cents);
    CHECK(refusal([&] { s.store.append(typed(2, five, 0)); }).find("say which one") !=
          std::string::npos);
    CHECK(s.store.append(first).outcome() == idem::outcome::duplicate);
    CHECK(refusal([&] { s.store.append(deposit(2, five_euros, 0)); })
              .find("(as version 2 of 'bank.Deposited', the newest; an older one is to say its "
                    "schemaversion)") != std::string::npos);
}

TEST_CASE("an upcaster that leads to no version of a registered type is refused") {
    bank_store s;
    CHECK(
        refusal([&] { s.store.add_upcasters(euros_to_cents); }) ==
        "upcasters: 'bank.Deposited' has an upcaster from version 1, and its newest version is 1");
    CHECK(s.store.add_schema(bank_schema(2), euros_to_cents).upcasters == 1);
    CHECK(s.store.add_upcasters(R"({"type":"of.nobody","from":4,"do":[{"drop":"a"}]})") == 1);
    CHECK(s.store.schemas().types().back().type == "of.nobody");
    CHECK(s.store.schemas().types().back().version == 5);
}
