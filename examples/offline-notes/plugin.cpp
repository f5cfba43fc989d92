// The notes for the command line: idem --plugin ./libnotes.so state phone.idem notes
#include <vector>

#include "notes.hpp"

std::vector<idem::projection> idem_projections() {
    return {notes::all};
}
