#include "print_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "idem/cloudevents.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

bool is_text(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(),
                       [](char c) {
                           const auto byte = static_cast<unsigned char>(c);
                           return byte >= 0x20 || c == '\t' || c == '\n' || c == '\r';
                       }) &&
           printable(bytes).find("\uFFFD") == std::string::npos;
}

}  // namespace

std::uint64_t write_cloudevents(const store& from, query select, data_form form, output& out,
                                bool with_data, bool local_notes) {
    constexpr std::size_t chunk_bytes = 1 << 20;
    constexpr auto unlimited = std::numeric_limits<std::uint64_t>::max();
    std::string lines;
    std::uint64_t left_out = 0;
    select.to = std::min(select.to, from.head());
    const schema_set schemas = from.schemas();  // of all events up to there
    const auto print = [&](const event_view& e) {
        const bool sealed = e.sealed() || (!with_data && !e.data_subject().empty());
        if (sealed && !e.erased()) {
            recorded_event without = e.to_owned();
            without.data.clear();
            without.sealed = true;
            lines += to_cloudevent(without);
            ++left_out;
        } else {
            append_cloudevent(e, lines,
                              form == data_form::json ? schemas.to_json(e) : std::nullopt);
        }
        lines += '\n';
    };
    while (select.limit > 0) {
        bool more = false;
        std::uint64_t events = 0;
        std::uint64_t seen = 0;
        const std::uint64_t covered = from.read(select, [&](const event_view& e) {
            ++seen;
            if (local_notes || e.stream() != "$local") {
                print(e);
                ++events;
            }
            more = lines.size() >= chunk_bytes;
            return !more;
        });
        out.write(lines);
        lines.clear();
        if (!more && (seen < select.limit || events == seen)) break;
        if (select.limit != unlimited) select.limit -= events;
        if (select.direction == direction::backwards) {
            if (covered <= select.from) break;
            select.to = covered - 1;
        } else {
            select.from = covered + 1;
        }
    }
    return left_out;
}

std::optional<std::string> data_printer::to_json(const recorded_event& e) {
    if (e.erased || e.sealed) return std::nullopt;
    if (form_ == data_form::stored || e.content_type != flatbuffers_content_type) {
        return std::nullopt;
    }
    if (!schemas_ || !schemas_->find(e.type, e.schema_version)) schemas_ = from_.schemas();
    return schemas_->to_json(e);
}

event_table::event_table(session& s)
    : table_(s, {{"position", align::right},
                 {"time", align::left, false, true},
                 {"stream"},
                 {"revision", align::right},
                 {"type"},
                 {"data", align::left, true}}) {}

void event_table::add(const recorded_event& e, const std::optional<std::string>& json) {
    table_.add({std::to_string(e.position), short_time(e.time.value_or(timestamp())), e.stream,
                std::to_string(e.revision), e.type, json ? *json : shown_data(e)});
}

std::string short_time(timestamp time) {
    std::string text = to_string(time).substr(0, std::string_view("2018-07-15T17:00:00").size());
    std::replace(text.begin(), text.end(), 'T', ' ');
    return text;
}

std::string shown_data(const event& e) {
    if (e.erased) return "(erased)";
    if (e.sealed) return "(sealed: its key is not in this copy of the store)";
    if (is_text(e.data)) return e.data;
    return fmt::format("({} bytes of {})", e.data.size(), e.content_type);
}

}  // namespace idem::cli
