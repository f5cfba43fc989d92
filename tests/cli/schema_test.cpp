// idem schema: comparing schemas, by rule and exit code.
#include <doctest/doctest.h>

#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

constexpr const char* first = "namespace bank; table Paid { euros:long; payer:string; }";

struct two_schemas {
    scratch_folder scratch;
    std::string before = scratch / "1.fbs";
    std::string after = scratch / "2.fbs";

    two_schemas(const char* old, const char* now) {
        std::ofstream(before) << old;
        std::ofstream(after) << now;
    }
    command_result check() const { return run_command({"schema", "check", before, after}); }
};

}  // namespace

TEST_CASE("the exit code of schema check is the gravest change") {
    struct verdict {
        const char* now;
        int exit_code;
        const char* word;
    };
    const verdict verdicts[] = {
        {first, 0, "safe"},
        {"namespace bank; table Paid { euros:long; payer:string; note:string; }", 0, "safe"},
        {"namespace bank; table Paid { cents:long; payer:string; }", 5, "needs_upcaster"},
        {"namespace bank; table Paid { euros:int; payer:string; }", 6, "forbidden"},
    };
    for (const auto& v : verdicts) {
        CAPTURE(v.now);
        const two_schemas files(first, v.now);
        const auto result = files.check();
        CHECK(result.exit_code == v.exit_code);
        CHECK(result.err == "");
        const auto lines = json_lines(result.out);
        CHECK(lines.back().at("compatibility") == v.word);
        CHECK(lines.back().at("changes") == std::to_string(lines.size() - 1));
        for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
            CHECK(names_of(lines[i]) ==
                  std::vector<std::string>{"compatibility", "field", "message", "rule", "table"});
        }
        const auto diff = run_command({"schema", "diff", files.before, files.after});
        CHECK(diff.exit_code == 0);
        CHECK(result.out.starts_with(diff.out));
    }
}

TEST_CASE("a file that is no schema is refused with its place") {
    const auto refused = [](const char* text, const char* hint) {
        const two_schemas files(first, text);
        const auto result = files.check();
        CHECK(result.exit_code == 2);
        CHECK(result.out == "");
        CHECK_MESSAGE(result.err.find(hint) != std::string::npos, result.err);
    };
    refused("table T {\n  a:nothing;\n}\n", "2.fbs");
    refused("table T {\n  a:int\n}\n", "3");
    refused("", "input file is empty");
    const scratch_folder scratch;
    CHECK(run_command({"schema", "check", scratch / "a.fbs", scratch / "b.fbs"}).exit_code == 1);
    std::ofstream(scratch / "a.bfbs") << "this was never compiled";
    const auto result = run_command({"schema", "check", scratch / "a.bfbs", scratch / "a.bfbs"});
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("a.bfbs: the compiled schema is no sound one") != std::string::npos);
}
