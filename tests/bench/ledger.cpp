#include "ledger.hpp"

#include <charconv>
#include <stdexcept>

#include "idem/flatbuffers.hpp"
#include "ledger_generated.h"
#include "ledger_v1_generated.h"

template <>
inline constexpr std::uint32_t idem::schema_version<ledger::Posted> = 2;

namespace bench {
namespace {

constexpr std::string_view type = "ledger.Posted";
constexpr std::string_view note =
    "a transfer between two accounts of one bank, ref. 0123456789";  // fills it up to 128 bytes

using builder = flatbuffers::FlatBufferBuilder;

flatbuffers::Offset<ledger::Posted> to_cents(const ledger_v1::Posted& old, builder& to) {
    const auto text = [&](const flatbuffers::String& s) {
        return to.CreateString(s.c_str(), s.size());
    };
    const auto account = text(*old.account());
    const auto of_old = old.note() ? text(*old.note()) : 0;
    return ledger::CreatePosted(to, account, old.euros() * 100, of_old);
}

ledger::PostedT to_cents_by_object(const ledger_v1::Posted& old) {
    ledger::PostedT now;
    now.account = old.account()->str();
    now.cents = old.euros() * 100;
    if (old.note()) now.note = old.note()->str();
    return now;
}

}  // namespace

workload ledger_workload(std::uint64_t events) {
    workload w;
    w.version = 7;
    w.events = events;
    w.streams = 100'000;
    w.payload = 0;
    return w;
}

void make_ledger_batch(const workload& w, std::uint64_t first, payload_form form,
                       std::vector<idem::event>& batch) {
    static thread_local builder to(256);
    make_batch(w, first, batch);
    std::uint64_t number = first;
    for (idem::event& e : batch) {
        const auto euros = static_cast<std::int64_t>(mixed(number++) % 1000);
        e.type = type;
        if (form == payload_form::json) {
            e.content_type = "application/json";
            e.data = R"({"account":")" + e.stream + R"(","cents":)" + std::to_string(euros * 100) +
                     R"(,"note":")" + std::string(note) + R"("})";
            continue;
        }
        to.Clear();
        const auto account = to.CreateString(e.stream);
        const auto text = to.CreateString(note.data(), note.size());
        if (form == payload_form::flatbuffers_v1) {
            to.Finish(ledger_v1::CreatePosted(to, account, euros, text));
        } else {
            to.Finish(ledger::CreatePosted(to, account, euros * 100, text));
        }
        e.schema_version = form == payload_form::flatbuffers_v1 ? 1 : 2;
        e.content_type = idem::flatbuffers_content_type;
        e.data.assign(reinterpret_cast<const char*>(to.GetBufferPointer()), to.GetSize());
    }
}

idem::schema ledger_schema(int version) {
    return idem::schema::from_text(std::string("namespace ledger; table Posted {") +
                                   "account:string (required); " +
                                   (version == 1 ? "euros" : "cents") + ":long; note:string; }");
}

idem::keyed_fold<std::string, std::int64_t> balances_fold(upcasting how) {
    auto fold = idem::keyed_fold<std::string, std::int64_t>("balances")
                    .on<ledger::Posted>([](const ledger::Posted& e) { return e.account()->str(); },
                                        [](std::int64_t cents, const ledger::Posted& e) {
                                            return cents + e.cents();
                                        });
    const std::string of(type);
    switch (how) {
        case upcasting::none:
            return fold;
        case upcasting::builder:
            return std::move(fold).upcast(
                idem::upcasters().add(of, 1, idem::upcast_from<ledger_v1::Posted>(to_cents)));
        case upcasting::object:
            return std::move(fold).upcast(idem::upcasters().add(
                of, 1, idem::upcast_from<ledger_v1::Posted>(to_cents_by_object)));
    }
    return fold;
}

void take_flatbuffers(balances& rows, std::string_view data) {
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(data.data());
    flatbuffers::Verifier verifier(bytes, data.size());
    if (!verifier.VerifyBuffer<ledger::Posted>(nullptr)) throw std::runtime_error("no Posted");
    const auto& e = *flatbuffers::GetRoot<ledger::Posted>(bytes);
    rows[e.account()->str()] += e.cents();
}

// A parser would take longer.
void take_json(balances& rows, std::string_view stream, std::string_view data) {
    constexpr std::string_view name = R"("cents": )";
    const auto at = data.find(name);
    std::int64_t cents = 0;
    if (at == data.npos) throw std::runtime_error("no cents");
    std::from_chars(data.data() + at + name.size(), data.data() + data.size(), cents);
    rows[std::string(stream)] += cents;
}

}  // namespace bench
