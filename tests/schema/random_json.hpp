// Payloads at random, as JSON that their schema takes.
#pragma once

#include <fmt/format.h>

#include <string>

#include "random_source.hpp"
#include "schema/model.hpp"

class random_json {
public:
    random_json(random_source& random, const idem::schema::model& model)
        : random_(random), model_(model) {}

    std::string of_table(const std::string& name) { return object_json(model_.table(name), 0); }

private:
    std::string object_json(const idem::schema_object& o, std::size_t depth) {
        constexpr std::size_t depth_max = 8;  // of tables that require themselves
        if (depth > depth_max) return "{}";
        std::string out = "{";
        const auto add = [&](const std::string& name, const std::string& value) {
            out += fmt::format("{}\"{}\":{}", out.size() == 1 ? "" : ",", name, value);
        };
        for (std::size_t i = 0; i < o.fields.size(); ++i) {
            const idem::schema_field& f = o.fields[i];
            const bool all = o.is_struct || f.required;
            if (!all && (depth > 4 || random_.below(3) == 0)) continue;
            const auto held = f.type.base == idem::base_type::vector ? f.type.element : f.type.base;
            if (held == idem::base_type::union_type) continue;  // with its value
            if (held != idem::base_type::union_value) {
                add(f.name, list_or_one(f.type, depth));
                continue;
            }
            const auto& members = model_.enums[f.type.enumeration].values;
            if (members.size() < 2) continue;
            std::string types;
            std::string values;
            const bool list = f.type.base == idem::base_type::vector;
            for (std::size_t n = list ? random_.below(3) : 1; n > 0; --n) {
                const auto& member = members[1 + random_.below(members.size() - 1)];
                types += fmt::format("{}\"{}\"", types.empty() ? "" : ",", member.name);
                values += (values.empty() ? "" : ",") +
                          value_json(member.member, member.member.base, depth + 1);
            }
            add(o.fields[i - 1].name, list ? "[" + types + "]" : types);
            add(f.name, list ? "[" + values + "]" : values);
        }
        return out + "}";
    }

    std::string list_or_one(const idem::field_type& t, std::size_t depth) {
        const bool array = t.base == idem::base_type::array;
        if (!array && t.base != idem::base_type::vector) return value_json(t, t.base, depth);
        std::string items;
        for (std::size_t n = array ? t.length : depth > 4 ? 0 : random_.below(4); n > 0; --n) {
            items += (items.empty() ? "" : ",") + value_json(t, t.element, depth + 1);
        }
        return "[" + items + "]";
    }

    std::string value_json(const idem::field_type& t, idem::base_type base, std::size_t depth) {
        if (base == idem::base_type::object)
            return object_json(model_.objects[t.object], depth + 1);
        if (base == idem::base_type::text) {
            return random_.pick(
                {R"("")", R"("a")", R"("\u0000\ud83d\ude00")", R"("caf\u00e9 \"x\"")"});
        }
        if (base == idem::base_type::boolean) return random_.pick({"true", "false"});
        if (idem::is_real(base))
            return random_.pick({"0", "-0.0", "0.1", "1e30", R"("NaN")", "-2"});
        if (t.enumeration != idem::no_index && random_.below(3) != 0) {
            const auto& values = model_.enums[t.enumeration].values;
            if (!values.empty()) return "\"" + values[random_.below(values.size())].name + "\"";
        }
        const bool sign = idem::is_signed(base) && random_.below(2) == 0;
        return fmt::format("{}{}", sign ? "-" : "", random_.below(127));
    }

    random_source& random_;
    const idem::schema::model& model_;
};
