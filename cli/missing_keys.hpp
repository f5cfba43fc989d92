// Saying that the data of data subjects is not here.
#pragma once

#include "idem/store.hpp"
#include "session.hpp"

namespace idem::cli {

// Where events were sealed and no file of keys is here. `what` comes of it.
void tell_missing_keys(const store& in, const char* what, session& s);
// The same, with how many events that are; reads the whole log where keys are missing.
void tell_sealed_events(const store& in, const char* what, session& s);

}  // namespace idem::cli
