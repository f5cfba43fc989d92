// Which of two equal deliveries comes first must not decide the state: what the store calls the
// same content gives the same rows, however it is spelt.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "idem/store.hpp"
#include "json_projection.hpp"
#include "random_operation.hpp"
#include "scratch_folder.hpp"

namespace {

std::string random_digits() {
    return *rc::gen::element<std::string>(
        "0", "7", "100", "250", "9007199254740991", "9007199254740992", "9007199254740993",
        "1152921504606846976", "1152921504606847000", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "18446744073709551616", "18446744073709552000",
        "100000000000000000000", "100000000000000000001", "1" + std::string(400, '0'));
}

// One of many spellings of the same number, or of one near it.
std::string spelt(const std::string& digits) {
    switch (*rc::gen::inRange(0, 7)) {
        case 0:
        case 1:
            return digits;
        case 2:
            return digits + ".0";
        case 3:
            return digits + "00e-2";
        case 4:
            return digits.substr(0, 1) + "." + digits.substr(1) + "0E+" +
                   std::to_string(digits.size() - 1);
        case 5:
            return digits + "e0";
        default:
            return digits + ".5";
    }
}

struct pair_of_spellings {
    std::string a;
    std::string b;
};

pair_of_spellings random_number() {
    const std::string sign = *rc::gen::element<std::string>("", "-");
    const std::string digits = random_digits();
    return {sign + spelt(digits), sign + spelt(digits)};
}

pair_of_spellings random_part() {
    if (*rc::gen::inRange(0, 4) == 0) return {R"("é/\"")", R"("\u00e9\/\u0022")"};
    return random_number();
}

// Members in another order and other white space.
pair_of_spellings random_payload() {
    const auto n = random_number();
    const auto k = random_part();
    const auto m = random_part();
    return {
        R"({"k":)" + k.a + R"(,"n":)" + n.a + R"(,"m":[{"x":)" + m.a + R"(,"y":0}]})",
        R"( {"n" : )" + n.b + R"(, "m": [ {"y":-0.0,"x":)" + m.b + R"(} ], "k": )" + k.b + "\n}"};
}

std::string any_operation() {
    if (*rc::gen::inRange(0, 7) == 0) return R"({"set":"d","value":"data"})";
    return random_operation({"a", "b"}, {"data.n", "data.n", "data.k", "data.m", "data.m[0].x"});
}

std::string random_definition() {
    const std::string key = *rc::gen::element<std::string>("stream", "stream", "data.k", "data.n");
    const std::string when =
        *rc::gen::element<std::string>("", "", R"("when":[{"path":"data.n","equals":100}],)",
                                       R"("when":[{"path":"data.n","equals":1.0e20}],)",
                                       R"("when":[{"path":"data.m[0].y","equals":0.0}],)");
    std::string operations = any_operation();
    if (*rc::gen::arbitrary<bool>()) operations += "," + any_operation();
    return R"({"name":"p","key":")" + key + R"(","on":{"T":{)" + when + R"("do":[)" + operations +
           "]}}}";
}

idem::event measured(std::size_t number, const std::string& data) {
    idem::event e;
    e.id = idem::make_uuid_from_source("spelling", std::to_string(number));
    e.stream = "s";
    e.type = "T";
    e.time = idem::timestamp(std::chrono::seconds(1));
    e.data = data;
    return e;
}

}  // namespace

TEST_CASE("content that is the same by value gives the same rows, however it is spelt") {
    int compared = 0;
    int folded = 0;
    const bool holds = rc::check([&] {
        idem::cli::json_projection parsed;
        try {
            parsed = idem::cli::parse_json_projection(random_definition(), "p");
        } catch (const idem::error&) {
            return;  // a set that other operations change, for instance
        }
        std::vector<idem::event> first;
        std::vector<idem::event> second;
        for (std::size_t i = 0; i < 3; ++i) {
            const auto data = random_payload();
            const auto a = measured(i, data.a);
            const auto b = measured(i, data.b);
            if (idem::first_difference(a, b)) continue;
            first.push_back(a);
            second.push_back(b);
        }
        if (first.empty()) return;
        ++compared;
        const std::string digest = digest_of(first, parsed.fold);
        folded += digest.find('_') == std::string::npos ? 1 : 0;
        RC_LOG() << parsed.fold.definition << "\n" << first[0].data << "\n" << second[0].data;
        RC_ASSERT(digest_of(second, parsed.fold) == digest);
    });
    CHECK(holds);  // rapidcheck prints the seed and the smallest case otherwise
    MESSAGE("compared: ", compared, ", of them without an error: ", folded);
    CHECK(folded > 10);
}

TEST_CASE("a whole number counts as an integer in every operation, however it is spelt") {
    const auto row_of = [](const std::string& operations) {
        const auto parsed = idem::cli::parse_json_projection(
            R"({"name":"p","key":["data.n","data.big"],"on":{"T":{"when":[{"path":"data.n",)"
            R"("equals":100}],"do":[)" +
                operations + "]}}}",
            "p");
        const scratch_folder scratch;
        idem::store store(scratch / "s.idem", {.map_bytes = 64 << 20});
        store.append(measured(1, R"({"n":1.0e2,"big":-9007199254740992e0,"half":0.50})"));
        std::string told;
        store.replay(parsed.fold).for_each([&](std::string_view key, std::string_view row) {
            told += std::string(key) + " " + std::string(row);
        });
        return told;
    };
    const std::string key = "100/-9007199254740992 ";
    CHECK(row_of(R"({"add":"v","value":"data.n"})") == key + R"({"v":100})");
    CHECK(row_of(R"({"max":"v","value":"data.n"})") == key + R"({"v":100})");
    CHECK(row_of(R"({"insert":"v","value":"data.n"})") == key + R"({"v":[100]})");
    CHECK(row_of(R"({"add":"v","value":{"literal":5.0}})") == key + R"({"v":5})");
    CHECK(row_of(R"({"set":"v","value":"data"})") ==
          key + R"({"v":{"big":-9007199254740992,"half":0.5,"n":100}})");
}
