// Compiled schemas that are damaged, in every systematic way and at random.
#include <rapidcheck.h>

#include <iterator>
#include <type_traits>

#include "promise.hpp"
#include "random_schema.hpp"
#include "raw_schema.hpp"

namespace {

// One of each kind, small enough that every byte of it can be damaged in every way.
const std::string& sample() {
    static const std::string bytes(
        idem::schema::from_text(
            "enum E:byte { A, B = 3 } struct S { x:double; y:[short:2]; } "
            "table L { n:string (required); } union U { L, S, t:string } "
            "table T { e:E = B; s:S; l:L; u:U; many:[U]; reals:[float]; d:int (deprecated); } "
            "root_type T; file_identifier \"ABCD\";")
            .bfbs());
    return bytes;
}

// One number of it is another that somebody might try.
void spoil_number(raw::schema& s, random_source& random) {
    constexpr std::int64_t tried[] = {-1,  0,   1,   2,   3,    4,     7,     8,         12,
                                      13,  14,  15,  16,  17,   18,    127,   128,       255,
                                      256, 300, 512, 999, 4095, 32767, 65535, INT32_MAX, INT32_MIN};
    const std::int64_t number = tried[random.below(std::size(tried))];
    raw::object& o = s.objects[random.below(s.objects.size())];
    raw::field& f = o.fields[random.below(o.fields.size())];
    raw::enumeration& e = s.enums[random.below(s.enums.size())];
    raw::value& v = e.values[random.below(e.values.size())];
    const auto spoil = [&](auto& place) {
        place = static_cast<std::remove_reference_t<decltype(place)>>(number);
    };
    switch (random.below(18)) {
        case 0:
            return spoil(f.of.base);
        case 1:
            return spoil(f.of.element);
        case 2:
            return spoil(f.of.index);
        case 3:
            return spoil(f.of.length);
        case 4:
            return spoil(f.id);
        case 5:
            return spoil(f.offset);
        case 6:
            return spoil(f.default_integer);
        case 7:
            return spoil(f.default_real);
        case 8:
            return spoil(f.deprecated);
        case 9:
            return spoil(f.required);
        case 10:
            return spoil(f.optional);
        case 11:
            return spoil(o.is_struct);
        case 12:
            return spoil(o.align);
        case 13:
            return spoil(o.bytes);
        case 14:
            return spoil(e.underlying);
        case 15:
            return spoil(v.number);
        case 16:
            return spoil(v.member.base);
        default:
            return spoil(e.is_union);
    }
}

}  // namespace

TEST_CASE("every systematic damage of a compiled schema is refused, or is a schema") {
    const auto original = idem::schema::from_bfbs(sample());
    const std::string payload = original.from_json(
        "T", R"({"e":"A","s":{"x":1.5,"y":[1,2]},"l":{"n":"a"},"u_type":"t","u":"b","d":1,)"
             R"("many_type":["L","S"],"many":[{"n":"c"},{"x":1,"y":[3,4]}],"reals":[1,2]})");
    std::size_t loaded = 0;
    promise::each_damage(sample(), [&](const std::string& damaged) {
        const auto s = promise::keep_with_bfbs(damaged);
        if (!s) return;
        ++loaded;
        promise::keep_with_change(original, *s);
        promise::keep_with_change(*s, original);
        for (const auto& table : s->event_types()) promise::keep_with_payload(*s, table, payload);
    });
    CHECK(loaded > 100);  // or nothing behind the loader was tried
}

TEST_CASE("numbers at random in a compiled schema are refused, or make another schema") {
    CHECK(rc::check("what loads can be worked with", [] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed;
        random_source random(seed);
        const auto original = idem::schema::from_bfbs(raw::compiled(raw::sound()));
        for (int i = 0; i < 100; ++i) {
            raw::schema spoilt = raw::sound();
            for (std::size_t n = 1 + random.below(3); n > 0; --n) spoil_number(spoilt, random);
            const auto s = promise::keep_with_bfbs(raw::compiled(spoilt));
            if (!s) continue;
            promise::keep_with_change(original, *s);
            promise::keep_with_change(*s, original);
            for (const auto& table : s->event_types()) {
                const std::string json = random_json(random, s->get_model()).of_table(table);
                promise::keep_with_json(*s, table, json);
            }
        }
    }));
}

TEST_CASE("damages at random of schemas at random are refused, or are schemas") {
    CHECK(rc::check("no byte leads outside", [] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed;
        random_schema made(seed);
        const auto original = idem::schema::from_text(made.text());
        for (int i = 0; i < 20; ++i) {
            const std::string damaged = made.damage(std::string(original.bfbs()));
            const auto s = promise::keep_with_bfbs(damaged);
            if (!s) continue;
            promise::keep_with_change(original, *s);
            for (const auto& table : s->event_types()) {
                promise::keep_with_json(*s, table, made.json(*s, table));
                if (!original.has_table(table)) continue;
                const auto payload = original.from_json(table, made.json(original, table));
                promise::keep_with_payload(*s, table, payload);
            }
        }
    }));
}
