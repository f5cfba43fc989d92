#include "select.hpp"

#include "idem/cloudevents.hpp"
#include "idem/error.hpp"

namespace idem::cli {
namespace {

timestamp parse_time(const char* option, const std::string& text) {
    constexpr std::size_t day_alone = 10;  // 2018-07-15
    try {
        return parse_timestamp(text.size() == day_alone ? text + "T00:00:00Z" : text);
    } catch (const error&) {
        throw error(errc::invalid_input,
                    std::string(option) + " " + text +
                        ": give a day or a time such as 2018-07-15 or 2018-07-15T17:00:00Z");
    }
}

}  // namespace

query to_query(const selection& chosen) {
    query select;
    select.stream = chosen.stream;
    select.types = chosen.types;
    select.tags = chosen.tags;
    select.correlation_id = chosen.correlation;
    if (chosen.since) select.since = parse_time("--since", *chosen.since);
    if (chosen.until) select.until = parse_time("--until", *chosen.until);
    if (chosen.from) select.from = *chosen.from;
    if (chosen.to) select.to = *chosen.to;
    if (chosen.limit) select.limit = *chosen.limit;
    if (chosen.reverse) select.direction = direction::backwards;
    return select;
}

}  // namespace idem::cli
