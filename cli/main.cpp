#include "idem/cli.hpp"

int main(int argc, char** argv) {
    return idem::run_command_line(argc, argv);
}
