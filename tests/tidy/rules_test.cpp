// Each rule on small trees that break it: a rule that lets them pass would guard nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <utility>

#include "code_text.hpp"
#include "rules.hpp"
#include "scratch_folder.hpp"

namespace {

using files = std::initializer_list<std::pair<const char*, std::string>>;

tidy::source_tree make_tree(files list) {
    tidy::source_tree tree;
    for (const auto& [path, text] : list) tree.emplace(path, tidy::make_source_file(path, text));
    return tree;
}

std::string lines(std::size_t count, const std::string& line = "\n") {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += line;
    return text;
}

// The tree breaks one rule, there, and the message says so.
void expect_one(const std::vector<tidy::finding>& found, const std::string& path, std::size_t line,
                const std::string& part) {
    CAPTURE(part);
    REQUIRE(found.size() == 1);
    CHECK(found[0].path == path);
    CHECK(found[0].line == line);
    CHECK_MESSAGE(found[0].message.find(part) != std::string::npos, to_string(found[0]));
}

void expect_include(files list, const std::string& path, std::size_t line,
                    const std::string& part) {
    expect_one(tidy::check_includes(make_tree(list)), path, line, part);
}

// A file of the house that includes another.
std::string including(const std::string& name) {
    return "// why\n#include \"" + name + "\"\n";
}

}  // namespace

TEST_CASE("a tree that keeps the rules has no findings") {
    const auto tree = make_tree({
        {"lib/include/idem/store.hpp", "#include <string>\n#include \"idem/event.hpp\"\n"},
        {"lib/include/idem/event.hpp", "namespace idem {}\n"},
        {"lib/src/store.cpp", including("log/log.hpp") + including("causality/stamps.hpp")},
        {"lib/src/testing/testing.hpp", including("idem/store.hpp")},
        {"lib/src/causality/stamps.hpp", including("projection/run.hpp")},
        {"lib/src/projection/run.hpp", including("log/log.hpp") + including("run_more.hpp")},
        {"lib/src/projection/run_more.hpp", including("../base/text.hpp")},
        {"lib/src/log/log.hpp", including("storage/storage.hpp") + including("event_generated.h")},
        {"lib/src/storage/storage.hpp", including("base/text.hpp")},
        {"lib/src/storage/handles.hpp", "#include <lmdb.h>\n" + including("storage/storage.hpp")},
        {"lib/src/base/text.hpp", including("idem/event.hpp")},
        {"cli/main.cpp", including("idem/store.hpp") + including("text.hpp")},
        {"cli/text.hpp", "#include <fmt/format.h>\n"},
        {"examples/bank.cpp", including("idem/store.hpp") + including("bank_generated.h")},
        {"tests/log/log_test.cpp", including("log/log.hpp") + including("scratch_folder.hpp")},
        {"tests/bench/bare_lmdb.cpp", "#include <lmdb.h>\n"},
        {"tests/scratch_folder.hpp", "// #include <lmdb.h>\n"},
    });
    for (const auto& found : {check_includes(tree), check_lengths(tree), check_words(tree)}) {
        for (const tidy::finding& f : found) FAIL_CHECK(to_string(f));
        CHECK(found.empty());
    }
}

TEST_CASE("an arrow that points up is found") {
    expect_include({{"lib/src/base/text.cpp", including("storage/storage.hpp")},
                    {"lib/src/storage/storage.hpp", ""}},
                   "lib/src/base/text.cpp", 2, "storage, which is not below it");
    expect_include({{"lib/src/storage/pages.cpp", "#include <log/log.hpp>\n"},  // angles too
                    {"lib/src/log/log.hpp", ""}},
                   "lib/src/storage/pages.cpp", 1, "log, which is not below it");
    expect_include({{"lib/src/log/log.cpp", including("../projection/run.hpp")},
                    {"lib/src/projection/run.hpp", ""}},
                   "lib/src/log/log.cpp", 2, "projection, which is not below it");
    expect_include({{"lib/src/schema/a.cpp", including("projection/run.hpp")},
                    {"lib/src/projection/run.hpp", ""}},
                   "lib/src/schema/a.cpp", 2, "projection, which is not below it");
    expect_include({{"lib/src/log/log.cpp", including("backup.hpp")}, {"lib/src/backup.hpp", ""}},
                   "lib/src/log/log.cpp", 2, "store, which is not below it");
    expect_include({{"lib/src/store.cpp", "  #  include \"testing/testing.hpp\"\n"},
                    {"lib/src/testing/testing.hpp", ""}},
                   "lib/src/store.cpp", 1, "testing, which is not below it");
}

TEST_CASE("rooms side by side do not see each other") {
    expect_include({{"lib/src/causality/a.cpp", including("idempotency/keys.hpp")},
                    {"lib/src/idempotency/keys.hpp", ""}},
                   "lib/src/causality/a.cpp", 2, "idempotency, which is not below it");
    expect_include({{"lib/src/idempotency/a.cpp", including("causality/stamps.hpp")},
                    {"lib/src/causality/stamps.hpp", ""}},
                   "lib/src/idempotency/a.cpp", 2, "causality, which is not below it");
}

