// The only file that sees FlatBuffers' compiler, which costs seconds to include.
#include <flatbuffers/idl.h>
#include <fmt/format.h>

#include <filesystem>

#include "idem/error.hpp"
#include "schema/model.hpp"

namespace idem {

std::string compile_schema(const std::string& text, const std::string& file) {
    flatbuffers::IDLOptions options;
    options.binary_schema_comments = false;
    options.lang_to_generate = flatbuffers::IDLOptions::kCpp;  // unions of structs and texts
    options.binary_schema_builtins = true;                     // attributes such as bit_flags
    flatbuffers::Parser parser(options);
    const std::string folder = std::filesystem::path(file).parent_path().string();
    const char* include_paths[] = {folder.empty() ? "." : folder.c_str(), nullptr};
    if (text.find('\0') != std::string::npos) {
        throw error(errc::invalid_input,
                    fmt::format("{}: holds a zero byte, which no schema does; compiled ones have "
                                "names that end in .bfbs",
                                file.empty() ? "the schema" : file),
                    {.field = "schema"});
    }
    if (!parser.Parse(text.c_str(), include_paths, file.empty() ? nullptr : file.c_str())) {
        std::string what = parser.error_;
        while (!what.empty() && (what.back() == '\n' || what.back() == ' ')) what.pop_back();
        throw error(errc::invalid_input, what, {.field = "schema"});
    }
    parser.Serialize();
    return {reinterpret_cast<const char*>(parser.builder_.GetBufferPointer()),
            parser.builder_.GetSize()};
}

}  // namespace idem
