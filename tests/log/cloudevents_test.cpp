#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "idem/cloudevents.hpp"
#include "idem/error.hpp"

namespace {

const std::string least = R"("specversion":"1.0","id":"a-1","source":"/shop","type":"Paid")";

std::string text() {
    return *rc::gen::container<std::string>(
        rc::gen::element('a', 'z', '0', '"', '\\', '/', '{', ' ', 'Z'));
}

idem::recorded_event random_event() {
    idem::recorded_event e;
    e.id = idem::make_uuid_v4();
    e.stream = "s" + text();
    e.type = "t" + text();
    e.schema_version = *rc::gen::inRange<std::uint32_t>(1, 1000);
    e.content_type =
        *rc::gen::element<std::string>("application/json", "text/plain", "application/x-thing");
    e.data = e.content_type == "application/json"
                 ? *rc::gen::element<std::string>("", "{\"a\": 1.50}", "[1,2]", "\"x\"", "null",
                                                  "12345678901234567890123")
                 : *rc::gen::arbitrary<std::string>();
    const auto tags = *rc::gen::inRange(0, 3);
    for (int i = 0; i < tags; ++i) e.tags.push_back("tag" + std::to_string(i));
    e.time = idem::timestamp(std::chrono::nanoseconds(*rc::gen::arbitrary<std::int32_t>()));
    e.correlation_id = text();
    e.causation_id = text();
    const auto count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
        e.metadata.emplace_back(
            *rc::gen::element<std::string>("source", "dataschema", "trace", "Odd Key", "id",
                                           "position", "data", "a", "b"),
            text());
    }
    e.position = 7;
    e.stamp.counter = 7;
    return e;
}

}  // namespace

TEST_CASE("the least event: source is the stream, the id becomes a UUID") {
    const auto e = idem::parse_cloudevent("{" + least + "}");
    CHECK(e.id == idem::make_uuid_from_source("/shop", "a-1"));
    CHECK(e.stream == "/shop");
    CHECK(e.type == "Paid");
    CHECK(e.content_type == "application/json");
    CHECK(e.data.empty());
    CHECK(e.metadata == std::vector<std::pair<std::string, std::string>>{{"source", "/shop"},
                                                                         {"sourceid", "a-1"}});
}

TEST_CASE("data keeps its own spelling") {
    const auto data = [](const std::string& rest) {
        return idem::parse_cloudevent("{" + least + "," + rest + "}").data;
    };
    CHECK(data(R"("data": {"a": 1.50,  "big":12345678901234567890123})") ==
          R"({"a": 1.50,  "big":12345678901234567890123})");
    CHECK(data(R"("data":null)") == "null");
    CHECK(data(R"("datacontenttype":"text/plain","data":"a\u00fc\n")") == "a\xc3\xbc\n");
    CHECK(data(R"("datacontenttype":"text/plain; charset=utf-8","data":"x")") == "x");
    CHECK(data(R"("datacontenttype":"application/vnd.x+json","data":"x")") == "\"x\"");
    CHECK(data(R"("datacontenttype":"application/octet-stream","data_base64":"AP8=")") ==
          std::string("\0\xff", 2));
}

TEST_CASE("attributes of the store and free ones") {
    const auto e = idem::parse_cloudevent(
        "{" + least +
        R"(,"subject":"order-7","time":"2020-01-01T00:00:00Z","schemaversion":3,)"
        R"("tags":"a,b","correlationid":"c",)"
        R"("causationid":"d","position":9,"revision":1,"traceparent":"00-x",)"
        R"("attempt":2,"urgent":true,"nothing":null})");
    CHECK(e.stream == "order-7");
    CHECK(e.schema_version == 3);
    CHECK(e.tags == std::vector<std::string>{"a", "b"});
    CHECK(e.correlation_id == "c");
    CHECK(e.causation_id == "d");
    REQUIRE(e.metadata.size() == 5);
    CHECK(e.metadata[1] == std::pair<std::string, std::string>{"traceparent", "00-x"});
    CHECK(e.metadata[2].second == "2");
    CHECK(e.metadata[3].second == "true");
    CHECK(idem::parse_cloudevent("{" + least + R"(,"tags":["a","b"]})").tags == e.tags);
}

