// The only file that sees FlatBuffers' compiler, which costs seconds to include.
#include <flatbuffers/idl.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "schema/model.hpp"
#include "schema/text_guard.hpp"

namespace idem {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::invalid_input, why, {.field = "schema"});
}

// Nothing where it cannot be opened: the parser looks for another then.
std::optional<std::string> read_included(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text(schema_limits::text_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

// One for all the ways to name a file in its folder, from where its own includes are looked for: it
// may include others that include it.
fs::path place_of(const fs::path& file) {
    std::error_code failed;
    const fs::path whole = fs::absolute(file, failed);
    const fs::path folder = fs::weakly_canonical(whole.parent_path(), failed);
    return failed ? whole : folder / whole.filename();
}

// Every file that the parser will read is looked at before: it would follow an include into a
// device or a pipe, and read what was not checked.
void check_text(const std::string& text, const std::string& file) {
    text_guard guard;
    std::set<fs::path> known = {place_of(file)};
    std::vector<std::pair<fs::path, std::string>> wanted;  // from a file, the name of one
    const auto look_at = [&](const std::string& content, const fs::path& from) {
        for (auto& name : guard.check(content, from.string())) {
            wanted.emplace_back(from, std::move(name));
        }
    };
    look_at(text, file);
    while (!wanted.empty()) {
        const auto [from, name] = std::move(wanted.back());
        wanted.pop_back();
        // Where the parser looks: beside the file that includes, then beside the first.
        for (const fs::path& folder : {from.parent_path(), fs::path(file).parent_path()}) {
            const fs::path included = folder.string().empty() ? name : folder.string() + "/" + name;
            std::error_code failed;
            if (!fs::exists(included, failed)) continue;
            if (!fs::is_regular_file(included, failed)) {
                refuse(fmt::format("{}: includes {}, which is no file", from.string(),
                                   text::shown(name)));
            }
            const auto content = read_included(included);
            if (!content) continue;
            if (known.insert(place_of(included)).second) look_at(*content, included);
            break;
        }
    }
}

// Without what a terminal or JSON could choke on, for it quotes the text; and not as long as that.
std::string shown_error(const std::string& message) {
    constexpr std::size_t bytes_max = 1000;
    const bool is_utf8 = !text::invalid_utf8(message);
    std::string out;
    for (const char c : message) {
        const auto byte = static_cast<unsigned char>(c);
        const bool continues = is_utf8 && (byte & 0xc0) == 0x80;
        if (out.size() >= bytes_max && !continues) return out + "...";
        if (byte == '\n') {
            out += ' ';
        } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8)) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

// The parser writes a default beyond 2^63 as 0, which would read old events wrongly. As the
// negative number of the same bits it stays what it is.
void keep_large_defaults(flatbuffers::Parser& parser) {
    for (flatbuffers::StructDef* object : parser.structs_.vec) {
        for (flatbuffers::FieldDef* field : object->fields.vec) {
            std::uint64_t number = 0;
            if (field->value.type.base_type == flatbuffers::BASE_TYPE_ULONG &&
                flatbuffers::StringToNumber(field->value.constant.c_str(), &number)) {
                field->value.constant = std::to_string(static_cast<std::int64_t>(number));
            }
        }
    }
}

}  // namespace

std::string compile_schema(const std::string& text, const std::string& file) {
    check_text(text, file);
    flatbuffers::IDLOptions options;
    options.binary_schema_comments = false;
    options.lang_to_generate = flatbuffers::IDLOptions::kCpp;  // unions of structs and texts
    options.binary_schema_builtins = true;                     // attributes such as bit_flags
    options.no_warnings = true;                                // they would fill the error
    flatbuffers::Parser parser(options);
    const std::string folder = fs::path(file).parent_path().string();
    const char* include_paths[] = {folder.empty() ? "." : folder.c_str(), nullptr};
    if (!parser.Parse(text.c_str(), include_paths, file.empty() ? nullptr : file.c_str())) {
        refuse(shown_error(parser.error_));
    }
    keep_large_defaults(parser);
    parser.Serialize();
    return {reinterpret_cast<const char*>(parser.builder_.GetBufferPointer()),
            parser.builder_.GetSize()};
}

}  // namespace idem
