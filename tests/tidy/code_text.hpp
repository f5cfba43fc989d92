// C++ as the rules read it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

// The text with comments and the insides of literals turned into blanks, line by line as long as
// before, so that what is left is code.
std::string code_of(std::string_view text);

struct function_span {
    std::size_t first = 0;  // the line of its opening brace, from 1
    std::size_t last = 0;   // of its closing brace
};

struct functions {
    std::vector<function_span> spans;
    bool balanced = true;  // false: the braces of the file do not close; the spans are not reliable
};

// The functions of a file whose `code_of` is given: bodies in a namespace or a class, with whatever
// is nested in them. Classes, enumerations and tables of data are none.
functions find_functions(const std::vector<std::string>& code);

}  // namespace tidy
