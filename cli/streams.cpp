// idem streams: every stream with its last revision.
#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"

namespace idem::cli {

int run(const streams_options& options, session& s) {
    constexpr std::size_t page = 100'000;  // each costs a pass over the index of streams
    const store from = open_to_read(options.store);
    table rows(s, {{"stream"}, {"revision", align::right}, {"position", align::right}});
    std::string after;
    for (;;) {
        const auto found = from.streams(after, page);
        for (const auto& stream : found) {
            if (s.json) {
                json_line line;
                line.text("stream", stream.name).number("revision", stream.last_revision);
                line.number("position", stream.last_position);
                s.out.write(line.str());
            } else {
                rows.add({stream.name, std::to_string(stream.last_revision),
                          std::to_string(stream.last_position)});
            }
        }
        if (found.size() < page) break;
        after = found.back().name;
    }
    rows.finish("streams");
    return success;
}

}  // namespace idem::cli
