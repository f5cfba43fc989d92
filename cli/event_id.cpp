#include "event_id.hpp"

#include <fmt/format.h>

#include "idem/error.hpp"

namespace idem::cli {

uuid parse_id(const std::string& text, const std::string& source) {
    if (const auto id = uuid::parse(text)) return *id;
    if (!source.empty()) return make_uuid_from_source(source, text);
    const bool number = text.find_first_not_of("0123456789") == std::string::npos;
    throw error(errc::invalid_input,
                fmt::format("{} is not a UUID; {}if it is the sender's id, add --source with the "
                            "sender's CloudEvents source",
                            text, number ? "`idem show` takes positions; " : ""));
}

}  // namespace idem::cli
