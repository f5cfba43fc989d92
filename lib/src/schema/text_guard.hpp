// What FlatBuffers' parser must not meet: it was not made for the text of strangers. It aborts on
// too many fields, its time grows with the square of some counts, it opens whatever an include
// names.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "schema/model.hpp"

namespace idem {

// One for all files of a schema: the limits hold for their sum.
class text_guard {
public:
    // The files that the text includes, as it names them. Throws invalid_input that names the file
    // (empty: "the schema"), the line and the limit. Says nothing of what is only wrong: the parser
    // does.
    std::vector<std::string> check(std::string_view text, const std::string& file);

private:
    class scan;

    std::size_t bytes_ = 0;
    std::size_t includes_ = 0;
    std::size_t namespaces_ = 0;
    std::size_t declarations_ = 0;
};

}  // namespace idem
