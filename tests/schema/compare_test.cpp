// Pairs of schemas, one a rule, and what must be said of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "idem/schema.hpp"

namespace {

struct pair_case {
    const char* before;
    const char* after;
    std::vector<std::string> changes;  // "compatibility rule table.field"
};

std::string shown(const idem::schema_change& c) {
    std::string place = c.table;
    if (!c.field.empty()) place += (place.empty() ? "" : ".") + c.field;
    return std::string(to_string(c.compatibility)) + " " + c.rule + " " + place;
}

std::vector<std::string> changes_of(const char* before, const char* after) {
    std::vector<std::string> found;
    const auto changes = compare(idem::schema::from_text(before), idem::schema::from_text(after));
    for (const auto& c : changes) {
        CHECK_MESSAGE(!c.message.empty(), shown(c));
        found.push_back(shown(c));
    }
    return found;
}

std::string joined(std::vector<std::string> changes) {
    std::sort(changes.begin(), changes.end());
    std::string all;
    for (const auto& change : changes) all += change + "; ";
    return all;
}

const std::vector<pair_case> cases = {
    {"table T { a:int; }", "table T { a:int; }", {}},
    // What a comment, another order of declarations or another layout of the text changes: nothing.
    {"table T { a:int; } table U { b:int; }",
     "// told anew\ntable U {\n  b:int;\n}\n table T { a:int; }",
     {}},
    // Tables.
    {"table T { a:int; }", "table T { a:int; } table U { b:int; }", {"safe table_added U"}},
    {"table T { a:int; } table U { b:int; }",
     "table T { a:int; }",
     {"needs_upcaster table_deleted U"}},
    {"table T { a:int; }", "table V { a:int; }", {"needs_upcaster table_renamed T"}},
    {"namespace a; table T { a:int; }",
     "namespace b; table T { a:int; }",
     {"needs_upcaster table_renamed a.T"}},
    {"table I { a:int; } table T { i:I; }",
     "table J { a:int; } table T { i:J; }",
     {"needs_upcaster table_renamed I"}},
    {"table T { a:int; }", "struct T { a:int; }", {"forbidden kind_changed T"}},
    {"struct S { a:int; } table T { s:S; }",
     "struct Z { a:int; } table T { s:Z; }",
     {"needs_upcaster struct_renamed S"}},
    {"table X { a:int; } union U { X } table T { u:U; }",
     "table X { a:int; } union V { X } table T { u:V; }",
     {"safe union_renamed U"}},
    // Fields.
    {"table T { a:int; }", "table T { a:int; b:string; }", {"safe field_added T.b"}},
    {"table T { a:int; }",
     "table T { a:int; b:string (required); }",
     {"needs_upcaster field_added_required T.b"}},
    {"table T { a:int; b:int; }", "table T { a:int; }", {"needs_upcaster field_deleted T.b"}},
    {"table T { a:int; b:int; }",
     "table T { a:int (deprecated); b:int; }",
     {"safe field_deprecated T.a"}},
    {"table T { a:int (deprecated); b:int; }",
     "table T { a:int; b:int; }",
     {"safe field_restored T.a"}},
    {"table T { a:int; b:string; }",
     "table T { b:string; }",
     {"needs_upcaster field_deleted T.a", "forbidden field_id_changed T.b"}},
    {"table T { a:int; b:int; }",
     "table T { b:int; a:int; }",
     {"forbidden field_id_changed T.a", "forbidden field_id_changed T.b"}},
    {"table T { a:int; b:int; }",
     "table T { a:int; x:int; b:int; }",
     {"forbidden field_id_changed T.b", "safe field_added T.x"}},
    {"table T { a:int; b:int; }",
     "table T { b:int (id: 1); x:int (id: 2); a:int (id: 0); }",
     {"safe field_added T.x"}},
    {"table T { a:int; }", "table T { euros:int; }", {"needs_upcaster field_renamed T.a"}},
    {"table T { a:int; }", "table T { euros:string; }", {"forbidden field_replaced T.a"}},
    {"table T { a:int; }", "table T { a:long; }", {"forbidden field_type_changed T.a"}},
    {"table T { a:int; }", "table T { a:uint; }", {"forbidden field_type_changed T.a"}},
    {"table T { a:int; }", "table T { a:string; }", {"forbidden field_type_changed T.a"}},
    {"table T { a:int; }", "table T { a:[int]; }", {"forbidden field_type_changed T.a"}},
    {"table T { a:[int]; }", "table T { a:[short]; }", {"forbidden field_type_changed T.a"}},
    {"table I { a:int; } table J { a:string; } table T { i:I; }",
     "table I { a:int; } table J { a:string; } table T { i:J; }",
     {"forbidden field_type_changed T.i"}},
    {"table I { a:int; } table J { b:int; } table T { b:[ubyte] (nested_flatbuffer: \"I\"); }",
     "table I { a:int; } table J { b:int; } table T { b:[ubyte] (nested_flatbuffer: \"J\"); }",
     {"forbidden field_type_changed T.b"}},
    {"table T { a:int = 1; }",
     "table T { a:int = 2; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"table T { a:double = 0.5; }",
     "table T { a:double = 0.25; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"table T { a:int; }",
     "table T { a:int = null; }",
     {"needs_upcaster field_presence_changed T.a"}},
    {"table T { a:int = null; }",
     "table T { a:int; }",
     {"needs_upcaster field_presence_changed T.a"}},
    {"table T { a:string; }",
     "table T { a:string (required); }",
     {"needs_upcaster field_made_required T.a"}},
    {"table T { a:string (required); }", "table T { a:string; }", {"safe field_made_optional T.a"}},
    {"table T { a:int; b:int; }",
     "table T { a:int (key); b:int; }",
     {"needs_upcaster field_key_changed T.a"}},
    {"table T { a:int (key); b:int; }",
     "table T { a:int; b:int (key); }",
     {"needs_upcaster field_key_changed T.a", "needs_upcaster field_key_changed T.b"}},
    {"table T { a:int = 1; }",
     "table T { b:int = 2; }",
     {"needs_upcaster field_renamed T.a", "needs_upcaster field_default_changed T.b"}},
    {"table T { a:bool = true; }",
     "table T { a:bool; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"enum E:byte { A, B } table T { e:E; }",
     "enum E:byte { A, B } table T { e:E = B; }",
     {"needs_upcaster field_default_changed T.e"}},
    {"table T { a:ulong = 18446744073709551615; }",
     "table T { a:ulong = 18446744073709551614; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"table T { a:double = nan; b:float = nan; }",
     "table T { a:double = nan; b:float = nan; }",
     {}},
    {"table T { a:double = nan; }",
     "table T { a:double = 1; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"table T { a:double = inf; }",
     "table T { a:double = -inf; }",
     {"needs_upcaster field_default_changed T.a"}},
    {"table T { a:float = 0.1; }", "table T { a:float = 0.100000001; }", {}},
    {"table T { a:int = 5; }",
     "table T { a:int = null; }",
     {"needs_upcaster field_presence_changed T.a"}},
    // What is deprecated is read by nobody.
    {"table T { a:int = 5; b:int; }",
     "table T { a:int = 6 (deprecated); b:int; }",
     {"safe field_deprecated T.a"}},
    {"table T { a:string (required); b:int; }",
     "table T { a:string (required, deprecated); b:int; }",
     {"safe field_deprecated T.a", "safe field_made_optional T.a"}},
    {"table T { a:string (required, deprecated); b:int; }",
     "table T { a:string (required); b:int; }",
     {"safe field_restored T.a", "needs_upcaster field_made_required T.a"}},
    {"table T { b:int; a:int (deprecated); }",
     "table T { b:int; }",
     {"needs_upcaster field_deleted T.a"}},
    // Tables within bytes.
    {"table I { a:int; } table T { b:[ubyte]; }",
     "table I { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"I\"); }",
     {"needs_upcaster field_nested_changed T.b"}},
    {"table I { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"I\"); }",
     "table I { a:int; } table T { b:[ubyte]; }",
     {"needs_upcaster field_nested_changed T.b"}},
    {"table I { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"I\"); }",
     "table J { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"J\"); }",
     {"needs_upcaster table_renamed I"}},
    {"namespace n; table I { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"I\"); }",
     "namespace n; table I { a:int; } table T { b:[ubyte] (nested_flatbuffer: \"n.I\"); }",
     {}},
    // Attributes that leave the bytes as they are.
    {"table T { a:string; b:int; c:[ubyte]; }",
     "table T (original_order) { a:string (shared); b:int (hash: \"fnv1_32\"); "
     "c:[ubyte] (force_align: 8); }",
     {}},
    // Types that bear the name of another.
    {"table A { a:int; } table B { b:string; } table T { x:A; }",
     "table B { a:int; } table A { b:string; } table T { x:B; }",
     {"forbidden field_replaced A.a", "forbidden field_replaced B.b",
      "forbidden field_type_changed T.x"}},
    {"namespace a; table In { n:int; } table Out { n:int; } table T { i:In; }",
     "namespace b; table Out { n:int; } namespace c; table In { n:int; } "
     "namespace a; table T { i:c.In; }",
     {"needs_upcaster table_renamed a.In", "needs_upcaster table_renamed a.Out"}},
    // Structs.
    {"struct S { a:int; } table T { s:S; }",
     "struct S { a:int (key); } table T { s:S; }",
     {"needs_upcaster field_key_changed S.a"}},
    {"struct I { a:int; } struct O { i:I; } table T { o:O; }",
     "struct I { a:float; } struct O { i:I; } table T { o:O; }",
     {"forbidden struct_changed I"}},
    {"struct I { a:int; } struct O { i:I; } table T { o:O; }",
     "struct I { a:int; b:int; } struct O { i:I; } table T { o:O; }",
     {"forbidden struct_changed I", "forbidden struct_changed O"}},
    {"struct I { a:int; } struct O { i:I; } table T { o:O; }",
     "struct J { a:int; } struct O { i:J; } table T { o:O; }",
     {"needs_upcaster struct_renamed I"}},
    {"struct S { a:[int:2]; } table T { s:S; }",
     "struct S { a:[int:3]; } table T { s:S; }",
     {"forbidden struct_changed S"}},
    {"struct S { a:[int:2]; } table T { s:S; }",
     "struct S { a:long; } table T { s:S; }",
     {"forbidden struct_changed S"}},
    {"struct S { a:[int:2]; } table T { s:[int]; i:S; }",
     "struct S { a:[int:2]; } table T { s:S; i:S; }",
     {"forbidden field_type_changed T.s"}},
    {"enum E:int { A } struct S { a:int; } table T { s:S; e:E; }",
     "enum E:int { A } struct S { a:E; } table T { s:S; e:E; }",
     {"needs_upcaster field_enum_changed S.a"}},
    {"struct S { a:int; } table T { s:S; }",
     "struct S { a:int; b:int; } table T { s:S; }",
     {"forbidden struct_changed S"}},
    {"struct S { a:int; b:int; } table T { s:S; }",
     "struct S { a:int; b:float; } table T { s:S; }",
     {"forbidden struct_changed S"}},
    {"struct S { a:int; b:int; } table T { s:S; }",
     "struct S { b:int; a:int; } table T { s:S; }",
     {"forbidden field_id_changed S.a", "forbidden field_id_changed S.b"}},
    {"struct S { a:int; } table T { s:S; }",
     "struct S { x:int; } table T { s:S; }",
     {"needs_upcaster field_renamed S.a"}},
    {"struct S { a:int; } table T { b:int; }",
     "struct S (force_align: 8) { a:int; } table T { b:int; }",
     {"forbidden struct_changed S"}},
    {"struct S { a:int; } table T { b:int; }",
     "table T { b:int; }",
     {"needs_upcaster struct_deleted S"}},
    {"table T { b:int; }", "struct S { a:int; } table T { b:int; }", {"safe struct_added S"}},
    // Enumerations.
    {"enum E:byte { A, B } table T { e:E; }",
     "enum E:byte { A, B, C } table T { e:E; }",
     {"safe enum_value_added E.C"}},
    {"enum E:byte { A, B } table T { e:E; }",
     "enum E:byte { A } table T { e:E; }",
     {"needs_upcaster enum_value_deleted E.B"}},
    {"enum E:byte { A, B } table T { e:E; }",
     "enum E:byte { A, Z } table T { e:E; }",
     {"needs_upcaster enum_value_renamed E.B"}},
    {"enum E:byte { A, B, C } table T { e:E; }",
     "enum E:byte { A, C, B } table T { e:E; }",
     {"forbidden enum_value_changed E.B", "forbidden enum_value_changed E.C"}},
    {"enum E:byte { A, B, C } table T { e:E; }",
     "enum E:byte { A, C } table T { e:E; }",
     {"forbidden enum_value_changed E.B", "forbidden enum_value_changed E.C"}},
    {"enum E:byte { A } table T { e:E; }",
     "enum E:short { A } table T { e:E; }",
     {"forbidden field_type_changed T.e", "forbidden enum_type_changed E"}},
    {"enum E:ubyte { A } table T { e:E; }",
     "enum E:ubyte (bit_flags) { A } table T { e:E = A; }",
     {"needs_upcaster field_default_changed T.e", "safe enum_flags_added E",
      "forbidden enum_value_changed E.A"}},
    {"enum E:byte { A } table T { e:E; }",
     "enum F:byte { A } table T { e:F; }",
     {"safe enum_renamed E"}},
    {"enum E:byte { A } table T { e:E; }",
     "enum F:byte { X } table T { e:F; }",
     {"needs_upcaster field_enum_changed T.e", "needs_upcaster enum_deleted E"}},
    {"enum E:byte { A } table T { e:byte; }",
     "enum E:byte { A } table T { e:E; }",
     {"needs_upcaster field_enum_changed T.e"}},
    {"namespace a; enum E:byte { A } table T { e:E; }",
     "namespace b; enum E:byte { A } namespace a; table T { e:b.E; }",
     {"safe enum_renamed a.E"}},
    {"enum E:ubyte { A = 1, B = 2 } table T { e:E = A; }",
     "enum E:ubyte (bit_flags) { A, B } table T { e:E = A; }",
     {"safe enum_flags_added E"}},
    {"enum E:ubyte (bit_flags) { A, B } table T { e:E = A; }",
     "enum E:ubyte { A = 1, B = 2 } table T { e:E = A; }",
     {"needs_upcaster enum_flags_dropped E"}},
    // Unions.
    {"table X { a:int; } table Y { b:int; } union U { X = 1, Y = 2 } table T { u:U; }",
     "table X { a:int; } table Y { b:int; } union U { Y = 2, X = 1 } table T { u:[U]; v:U; }",
     {"forbidden field_type_changed T.u_type", "forbidden field_type_changed T.u",
      "safe field_added T.v_type", "safe field_added T.v"}},
    {"table X { a:int; } table Y { b:int; } union U { X, Y } table T { u:[U]; }",
     "table X { a:int; } table Y { b:int; } union U { Y = 2, X = 1 } table T { u:[U]; }",
     {}},
    {"table X { a:int; } table Y { b:int; } union U { X, Y } table T { u:[U]; }",
     "table X { a:int; } table Y { b:int; } union U { Y = 1, X = 2 } table T { u:[U]; }",
     {"forbidden union_member_changed U.X", "forbidden union_member_changed U.Y"}},
    {"table X { a:int; } union U { X } table T { u:U; }",
     "table Y { a:int; } union U { Y } table T { u:U; }",
     {"needs_upcaster table_renamed X", "needs_upcaster union_member_renamed U.X"}},
    {"table X { a:int; } union U { A:X } table T { u:U; }",
     "table X { a:int; } union U { A:string } table T { u:U; x:X; }",
     {"forbidden union_member_changed U.A", "safe field_added T.x"}},
    {"table X { a:int; } table Y { b:int; } union U { X } table T { u:U; y:Y; }",
     "table X { a:int; } table Y { b:int; } union U { X, Y } table T { u:U; y:Y; }",
     {"safe union_member_added U.Y"}},
    {"table X { a:int; } table Y { b:int; } union U { X, Y } table T { u:U; y:Y; }",
     "table X { a:int; } table Y { b:int; } union U { X } table T { u:U; y:Y; }",
     {"needs_upcaster union_member_deleted U.Y"}},
    {"table X { a:int; } table Y { b:int; } union U { X, Y } table T { u:U; }",
     "table X { a:int; } table Y { b:int; } union U { Y, X } table T { u:U; }",
     {"forbidden union_member_changed U.X", "forbidden union_member_changed U.Y"}},
    {"table X { a:int; } table Y { b:int; } union U { X } table T { u:U; y:Y; }",
     "table X { a:int; } table Y { b:int; } union U { Y } table T { u:U; y:Y; }",
     {"forbidden union_member_changed U.X", "safe union_member_added U.Y"}},
    {"table X { a:int; } union U { A:X } table T { u:U; }",
     "table X { a:int; } union U { B:X } table T { u:U; }",
     {"needs_upcaster union_member_renamed U.A"}},
    {"table X { a:int; } table Y { b:int; } union U { A:X } table T { u:U; y:Y; }",
     "table X { a:int; } table Y { b:int; } union U { A:Y } table T { u:U; y:Y; }",
     {"forbidden union_member_changed U.A"}},
    {"table X { a:int; } union U { X } table T { u:U; }",
     "table X { a:int; } table T { z:int; }",
     {"forbidden field_replaced T.u_type", "needs_upcaster field_deleted T.u",
      "needs_upcaster union_deleted U"}},
    // The schema as a whole.
    {"table T { a:int; } root_type T; file_identifier \"AAAA\";",
     "table T { a:int; } root_type T; file_identifier \"BBBB\";",
     {"forbidden file_identifier_changed file_identifier"}},
    {"table T { a:int; } root_type T;",
     "table T { a:int; } root_type T; file_identifier \"BBBB\";",
     {"forbidden file_identifier_changed file_identifier"}},
    {"table T { a:int; } table U { a:string; } root_type T;",
     "table T { a:int; } table U { a:string; } root_type U;",
     {"safe root_type_changed root_type"}},
};

}  // namespace

