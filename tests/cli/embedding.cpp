// The smallest application with the command line inside.
#include <idem/cli.hpp>

std::vector<idem::projection> idem_projections();

int main(int argc, char** argv) {
    return idem::run_command_line(argc, argv, idem_projections());
}