TEST_CASE("two rooms that include each other are found") {
    const auto found =
        check_includes(make_tree({{"lib/src/log/log.hpp", including("storage/storage.hpp")},
                                  {"lib/src/storage/storage.hpp", ""},
                                  {"lib/src/storage/pages.cpp", including("log/log.hpp")}}));
    CHECK(found.size() == 2);  // the arrow up, and the pair
    CHECK(std::ranges::any_of(found, [](const tidy::finding& f) {
        return f.path == "lib/src/log/log.hpp" && f.line == 2 &&
               f.message.find("log and storage include each other") != std::string::npos;
    }));
}

TEST_CASE("a room without a place in the order is found") {
    expect_include({{"lib/src/attic/box.cpp", ""}}, "lib/src/attic/box.cpp", 1, "no room");
}

TEST_CASE("lmdb.h outside the storage room is found, and what shows it") {
    for (const char* path : {"lib/src/log/a.cpp", "lib/src/store.cpp", "cli/a.cpp",
                             "examples/a.cpp", "tests/log/a.cpp"}) {
        expect_include({{path, "#include <lmdb.h>\n"}}, path, 1, "storage room alone");
    }
    expect_include({{"lib/src/log/a.cpp", including("storage/pages.hpp")},
                    {"lib/src/storage/pages.hpp", including("storage/handles.hpp")},
                    {"lib/src/storage/handles.hpp", "#include <lmdb.h>\n"}},
                   "lib/src/log/a.cpp", 2, "storage/pages.hpp shows lmdb.h");
}

TEST_CASE("a public header that drags the inside out is found") {
    const char* header = "lib/include/idem/store.hpp";
    for (const char* name :
         {"flatbuffers/idl.h", "CLI/CLI.hpp", "nlohmann/json.hpp", "fmt/format.h", "xxhash.h",
          "uuid/uuid.h", "sodium.h", "event_generated.h"}) {
        expect_include({{header, including(name)}}, header, 2, name);
    }
    expect_include({{header, including("log/log.hpp")}, {"lib/src/log/log.hpp", ""}}, header, 2,
                   "can be read without lib/src/log/log.hpp");
    expect_include(
        {{"cli/include/idem/cli.hpp", including("session.hpp")}, {"cli/session.hpp", ""}},
        "cli/include/idem/cli.hpp", 2, "can be read without cli/session.hpp");
    CHECK_FALSE(check_includes(make_tree({{header, "#include <lmdb.h>\n"}})).empty());
}

TEST_CASE("arrows between the houses are found") {
    expect_include({{"lib/src/store.cpp", including("text.hpp")}, {"cli/text.hpp", ""}},
                   "lib/src/store.cpp", 2, "lib/ includes nothing of cli/text.hpp");
    expect_include(
        {{"lib/src/store.cpp", including("idem/cli.hpp")}, {"cli/include/idem/cli.hpp", ""}},
        "lib/src/store.cpp", 2, "lib/ includes nothing of cli/include/idem/cli.hpp");
    expect_include(
        {{"lib/src/store.cpp", including("scratch_folder.hpp")}, {"tests/scratch_folder.hpp", ""}},
        "lib/src/store.cpp", 2, "lib/ includes nothing of tests/");
    expect_include({{"cli/main.cpp", including("base/text.hpp")}, {"lib/src/base/text.hpp", ""}},
                   "cli/main.cpp", 2, "cli/ includes the public headers and its own files");
    expect_include({{"cli/main.cpp", including("event_generated.h")}}, "cli/main.cpp", 2,
                   "cli/ includes the public headers and its own files");
    expect_include({{"examples/a.cpp", including("base/text.hpp")}, {"lib/src/base/text.hpp", ""}},
                   "examples/a.cpp", 2, "examples/ includes the public headers and its own files");
}

TEST_CASE("long files and lines are found") {
    const auto check = [](const char* path, const std::string& text) {
        return check_lengths(make_tree({{path, text}}));
    };
    CHECK(check("lib/a.hpp", lines(250)).empty());
    expect_one(check("lib/a.hpp", lines(251)), "lib/a.hpp", 251, "251 lines");
    expect_one(check("lib/a.hpp.in", lines(251)), "lib/a.hpp.in", 251, "251 lines");
    CHECK(check("lib/a.cpp", lines(450)).empty());
    expect_one(check("lib/a.cpp", lines(451)), "lib/a.cpp", 451, "451 lines");

    CHECK(check("cli/a.cpp", "//" + lines(98, "x") + "\n").empty());
    CHECK(check("cli/a.cpp", "//" + lines(98, "\u00e9") + "\n").empty());  // characters, not bytes
    expect_one(check("cli/a.cpp", "\n//" + lines(99, "x")), "cli/a.cpp", 2, "101 columns");
}