TEST_CASE("every change of a schema is named by its rule") {
    for (const pair_case& c : cases) {
        INFO(std::string(c.before), " -> ", std::string(c.after));
        CHECK(joined(changes_of(c.before, c.after)) == joined(c.changes));
    }
}

TEST_CASE("the page on evolution names every rule with its gravity, and no other") {
    std::ifstream page(IDEM_EVOLUTION_PAGE);
    REQUIRE(page);
    std::set<std::string> told;
    bool rules = false;
    for (std::string line; std::getline(page, line);) {
        rules = rules || line.starts_with("| rule |");
        if (!rules || !line.starts_with("| `")) continue;
        const auto end = line.find(" | ");
        const std::string gravity = line.substr(end + 3, line.find(" |", end + 3) - end - 3);
        for (auto at = line.find('`'); at < end; at = line.find('`', line.find('`', at + 1) + 1)) {
            told.insert(gravity + " " + line.substr(at + 1, line.find('`', at + 1) - at - 1));
        }
    }
    std::set<std::string> seen;
    for (const pair_case& c : cases) {
        for (const auto& change : c.changes) seen.insert(change.substr(0, change.rfind(' ')));
    }
    CHECK(joined({told.begin(), told.end()}) == joined({seen.begin(), seen.end()}));
}

TEST_CASE("a schema compared with itself has not changed") {
    for (const pair_case& c : cases) {
        CHECK(changes_of(c.before, c.before).empty());
        CHECK(changes_of(c.after, c.after).empty());
    }
}

TEST_CASE("the gravest change decides") {
    const auto grave = [](const char* before, const char* after) {
        return worst(compare(idem::schema::from_text(before), idem::schema::from_text(after)));
    };
    CHECK(grave("table T { a:int; }", "table T { a:int; }") == idem::compatibility::safe);
    CHECK(grave("table T { a:int; }", "table T { b:int; c:int; }") ==
          idem::compatibility::needs_upcaster);
    CHECK(grave("table T { a:int; b:int; }", "table T { x:int; b:long; }") ==
          idem::compatibility::forbidden);
}
