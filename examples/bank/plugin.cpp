// The bank's projections for the command line: idem --plugin ./libbank.so state bank.idem accounts
#include <vector>

#include "projections.hpp"

std::vector<idem::projection> idem_projections() {
    return {bank::accounts()};
}
