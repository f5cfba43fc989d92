#include "idem/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>

#include "idem/error.hpp"
#include "schema/model.hpp"
#include "schema/payload.hpp"

namespace idem {
namespace {

std::string read_whole(const std::filesystem::path& file) {
    std::error_code failed;
    const auto kind = std::filesystem::status(file, failed).type();
    if (kind == std::filesystem::file_type::not_found) {
        throw error(errc::not_found, fmt::format("there is no schema file {}", file.string()));
    }
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    if (!in || kind == std::filesystem::file_type::directory) {
        throw error(errno == EACCES ? errc::permission_denied : errc::io,
                    fmt::format("the schema file {} cannot be read", file.string()));
    }
    std::string text(schema_limits::bfbs_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > schema_limits::bfbs_bytes_max) {
        throw error(errc::invalid_input, fmt::format("{}: has more than {} bytes", file.string(),
                                                     schema_limits::bfbs_bytes_max));
    }
    return text;
}

}  // namespace

schema schema::from_bfbs(std::string_view bytes) {
    return schema(std::make_shared<const model>(load_model(std::string(bytes))));
}

schema schema::from_text(std::string_view fbs) {
    return from_bfbs(compile_schema(std::string(fbs), ""));
}

schema schema::read(const std::filesystem::path& file) {
    const std::string content = read_whole(file);
    if (file.extension() != ".bfbs") return from_bfbs(compile_schema(content, file.string()));
    try {
        return from_bfbs(content);
    } catch (const error& e) {
        throw error(e.code(), fmt::format("{}: {}", file.string(), e.what()), e.place());
    }
}

std::string_view schema::bfbs() const noexcept {
    return model_->bytes;
}

bool schema::has_table(std::string_view name) const noexcept {
    const schema_object* found = model_->find_object(name);
    return found && !found->is_struct;
}

std::vector<std::string> schema::event_types() const {
    std::set<std::size_t> held;
    for (const schema_object& o : model_->objects) {
        for (const schema_field& f : o.fields) {
            // A table that holds itself can still be an event.
            if (f.type.object != no_index && &model_->objects[f.type.object] != &o) {
                held.insert(f.type.object);
            }
        }
    }
    for (const schema_enum& e : model_->enums) {
        for (const enum_value& v : e.values) held.insert(v.member.object);
    }
    std::vector<std::string> types;
    for (std::size_t i = 0; i < model_->objects.size(); ++i) {
        const schema_object& o = model_->objects[i];
        if (!o.is_struct && (!held.contains(i) || o.name == model_->root)) types.push_back(o.name);
    }
    std::sort(types.begin(), types.end());
    return types;
}

void schema::check(std::string_view table, std::string_view payload) const {
    check_payload(*model_, model_->table(table), payload);
}

std::string schema::to_json(std::string_view table, std::string_view payload) const {
    return print_payload(*model_, model_->table(table), payload);
}

std::string schema::from_json(std::string_view table, std::string_view json) const {
    return build_payload(*model_, model_->table(table), json);
}

}  // namespace idem
