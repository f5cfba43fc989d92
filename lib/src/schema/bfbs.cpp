#include "schema/bfbs.hpp"

#include <initializer_list>

#include "schema/walk.hpp"

namespace idem {
namespace {

// The tables of reflection.fbs, in its terms.
enum table : std::size_t {
    type,
    key_value,
    enum_val,
    enumeration,
    field,
    object,
    rpc_call,
    service,
    schema_file,
    whole,
};

struct row {
    const char* name;
    base_type base;
    std::size_t of = no_index;  // the table in it
    bool required = false;
};

constexpr auto text = base_type::text;
constexpr auto boolean = base_type::boolean;
constexpr auto one = base_type::object;
constexpr auto list = base_type::vector;
constexpr bool required = true;

schema_object make(const char* name, std::initializer_list<row> rows) {
    schema_object made;
    made.name = name;
    for (const row& r : rows) {
        schema_field f;
        f.name = r.name;
        f.id = static_cast<std::uint16_t>(made.fields.size());
        f.offset = static_cast<std::uint16_t>(4 + 2 * f.id);
        f.type.base = r.base;
        f.type.object = r.of;
        if (r.base == list) f.type.element = r.of == no_index ? text : one;
        f.required = r.required;
        made.fields.push_back(std::move(f));
    }
    return made;
}

schema::model make_model() {
    const row attributes = {"attributes", list, key_value};
    const row documentation = {"documentation", list};
    const row declared_in = {"declaration_file", text};
    schema::model m;
    m.objects.push_back(make("type", {{"base_type", base_type::int8},
                                      {"element", base_type::int8},
                                      {"index", base_type::int32},
                                      {"fixed_length", base_type::uint16},
                                      {"base_size", base_type::uint32},
                                      {"element_size", base_type::uint32}}));
    m.objects.push_back(make("attribute", {{"key", text, no_index, required}, {"value", text}}));
    m.objects.push_back(make("value", {{"name", text, no_index, required},
                                       {"value", base_type::int64},
                                       {"object", one, object},  // of old versions
                                       {"union_type", one, type},
                                       documentation}));
    m.objects.push_back(make("enum", {{"name", text, no_index, required},
                                      {"values", list, enum_val, required},
                                      {"is_union", boolean},
                                      {"underlying_type", one, type, required},
                                      attributes,
                                      documentation,
                                      declared_in}));
    m.objects.push_back(make("field", {{"name", text, no_index, required},
                                       {"type", one, type, required},
                                       {"id", base_type::uint16},
                                       {"offset", base_type::uint16},
                                       {"default_integer", base_type::int64},
                                       {"default_real", base_type::float64},
                                       {"deprecated", boolean},
                                       {"required", boolean},
                                       {"key", boolean},
                                       attributes,
                                       documentation,
                                       {"optional", boolean},
                                       {"padding", base_type::uint16}}));
    m.objects.push_back(make("object", {{"name", text, no_index, required},
                                        {"fields", list, field, required},
                                        {"is_struct", boolean},
                                        {"minalign", base_type::int32},
                                        {"bytesize", base_type::int32},
                                        attributes,
                                        documentation,
                                        declared_in}));
    m.objects.push_back(make("call", {{"name", text, no_index, required},
                                      {"request", one, object, required},
                                      {"response", one, object, required},
                                      attributes,
                                      documentation}));
    m.objects.push_back(make("service", {{"name", text, no_index, required},
                                         {"calls", list, rpc_call},
                                         attributes,
                                         documentation,
                                         declared_in}));
    m.objects.push_back(
        make("file", {{"filename", text, no_index, required}, {"included_filenames", list}}));
    m.objects.push_back(make("schema", {{"objects", list, object, required},
                                        {"enums", list, enumeration, required},
                                        {"file_ident", text},
                                        {"file_ext", text},
                                        {"root_table", one, object},
                                        {"services", list, service},
                                        {"advanced_features", base_type::uint64},
                                        {"fbs_files", list, schema_file}}));
    return m;
}

class silent_sink final : public payload_sink {};

}  // namespace

void check_bfbs(std::string_view bytes) {
    static const schema::model model = make_model();
    silent_sink sink;
    walk_payload(
        model, model.objects[whole], bytes, sink,
        {.name = "schema", .skip_unknown = true, .steps_max = schema_limits::bfbs_steps_max});
}

}  // namespace idem
