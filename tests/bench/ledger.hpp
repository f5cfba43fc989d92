// Typed events, FlatBuffers payloads of 128 bytes that credit one of 100,000 accounts, and what is
// made of them: the balance of each account.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "idem/schema.hpp"
#include "idem/store.hpp"
#include "subjects/subject.hpp"
#include "workload.hpp"

namespace bench {

enum class payload_form { flatbuffers_v1, flatbuffers, json };

workload ledger_workload(std::uint64_t events);
void make_ledger_batch(const workload& w, std::uint64_t first, payload_form form,
                       std::vector<idem::event>& batch);

idem::schema ledger_schema(int version);
constexpr std::string_view ledger_upcasters_in_json =
    R"({"type":"ledger.Posted","from":1,"do":[{"scale":"euros","by":100},
                                              {"rename":"euros","to":"cents"}]})";

// How events of version 1 get to be of version 2, which the fold reads.
enum class upcasting { none, builder, object };
idem::keyed_fold<std::string, std::int64_t> balances_fold(upcasting how);

// The same as people do it over a store that only reads rows.
void take_flatbuffers(balances& rows, std::string_view data);
void take_json(balances& rows, std::string_view stream, std::string_view data);

}  // namespace bench
