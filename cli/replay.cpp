// idem replay: a projection from nothing, beside what the store keeps of it.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/state.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "progress.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const replay_options& options, session& s) {
    const store from = open_to_read(options.store);
    const known_projection p = find_projection(s, from, options.name);
    require_definition(p);
    const std::uint64_t head = from.head();
    progress shown("replay");
    const state rows = from.replay(p.fold, query().to, [&](std::uint64_t position) {
        shown.update({position, head, position});
    });
    const double seconds = shown.seconds();
    shown.clear();
    const std::uint64_t position = rows.position();
    if (options.digest && !s.json_asked) {  // alone, for scripts
        s.out.write(to_string(rows.digest()) + "\n");
    } else if (options.digest) {
        json_line line;
        s.out.write(line.text("digest", to_string(rows.digest())).str());
    } else if (s.json) {
        json_line line;
        line.text("name", rows.name()).number("version", rows.version());
        line.number("position", position).number("rows", rows.row_count());
        line.text("digest", to_string(rows.digest())).text("order", order_word(p.fold));
        line.text("because", order_reason(p));
        s.out.write(line.str());
    } else {
        print_fields(s, {{"name", rows.name()},
                         {"version", std::to_string(rows.version())},
                         {"position", with_commas(position)},
                         {"rows", with_commas(rows.row_count())},
                         {"digest", to_string(rows.digest())},
                         {"order", order_word(p.fold) + ": " + order_reason(p)}});
    }
    const std::string speed = rate(position, seconds);
    s.tell(fmt::format("{} events in {:.2f} s{}{}", with_commas(position), seconds,
                       speed.empty() ? "" : ", ", speed));
    return success;
}

}  // namespace idem::cli
