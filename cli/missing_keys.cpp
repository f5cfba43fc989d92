#include "missing_keys.hpp"

#include <fmt/format.h>

#include "text.hpp"

namespace idem::cli {

void tell_missing_keys(const store& in, const char* what, session& s) {
    if (!in.keys_missing()) return;
    s.tell(fmt::format("{} has events of data subjects and no subjects.keys: {}",
                       printable(in.path().string()), what));
}

void tell_sealed_events(const store& in, const char* what, session& s) {
    if (!in.keys_missing()) return;
    std::uint64_t sealed = 0;
    for (const auto& subject : in.subjects()) sealed += subject.sealed;
    if (sealed == 0) return;  // all of it was erased
    s.tell(fmt::format("{} has the data of {} events sealed, and no subjects.keys: {}",
                       printable(in.path().string()), with_commas(sealed), what));
}

}  // namespace idem::cli
