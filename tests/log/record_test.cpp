// Records: read in place, and trusted only as far as they were verified.
#include "log/record.hpp"

#include <doctest/doctest.h>
#include <flatbuffers/flatbuffers.h>

#include <rapidcheck.h>
#include <cstring>

#include "base/hash.hpp"
#include "event_generated.h"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

constexpr std::uint64_t position = 7;

idem::event full_event(std::size_t data_bytes) {
    idem::event e = numbered_event(1);
    e.content_type = "application/octet-stream";
    e.data.assign(data_bytes, 'd');
    e.tags = {"one", "two", "three"};
    e.correlation_id = "correlation";
    e.causation_id = "causation";
    e.metadata = {{"key", "value"}, {"other", ""}};
    return e;
}

// A record with a checksum that fits, so that only its structure can tell.
void seal(std::string& record) {
    const std::size_t sealed = record.size() - 8;
    const std::uint64_t checksum = idem::hash::of_bytes({record.data(), sealed});
    std::memcpy(record.data() + sealed, &checksum, 8);
}

std::string record_of(const idem::event& e) {
    idem::encoded_batch batch({&e, 1});
    batch.place(0, position, 0, {});
    return std::string(batch.record(0));
}

// Touches every byte that the view gives out.
std::size_t walk(const idem::event_view& e) {
    const idem::recorded_event copy = e.to_owned();
    std::size_t bytes = copy.stream.size() + copy.type.size() + copy.data.size();
    for (const auto& tag : copy.tags) bytes += tag.size();
    for (const auto& [key, value] : copy.metadata) bytes += key.size() + value.size();
    return bytes;
}

}  // namespace

TEST_CASE("payloads of every size lie at a multiple of 8 bytes, in the file too") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<idem::event> events;
    for (std::size_t size = 0; size < 200; ++size) {
        for (const std::size_t bytes : {size, 4000 + size}) {  // within a page, and on its own
            events.push_back(full_event(bytes));
            events.back().id = numbered_id(events.size());
            events.back().stream.assign(1 + size % 9, 's');
        }
    }
    store.append(events);
    std::uint64_t seen = 0;
    store.read({}, [&](const idem::event_view& e) {
        ++seen;
        CHECK(reinterpret_cast<std::uintptr_t>(e.data().data()) % 8 == 0);
    });
    CHECK(seen == events.size());
}

TEST_CASE("a record with any bytes changed is refused or can be read whole, checksum or not") {
    const std::string sound = record_of(full_event(40));
    REQUIRE(!idem::record_reader::check(sound, position));
    std::uint64_t accepted = 0;
    const bool held = rc::check([&] {
        std::string record = sound;
        const auto changes = *rc::gen::inRange(1, 5);
        for (int i = 0; i < changes; ++i) {
            const auto at = *rc::gen::inRange<std::size_t>(0, record.size() - 8);
            record[at] = *rc::gen::arbitrary<char>();
        }
        if (record != sound) RC_ASSERT(idem::record_reader::check(record, position).has_value());
        seal(record);
        if (idem::record_reader::check(record, position)) return;
        ++accepted;
        RC_ASSERT(walk(idem::record_reader::open(record, position)) < (1U << 20));
    });
    CHECK(held);
    CHECK(accepted > 0);  // else nothing was walked
}

TEST_CASE("a record cannot stand for far more than its bytes") {
    flatbuffers::FlatBufferBuilder builder;
    const auto text = builder.CreateString(std::string(100'000, 't'));
    const std::vector<flatbuffers::Offset<flatbuffers::String>> shared(50'000, text);
    const auto tags = builder.CreateVector(shared);
    const auto data = builder.CreateVector(std::vector<std::uint8_t>(8));
    const idem::wire::Head head(idem::wire::Uuid(), position, 0, 0, 0, idem::wire::Uuid(), 0, 1, 0);
    builder.Finish(idem::wire::CreateEvent(builder, &head, text, text, 0, data, tags));
    std::string record(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                       builder.GetSize());
    record.append(8 - record.size() % 8 + 8, '\0');
    seal(record);
    REQUIRE(record.size() < idem::limits::event_bytes_max);
    const auto fault = idem::record_reader::check(record, position);
    REQUIRE(fault);
    CHECK(fault->kind == "record_malformed");
    CHECK(fault->message.find("50000 tags") != std::string::npos);
}
