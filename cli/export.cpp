// idem export: events as CloudEvents lines, ready for `idem import`.
#include "commands.hpp"
#include "exit_code.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "select.hpp"

namespace idem::cli {

int run(const export_options& options, session& s) {
    const query select = to_query(options.select);
    write_cloudevents(open_to_read(options.store), select,
                      options.raw ? data_form::stored : data_form::json, s.out);
    return success;
}

}  // namespace idem::cli
