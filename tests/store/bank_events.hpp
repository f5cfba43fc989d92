// A bank whose events have gone through three versions.
#pragma once

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include "bank_v1_generated.h"
#include "bank_v2_generated.h"
#include "bank_v3_generated.h"
#include "idem/flatbuffers.hpp"
#include "idem/schema.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

inline constexpr const char* deposited = "bank.Deposited";

// The schema as it is registered: under the name of the events.
inline idem::schema bank_schema(int version) {
    const std::string name = "bank_v" + std::to_string(version);
    std::ifstream file(std::string(IDEM_RELEASED_SCHEMAS) + "/" + name + ".fbs");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return idem::schema::from_text(
        std::regex_replace(text, std::regex("namespace " + name), "namespace bank"));
}

inline constexpr const char* euros_to_cents =
    R"({"type":"bank.Deposited","from":1,"do":[{"scale":"euros","by":100},
                                               {"rename":"euros","to":"cents"}]})";

inline idem::upcasters bank_upcasters() {
    return idem::upcasters().add(
        deposited, 1, idem::upcast_from<bank_v1::Deposited>([](const bank_v1::Deposited& old) {
            bank_v2::DepositedT now;
            now.account = old.account()->str();
            now.cents = old.euros() * 100;
            return now;
        }));
}

inline idem::event deposit(std::uint64_t number, const std::string& data, std::uint32_t version) {
    idem::event e = numbered_event(number, "ann");
    e.type = deposited;
    e.schema_version = version;
    e.data = data;
    return e;
}

// Typed events, as the code of that version made them.
template <class Object>
idem::event typed(std::uint64_t number, const Object& object, std::uint32_t version) {
    idem::event e = idem::make_event("ann", object);
    e.id = numbered_id(number);
    e.type = deposited;
    e.schema_version = version;
    return e;
}
