// A compiled schema is a payload too: that of the schema of schemas. So it is verified as payloads
// are, with the same bound on what is shared; FlatBuffers' own verifier would count a list of
// comments anew for every field that refers to it, for minutes.
#pragma once

#include <string_view>

namespace idem {

// Throws invalid_input that names the place. Fields that a later FlatBuffers has added are skipped.
void check_bfbs(std::string_view bytes);

}  // namespace idem
