// idem export: events as CloudEvents lines, ready for `idem import`.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "select.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const export_options& options, session& s) {
    const query select = to_query(options.select);
    const auto left_out = write_cloudevents(open_to_read(options.store), select,
                                            options.raw ? data_form::stored : data_form::json,
                                            s.out, options.with_data, false);
    if (left_out > 0) {
        s.out.flush();
        s.tell(
            fmt::format("{} events of data subjects were printed without their data, which "
                        "import refuses; --with-data prints it",
                        with_commas(left_out)));
    }
    return success;
}

}  // namespace idem::cli
