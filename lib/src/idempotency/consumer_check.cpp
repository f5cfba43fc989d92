#include "idempotency/consumer_check.hpp"

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/limits.hpp"
#include "idempotency/consumer_fold.hpp"

namespace idem {
namespace {

std::optional<consumer_fault> fault_of_texts(const char* field,
                                             const std::vector<std::string>& texts) {
    if (texts.size() > limits::condition_parts_max) {
        return consumer_fault{field, fmt::format("are {}; the limit is {}", texts.size(),
                                                 limits::condition_parts_max)};
    }
    for (const auto& text : texts) {
        if (auto why = fault_of_name(text)) return consumer_fault{field, *std::move(why)};
    }
    return std::nullopt;
}

// Nullopt: it is no list of texts.
std::optional<std::vector<std::string>> texts_in(const json::object_reader& from,
                                                 std::string_view name) {
    std::vector<std::string> found;
    const auto raw = from.raw(name);
    if (!raw) return found;
    bool sound = json::kind_of(*raw) == json::kind::array;
    if (sound) {
        json::each_item(*raw, [&](json::kind type, std::string_view item) {
            sound = sound && type == json::kind::string;
            // One more than there may be tells.
            if (sound && found.size() <= limits::condition_parts_max) {
                found.push_back(json::decode_string(item));
            }
        });
    }
    return sound ? std::optional(std::move(found)) : std::nullopt;
}

}  // namespace

std::optional<std::string> fault_of_name(std::string_view text) {
    if (text.empty()) return "is empty";
    if (text.size() > limits::name_bytes_max) {
        return fmt::format("has {} bytes; the limit is {}", text.size(), limits::name_bytes_max);
    }
    if (text::invalid_utf8(text)) return "is not UTF-8";
    if (text::has_control(text)) return "has a control character";
    return std::nullopt;
}

std::optional<consumer_fault> fault_of_options(const consumer_options& options) {
    const consumer_filter& filter = options.filter;
    if (filter.stream) {
        if (auto why = fault_of_name(*filter.stream)) return consumer_fault{"stream", *why};
    }
    if (filter.stream == consumers_stream) {
        return consumer_fault{"stream",
                              "is $consumers: each advance would be the consumer's next event"};
    }
    if (filter.correlation_id) {
        if (auto why = fault_of_name(*filter.correlation_id)) {
            return consumer_fault{"correlation_id", *why};
        }
    }
    if (auto fault = fault_of_texts("types", filter.types)) return fault;
    if (auto fault = fault_of_texts("tags", filter.tags)) return fault;
    if (options.limit == 0 || options.limit > limits::batch_events_max) {
        return consumer_fault{
            "limit", fmt::format("is {}: give 1 to {}", options.limit, limits::batch_events_max)};
    }
    if (options.start == consumer_start::position && options.from == 0) {
        return consumer_fault{"from", "is 0: positions count from 1"};
    }
    return std::nullopt;
}

std::optional<std::string> fault_of_creation(const json::object_reader& from) {
    const auto types = texts_in(from, "types");
    const auto tags = texts_in(from, "tags");
    if (!types || !tags) return "has types or tags that are no list of texts";
    const std::uint64_t start = from.number("start").value_or(~0ULL);
    if (start > static_cast<std::uint64_t>(consumer_start::position)) return "has no start";
    consumer_options options;
    options.filter = {from.text("stream"), *types, *tags, from.text("correlation"),
                      from.flag("reserved")};
    options.start = static_cast<consumer_start>(start);
    options.from = from.number("from").value_or(0);
    options.limit = from.number("limit").value_or(0);
    if (const auto fault = fault_of_options(options)) {
        return fmt::format("has a {} that {}", fault->field, fault->why);
    }
    const auto event = from.text("event");
    if (event && (options.start == consumer_start::beginning || !uuid::parse(*event))) {
        return "has a checkpoint that is not where it starts";
    }
    return std::nullopt;
}

}  // namespace idem
