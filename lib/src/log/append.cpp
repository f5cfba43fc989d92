#include "idem/append.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace idem {

std::string_view to_string(outcome value) noexcept {
    switch (value) {
        case outcome::appended:
            return "appended";
        case outcome::duplicate:
            return "duplicate";
        case outcome::id_conflict:
            return "id_conflict";
        case outcome::wrong_revision:
            return "wrong_revision";
        case outcome::partial_duplicate:
            return "partial_duplicate";
        case outcome::condition_failed:
            return "condition_failed";
        case outcome::erased:
            return "erased";
    }
    return "unknown";
}

bool expected_revision::holds_for(std::optional<std::uint64_t> actual) const noexcept {
    switch (kind_) {
        case kind::any:
            return true;
        case kind::no_stream:
            return !actual;
        case kind::stream_exists:
            return actual.has_value();
        case kind::exactly:
            return actual == last_;
    }
    return false;
}

std::string to_string(expected_revision expected) {
    using kind = expected_revision::kind;
    switch (expected.kind_) {
        case kind::any:
            return "any";
        case kind::no_stream:
            return "no_stream";
        case kind::stream_exists:
            return "stream_exists";
        case kind::exactly:
            return std::to_string(expected.last_);
    }
    return "unknown";
}

outcome append_result::outcome() const noexcept {
    if (rejection) return rejection->outcome;
    for (const receipt& r : receipts) {
        if (r.outcome == outcome::appended) return outcome::appended;
    }
    return outcome::duplicate;
}

std::string rejection::message() const {
    switch (outcome) {
        case outcome::id_conflict:
            if (known.empty()) {
                return fmt::format("event {} repeats an id of its own batch, with other {}", index,
                                   field);
            }
            return fmt::format(
                "event {}: its id is known at position {}, with other {}; give it an id of "
                "its own, or compare both with `idem why STORE {} --event FILE`",
                index, known.front().position, field, to_string(known.front().id));
        case outcome::wrong_revision:
            return fmt::format(
                "event {}: the stream {} was expected at {} and stands at {}; read it "
                "again and decide anew",
                index, text::shown(stream), expected,
                actual ? std::to_string(*actual) : "no_stream");
        case outcome::partial_duplicate:
            return fmt::format(
                "{} of the batch's ids are known, the first at position {}; an "
                "all-or-nothing batch is redelivered whole or not at all",
                known.size(), known.front().position);
        case outcome::condition_failed:
            if (match) {
                return fmt::format(
                    "event {}: the event at position {} stands against the condition; read up to "
                    "there and decide anew",
                    index, *match);
            }
            return fmt::format(
                "event {}: a row of projection {} is not as it was read; read it again and decide "
                "anew",
                index, text::shown(projection));
        case outcome::erased:
            if (!field.empty()) {
                return fmt::format(
                    "event {}: the data of subject {} was erased, and new events of it are refused "
                    "until it is readmitted (`idem erase STORE --readmit {}`)",
                    index, text::shown(key), text::shown(key));
            }
            if (known.empty()) {
                return fmt::format("event {}: it was erased before it came; it cannot come back",
                                   index);
            }
            return fmt::format(
                "event {}: its id is known at position {}, and its data was erased; "
                "it cannot come back",
                index, known.front().position);
        case outcome::appended:
        case outcome::duplicate:
            return "";
    }
    return "";
}

}  // namespace idem