TEST_CASE("what is no CloudEvent is refused by attribute") {
    const auto refused = [](const std::string& line, const char* field) {
        CAPTURE(line);
        try {
            idem::parse_cloudevent(line);
            FAIL_CHECK("accepted");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::invalid_input);
            CHECK(e.place().field == field);
        }
    };
    refused("", "");
    refused("[]", "");
    refused("{" + least, "");
    refused("{" + least + "}}", "");
    refused(R"({"specversion":"1.0","source":"/s","type":"T"})", "id");
    refused(R"({"specversion":"1.0","id":"","source":"/s","type":"T"})", "id");
    refused(R"({"specversion":"1.0","id":"1","type":"T"})", "source");
    refused(R"({"specversion":"1.0","id":"1","source":"/s"})", "type");
    refused(R"({"id":"1","source":"/s","type":"T"})", "specversion");
    refused(R"({"specversion":"0.3","id":"1","source":"/s","type":"T"})", "specversion");
    refused("{" + least + R"(,"id":"2"})", "id");
    refused("{" + least + R"(,"time":"yesterday"})", "time");
    refused("{" + least + R"(,"data":1,"data_base64":"AA=="})", "data_base64");
    refused("{" + least + R"(,"data_base64":"*"})", "data_base64");
    refused("{" + least + R"(,"schemaversion":1.5})", "schemaversion");
    refused("{" + least + R"(,"schemaversion":-1})", "schemaversion");
    refused("{" + least + R"(,"extra":{"a":1}})", "extra");
    refused("{" + least + R"(,"metadata":"[[1]]"})", "metadata");
    refused("{" + least + R"(,"subject":["x"]})", "subject");
    refused("{" + least + R"(,"tags":{"a":1}})", "tags");
    refused("{" + least + R"(,"tags":["a",{"id":1}]})", "tags");
    refused(R"({"tags":[{"id":1801}],"id":258612104})", "specversion");  // whatever else is odd
}

TEST_CASE("what is exported reads back as the same event") {
    CHECK(rc::check("round trip", [] {
        const auto e = random_event();
        const std::string line = idem::to_cloudevent(e);
        RC_ASSERT(line.find('\n') == std::string::npos);
        const idem::event back = idem::parse_cloudevent(line);
        RC_ASSERT(back == static_cast<const idem::event&>(e));
    }));
}

TEST_CASE("line ends inside JSON data do not end the line") {
    idem::recorded_event e;
    e.stream = e.type = "x";
    e.time = idem::timestamp();
    e.data = "{\n  \"a\": \"b\\n\",\r\n  \"c\": 1\n}";
    const std::string line = idem::to_cloudevent(e);
    CHECK(line.find_first_of("\r\n") == std::string::npos);
    CHECK_FALSE(first_difference(idem::parse_cloudevent(line), e));
}

TEST_CASE("any bytes are either an event or an error") {
    CHECK(rc::check("bytes", [](const std::string& bytes) {
        try {
            (void)idem::parse_cloudevent(bytes);
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
        }
    }));
}

TEST_CASE("an event of another store brings its stamp") {
    const auto stamp_of = [](const std::string& rest) {
        return idem::parse_recorded_cloudevent("{" + least + rest + "}").stamp;
    };
    const std::string origin = "0a000000-0000-4000-8000-000000000000";
    const std::string named = R"(,"origin":")" + origin + '"';
    const auto read = stamp_of(R"(,"clock":18446744073709551615,"counter":"3")" + named);
    CHECK(read == idem::stamp{18446744073709551615U, *idem::uuid::parse(origin), 3});
    idem::recorded_event e;
    e.stream = "s";
    e.type = "t";
    e.time = idem::timestamp();
    e.stamp = read;
    CHECK(idem::parse_recorded_cloudevent(idem::to_cloudevent(e)) == e);
    for (const std::string& bad :
         {named, named + R"(,"clock":1)", std::string(R"(,"clock":1,"counter":1)"),
          named + R"(,"clock":0,"counter":1)", named + R"(,"clock":1.5,"counter":1)",
          named + R"(,"clock":18446744073709551616,"counter":1)",
          std::string(R"(,"clock":1,"counter":1,"origin":"x")"),
          named + R"(,"clock":[1],"counter":1)"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(stamp_of(bad), const idem::error&);
        CHECK_NOTHROW(idem::parse_cloudevent("{" + least + bad + "}"));
    }
}
