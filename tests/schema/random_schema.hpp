// Schemas, changes of them, payloads and damages at random, all of one seed.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "random_json.hpp"

class random_schema {
public:
    explicit random_schema(std::uint64_t seed) : random_(seed) {
        const std::size_t n = 1 + random_.below(4);
        for (std::size_t i = 0; i < n; ++i) add_enum();
        for (std::size_t i = 0; i < n; ++i) add_table(true);
        for (std::size_t i = 0; i < n; ++i) add_table(false);
    }

    // Sound, until changes.
    std::string text() const {
        std::string out = "namespace made;\n";
        for (const auto& e : enums_) {
            out += fmt::format("enum {}:{} {{", e.name, e.kind);
            for (const auto& v : e.parts) out += fmt::format(" {}{},", v.name, v.more);
            out += " }\n";
        }
        out += structs_text(true);
        out += fmt::format("union Either {{ {}, text:string }}\n", union_members_);
        return out + structs_text(false) + "root_type T0;\n";
    }

    // One of the things that people do to schemas; what comes out need not be one any more.
    void change() {
        auto& tables = random_.below(4) == 0 ? enums_ : objects_;
        auto& table = tables[random_.below(tables.size())];
        if (table.parts.empty()) return;
        auto& part = table.parts[random_.below(table.parts.size())];
        switch (random_.below(9)) {
            case 0:
                part.name += "_x";
                break;
            case 1:
                std::swap(part, table.parts[random_.below(table.parts.size())]);
                break;
            case 2:
                table.parts.erase(table.parts.begin() + (&part - table.parts.data()));
                break;
            case 3:
                table.parts.insert(table.parts.begin() + (&part - table.parts.data()),
                                   {"added", "int", ""});
                break;
            case 4:
                part.kind = any_type(false);
                break;
            case 5:
                part.more =
                    random_.pick({"", " (deprecated)", " (required)", " = 1", " = null", " (key)"});
                break;
            case 6:
                table.name += "X";
                break;
            case 7:
                union_members_ = random_.pick({"T0", "S0, T0", "T0, S0", "Other:T0"});
                break;
            default:
                std::swap(table.kind, tables[random_.below(tables.size())].kind);
        }
    }

    std::string json(const idem::schema& of, const std::string& table) {
        return random_json(random_, of.get_model()).of_table(table);
    }

    std::string damage(std::string bytes) { return random_.damage(std::move(bytes)); }

private:
    struct named {
        std::string name;
        std::string kind;  // its type
        std::string more;  // what stands behind it
    };
    struct declaration {
        std::string name;
        std::string kind;
        std::vector<named> parts;
    };

    std::string number() {
        return random_.pick({"bool", "byte", "ubyte", "short", "ushort", "int", "uint", "long",
                             "ulong", "float", "double"});
    }

    std::string any_type(bool in_struct) {
        const std::size_t structs = structs_;
        switch (random_.below(in_struct ? 4 : 9)) {
            case 0:
                return enums_[random_.below(enums_.size())].name;
            case 1:
                return structs == 0 ? number() : fmt::format("S{}", random_.below(structs));
            case 2:
                return in_struct ? fmt::format("[{}:{}]", number(), 1 + random_.below(3))
                                 : "Either";
            case 4:
                return "string";
            case 5:
                return fmt::format("T{}", random_.below(structs));  // as many tables as structs
            case 6:
                return "[" +
                       random_.pick({"string", "ubyte", "double", "Either", "T0", "S0", "E0"}) +
                       "]";
            default:
                return number();
        }
    }

    void add_enum() {
        const bool flags = random_.below(3) == 0;
        declaration e{
            fmt::format("E{}", enums_.size()), random_.pick({"byte", "int", "ulong"}), {}};
        if (flags) e.kind = "ubyte (bit_flags)";
        std::size_t next = 0;
        for (std::size_t i = 0, n = 1 + random_.below(4); i < n; ++i) {
            e.parts.push_back({fmt::format("V{}", i), "", fmt::format(" = {}", next)});
            next += 1 + (flags ? 0 : random_.below(9));
        }
        enums_.push_back(std::move(e));
    }

    void add_table(bool is_struct) {
        declaration o{fmt::format("{}{}", is_struct ? "S" : "T", is_struct ? structs_ : tables_++),
                      is_struct ? "struct" : "table",
                      {}};
        for (std::size_t i = 0, n = random_.below(7) + (is_struct ? 1 : 0); i < n; ++i) {
            named p{fmt::format("f{}", i), any_type(is_struct), ""};
            if (!is_struct && p.kind == "string" && random_.below(3) == 0) p.more = " (required)";
            if (!is_struct && p.kind == "int") p.more = random_.pick({"", " = -7", " = null"});
            if (!is_struct && p.kind == "double") p.more = random_.pick({"", " = 0.1", " = nan"});
            o.parts.push_back(std::move(p));
        }
        if (is_struct) ++structs_;
        objects_.push_back(std::move(o));
    }

    std::string structs_text(bool structs) const {
        std::string out;
        for (const auto& o : objects_) {
            if ((o.kind == "struct") != structs) continue;
            out += fmt::format("{} {} {{", o.kind, o.name);
            for (const auto& p : o.parts) out += fmt::format(" {}:{}{};", p.name, p.kind, p.more);
            out += " }\n";
        }
        return out;
    }

    random_source random_;
    std::vector<declaration> enums_;
    std::vector<declaration> objects_;
    std::string union_members_ = "T0, S0";
    std::size_t structs_ = 0;
    std::size_t tables_ = 0;
};
