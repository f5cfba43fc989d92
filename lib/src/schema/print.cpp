#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "idem/cloudevents.hpp"
#include "schema/payload.hpp"
#include "schema/walk.hpp"

namespace idem {
namespace {

// Looks at everything, tells nothing.
class silent_sink final : public payload_sink {};

template <class T>
T read_as(const char* bytes) noexcept {
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

std::int64_t read_integer(base_type base, const char* bytes) noexcept {
    switch (base) {
        case base_type::int8:
            return read_as<std::int8_t>(bytes);
        case base_type::int16:
            return read_as<std::int16_t>(bytes);
        case base_type::uint16:
            return read_as<std::uint16_t>(bytes);
        case base_type::int32:
            return read_as<std::int32_t>(bytes);
        case base_type::uint32:
            return read_as<std::uint32_t>(bytes);
        case base_type::int64:
        case base_type::uint64:
            return read_as<std::int64_t>(bytes);
        default:
            return read_as<std::uint8_t>(bytes);
    }
}

class json_sink final : public payload_sink {
public:
    explicit json_sink(const schema::model& model) : model_(model) {}
    std::string take() { return std::move(out_); }

    void begin_object() override { open('{'); }
    void end_object() override { close('}'); }
    void begin_list() override { open('['); }
    void end_list() override { close(']'); }

    void member(const schema_field& field) override {
        if (comma_) out_ += ',';
        out_ += to_json_string(field.name);
        out_ += ':';
        comma_ = false;
    }

    void absent(const schema_field& field) override {
        const field_type& t = field.type;
        if (!is_scalar(t.base) || t.base == base_type::union_type) return;
        if (field.deprecated || field.optional) return;
        member(field);
        if (t.base == base_type::float32) {
            real(static_cast<float>(field.default_real));
        } else if (t.base == base_type::float64) {
            real(field.default_real);
        } else {
            integer(t, t.base, field.default_integer);
        }
    }

    void scalar(const field_type& t, base_type base, const char* bytes) override {
        if (base == base_type::float32) return real(read_as<float>(bytes));
        if (base == base_type::float64) return real(read_as<double>(bytes));
        integer(t, base, read_integer(base, bytes));
    }

    bool reads_scalars() const noexcept override { return true; }
    std::size_t bytes() const noexcept override { return out_.size(); }
    void text(std::string_view value) override { put(to_json_string(value)); }

private:
    void open(char bracket) {
        if (comma_) out_ += ',';
        out_ += bracket;
        comma_ = false;
    }
    void close(char bracket) {
        out_ += bracket;
        comma_ = true;
    }
    void put(std::string_view value) {
        if (comma_) out_ += ',';
        out_ += value;
        comma_ = true;
    }

    template <class Real>
    void real(Real value) {
        if (std::isnan(value)) return put("\"NaN\"");
        if (std::isinf(value)) return put(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        put(fmt::format("{}", value));
    }

    void integer(const field_type& t, base_type base, std::int64_t value) {
        if (base == base_type::boolean) return put(value != 0 ? "true" : "false");
        if (t.enumeration != no_index) {
            const std::string names = names_of(model_.enums[t.enumeration], value);
            if (!names.empty()) return put(to_json_string(names));
        }
        if (base == base_type::uint64) {
            return put(fmt::format("{}", static_cast<std::uint64_t>(value)));
        }
        put(fmt::format("{}", value));
    }

    // Empty where the number has no name.
    static std::string names_of(const schema_enum& e, std::int64_t value) {
        if (const enum_value* found = e.find(value)) return found->name;
        if (!e.bit_flags) return {};
        std::string names;
        std::uint64_t rest = static_cast<std::uint64_t>(value);
        for (const enum_value& v : e.values) {
            const auto bit = static_cast<std::uint64_t>(v.value);
            if (bit == 0 || (rest & bit) != bit) continue;
            names += (names.empty() ? "" : " ") + v.name;
            rest &= ~bit;
        }
        return rest == 0 ? names : std::string();
    }

    const schema::model& model_;
    std::string out_;
    bool comma_ = false;
};

}  // namespace

void check_payload(const schema::model& model, const schema_object& root,
                   std::string_view payload) {
    silent_sink sink;
    walk_payload(model, root, payload, sink);
}

std::string print_payload(const schema::model& model, const schema_object& root,
                          std::string_view payload) {
    json_sink sink(model);
    walk_payload(model, root, payload, sink);
    return sink.take();
}

}  // namespace idem
