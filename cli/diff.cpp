// idem diff: the rows of two versions of projections.
#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "open_store.hpp"
#include "print_differences.hpp"
#include "version_name.hpp"

namespace idem::cli {

int run(const diff_options& options, session& s) {
    const version_name before = parse_version_name(options.before);
    const version_name after = parse_version_name(options.after);
    const store from = open_to_read(options.store);
    print_differences(kept_rows(s, from, before.name, before.version),
                      kept_rows(s, from, after.name, after.version), {.limit = options.limit}, s);
    return success;
}

}  // namespace idem::cli
