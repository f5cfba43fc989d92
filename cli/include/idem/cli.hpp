// The whole `idem` command line, for an application that brings its own projections:
//
//     int main(int argc, char** argv) {
//         return idem::run_command_line(argc, argv, {bank::accounts()});
//     }
#pragma once

#include <vector>

#include "idem/projection.hpp"

namespace idem {

// Does what the command `idem` does with these arguments, and returns its exit code
// (cli/COMMANDS.md lists them). `projections` are known by name to `state`, `replay`, `projections`
// and `verify`, as those of plug-ins are.
//
// Call it once, from main(): it uses the process's standard streams, ignores SIGPIPE and SIGXFSZ,
// tells of a damaged store where the process would die of a signal such as SIGBUS that nobody
// handles, and some commands handle SIGINT and SIGTERM while they run. `verify` starts
// /proc/self/exe with the process's own arguments once more, to read a suspect file in a process
// that may die of it; so main() must come here again with the same arguments, and must not have
// opened the store before.
int run_command_line(int argc, char** argv, std::vector<projection> projections = {});

}  // namespace idem
