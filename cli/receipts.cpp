#include "receipts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/store.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::string_view colour_of(outcome value) {
    switch (value) {
        case outcome::appended:
            return "\x1b[32m";
        case outcome::duplicate:
            return "\x1b[2m";
        default:
            return "\x1b[31m";
    }
}

}  // namespace

std::vector<told_receipt> receipts_of(std::span<const event> batch, const append_result& result) {
    std::vector<told_receipt> told;
    told.reserve(batch.size());
    if (result.accepted()) {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const receipt& r = result.receipts[i];
            told.push_back({r.id, r.outcome, r.position, batch[i].stream, r.revision});
        }
        return told;
    }
    const rejection& why = *result.rejection;
    for (std::size_t i = 0; i < batch.size(); ++i) {
        told_receipt r{batch[i].id, why.outcome, {}, batch[i].stream};
        const auto known =
            std::find_if(why.known.begin(), why.known.end(),
                         [&](const receipt& original) { return original.id == r.id; });
        if (known != why.known.end()) {
            r.position = known->position;
            r.revision = known->revision;
        }
        if (i == why.index) {
            r.detail = without_index(why.message());
            if (!why.field.empty()) r.field = why.field;
            r.match = why.match;
        }
        told.push_back(std::move(r));
    }
    return told;
}

void print(session& s, const told_receipt& r) {
    if (s.json) {
        json_line line;
        line.text("id", to_string(r.id)).text("outcome", to_string(r.outcome));
        line.number("position", r.position).text("stream", r.stream).number("revision", r.revision);
        if (r.field) line.text("field", *r.field);
        if (r.match) line.number("match", *r.match);
        if (r.detail) line.text("detail", *r.detail);
        s.out.write(line.str());
        return;
    }
    const std::string place =
        r.position ? fmt::format("{}  {}@{}", *r.position, printable(r.stream), *r.revision)
                   : printable(r.stream);
    const std::string word = fmt::format("{:<17}", to_string(r.outcome));
    s.out.write(s.colour ? fmt::format("{}{}\x1b[0m", colour_of(r.outcome), word) : word);
    s.out.write(fmt::format("  {}  {}\n", to_string(r.id), place));
    if (r.detail) s.out.write(fmt::format("{:<17}  {}\n", "", printable(*r.detail)));
}

}  // namespace idem::cli