TEST_CASE("long functions are found, classes and tables are none") {
    const auto check = [](const std::string& text) {
        return check_lengths(make_tree({{"lib/a.cpp", text}}));
    };
    const std::string body = lines(69, "    f();\n");
    const std::string longer = lines(70, "    f();\n");
    CHECK(check("void f() {\n" + body + "}\n").size() == 1);  // 71 lines with its braces
    CHECK(check("void f() {\n" + lines(68, "    f();\n") + "}\n").empty());
    expect_one(check("\nnamespace n {\nint f()\nconst {\n" + longer + "}\n}\n"), "lib/a.cpp", 4,
               "the function has 72 lines");
    CHECK(check("struct s {\n" + lines(80, "    int f() { return 1; }\n") + "};\n").empty());
    CHECK(check("int table[] = {\n" + lines(80, "    1,\n") + "};\n").empty());
    CHECK(check("enum class e : int {\n" + lines(80, "    a,\n") + "};\n").empty());
    CHECK(check("class c final : public b<int> {\npublic:\n" + lines(80) + "};\n").empty());

    for (const std::string head :
         {"template <class T>\n    requires c<T>\nT f(T t) {", "TEST_CASE(\"{\") {",
          "s::s(int a) : b(a), c_{a} {", "s::s(int a) : b{a} {", "const auto f = [](int a) {",
          "auto f(int a = 1) noexcept -> int {", "bool operator==(const s& a, const s& b) {",
          "struct tm f(int a) {", "class c {\nprivate:\n    void f() {"}) {
        CAPTURE(head);
        const std::string end = head.starts_with("class") ? "}\n};\n" : "}\n";
        CHECK(check(head + "\n" + longer + end).size() == 1);
    }
}

TEST_CASE("braces that are no code do not count") {
    const auto spans = [](const std::string& text) {
        return tidy::find_functions(tidy::make_source_file("a.cpp", text).code);
    };
    for (const std::string line :
         {"// }", "/* } */", "const char* s = \"}\";", "const char* s = \"\\\"}\";",
          "char c = '}';", "char c = '\\'', d = '}';", "int n = 1'000 + 0x1'0;",
          "const char* s = R\"(}\")\";", "const char* s = R\"x(}\n)\" })x\";", "#define OPEN {",
          "#define MORE \\\n    {"}) {
        CAPTURE(line);
        const auto found = spans("void f() {\n" + line + "\n}\nvoid g() {}\n");
        CHECK(found.balanced);
        CHECK(found.spans.size() == 2);
    }
    CHECK_FALSE(spans("void f() {\n").balanced);
    CHECK_FALSE(spans("void f() {}\n}\n").balanced);
    expect_one(check_lengths(make_tree({{"lib/a.cpp", "void f() {\n"}})), "lib/a.cpp", 1, "braces");
}

TEST_CASE("work left over is found") {
    for (const char* word : {"TODO", "FIXME", "XXX", "HACK"}) {
        CAPTURE(word);
        const std::string text = "\n// " + std::string(word) + ": later\n";
        expect_one(check_words(make_tree({{"lib/a.cpp", text}})), "lib/a.cpp", 2, word);
        CHECK_FALSE(check_words(make_tree({{"tests/CMakeLists.txt", text}})).empty());
        CHECK(check_words(make_tree({{"lib/a.cpp", std::string(word) + "S"}})).empty());
    }
}

TEST_CASE("sleeps in tests and examples are found") {
    for (const char* line : {"std::this_thread::sleep_for(1s);", "sleep_until(t);", "usleep(10);",
                             "::sleep(1);", "nanosleep(&t, 0);", "sleep 1"}) {
        CAPTURE(line);
        for (const char* path : {"tests/log/a.cpp", "examples/run.sh"}) {
            expect_one(check_words(make_tree({{path, line}})), path, 1, "wait for the condition");
        }
        CHECK(check_words(make_tree({{"lib/src/log/a.cpp", line}})).empty());
    }
    CHECK(check_words(make_tree({{"tests/a.cpp", "// asleep 1; sleep (is short)"}})).empty());
}

TEST_CASE("a tree is read from disk, sources only") {
    const scratch_folder folder;
    std::filesystem::create_directories(folder.path() / "lib/src/base");
    std::filesystem::create_directories(folder.path() / "build");
    std::ofstream(folder.path() / "lib/src/base/a.cpp") << "#include \"b.hpp\"\nint a;\n";
    std::ofstream(folder.path() / "lib/src/base/notes.md") << "not looked at\n";
    std::ofstream(folder.path() / "build/a.cpp") << "not looked at\n";
    const tidy::source_tree tree = tidy::read_tree(folder.path());
    REQUIRE(tree.size() == 1);
    const tidy::source_file& file = tree.at("lib/src/base/a.cpp");
    CHECK(file.lines == std::vector<std::string>{"#include \"b.hpp\"", "int a;"});
    CHECK(file.code == std::vector<std::string>{"#include \"     \"", "int a;"});
}
