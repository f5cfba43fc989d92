// idem types: every event type and schema version with its number of events.
#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const types_options& options, session& s) {
    const store from = open_to_read(options.store);
    table rows(s, {{"type"}, {"schema version", align::right}, {"events", align::right}});
    for (const auto& type : from.types()) {
        if (s.json) {
            json_line line;
            line.text("type", type.type).number("schema_version", type.schema_version);
            line.number("events", type.events);
            s.out.write(line.str());
        } else {
            rows.add({type.type, std::to_string(type.schema_version), with_commas(type.events)});
        }
    }
    rows.finish("events");
    return success;
}

}  // namespace idem::cli
