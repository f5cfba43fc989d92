// idem verify: sound stores, damaged files, and rows that no event explains.
#include <doctest/doctest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <random>

#include "idem/store.hpp"
#include "records.hpp"
#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

std::string read_whole(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}
void write_whole(const std::filesystem::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

std::string sample_lines(int events) {
    std::string lines;
    for (int n = 0; n < events; ++n) lines += numbered_line(n, "stream-" + std::to_string(n % 7));
    return lines;
}

// Verify must answer or refuse, and never die.
void check_answer(const command_result& result) {
    CHECK((result.exit_code == 0 || result.exit_code == 4 || result.exit_code == 1));
    if (result.exit_code == 1) {
        CHECK(result.err.starts_with("idem: "));
        return;
    }
    const auto lines = json_lines(result.out);
    REQUIRE(!lines.empty());
    CHECK(lines.back().at("sound") == (result.exit_code == 0 ? "true" : "false"));
    CHECK(lines.back().at("findings") == std::to_string(lines.size() - 1));
}

// Zeroes and scrambles the pages of a file in turn, one at a time; at the end it is sound again.
void for_each_damaged_page(const std::filesystem::path& file,
                           const std::function<void(std::size_t)>& visit) {
    const std::string sound = read_whole(file);
    constexpr std::size_t page_bytes = 4096;
    std::mt19937 random(7);
    for (std::size_t page = 0; page < sound.size() / page_bytes; ++page) {
        CAPTURE(page);
        std::string damaged = sound;
        for (std::size_t i = 0; i < page_bytes; ++i) {
            damaged[page * page_bytes + i] = page % 2 == 0 ? '\0' : static_cast<char>(random());
        }
        write_whole(file, damaged);
        visit(page);
    }
    write_whole(file, sound);
}

}  // namespace

TEST_CASE("a sound store is told so") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"import", store}, sample_lines(50));
    const auto result = run_command({"verify", store});
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    CHECK(json_lines(result.out).at(0) == json_members{{"sound", "true"},
                                                       {"events", "50"},
                                                       {"findings", "0"},
                                                       {"complete", "true"},
                                                       {"erased", "0"},
                                                       {"sealed", "0"}});
}

TEST_CASE("a flipped bit within an event is found, with its position") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store},
                numbered_line(1) + line_of{.id = "2", .data = "\"needle-in-the-file\""}.str());
    std::string bytes = read_whole(scratch / "s.idem/data.mdb");
    const auto at = bytes.find("needle");
    REQUIRE(at != std::string::npos);
    bytes[at] ^= 1;
    write_whole(scratch / "s.idem/data.mdb", bytes);
    const auto result = run_command({"verify", store});
    CHECK(result.exit_code == 4);
    const auto lines = json_lines(result.out);
    REQUIRE(lines.size() == 2);
    CHECK(names_of(lines[0]) == std::vector<std::string>{"kind", "message", "position", "subject"});
    CHECK(lines[0].at("kind") == "record_checksum");
    CHECK(lines[0].at("position") == "2");
    CHECK(names_of(lines[1]) ==
          std::vector<std::string>{"complete", "erased", "events", "findings", "sealed", "sound"});
    CHECK(lines[1].at("sound") == "false");
    CHECK(lines[1].at("complete") == "true");
}

TEST_CASE("one damaged event is one finding, whatever projections would read it") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, line_of{.id = "1", .data = R"({"n":"needle","m":1})"}.str());
    std::ofstream(scratch / "p.json")
        << R"({"name":"p","key":"stream","on":{"*":{"do":[{"set":"n","value":"data.n"}]}}})";
    run_command({"state", store, scratch / "p.json"});
    std::string bytes = read_whole(scratch / "s.idem/data.mdb");
    bytes[bytes.find("needle\",\"m\"")] ^= 1;
    write_whole(scratch / "s.idem/data.mdb", bytes);
    const auto lines = json_lines(run_command({"verify", store}).out);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("kind") == "record_checksum");
}

TEST_CASE("whatever page of the file is zeroed or scrambled, verify answers and never dies") {
    const scratch_folder scratch;
    run_command({"import", scratch / "s.idem"}, sample_lines(400));
    int found = 0;
    for_each_damaged_page(scratch / "s.idem/data.mdb", [&](std::size_t) {
        const auto result = run_command({"verify", scratch / "s.idem"});
        check_answer(result);
        if (result.exit_code == 4) ++found;
    });
    CHECK(found > 0);
    CHECK(run_command({"verify", scratch / "s.idem"}).exit_code == 0);
}

#ifndef __SANITIZE_THREAD__  // it takes a minute to tell of a fault within LMDB, or forever

TEST_CASE("no command dies of a damaged page, or is silent about what it cannot read") {
    const scratch_folder scratch;
    run_command({"import", scratch / "s.idem"}, sample_lines(400));
    for_each_damaged_page(scratch / "s.idem/data.mdb", [&](std::size_t page) {
        const std::vector<std::string> commands{"export", "backup", "streams", "stats"};
        const std::string& command = commands[page / 2 % commands.size()];
        CAPTURE(command);
        std::vector<std::string> arguments{command, scratch / "s.idem"};
        if (command == "backup") arguments.push_back(scratch / "copy");
        const auto result = run_command(arguments);
        CHECK(result.exit_code <= 1);
        CHECK((result.exit_code == 0 || result.err != ""));
        if (command == "export" && result.exit_code == 0)
            CHECK(json_lines(result.out).size() == 400);
        if (command == "backup" && result.exit_code == 0) {
            CHECK(run_command({"verify", scratch / "copy"}).exit_code == 0);
            std::filesystem::remove_all(scratch / "copy");
        }
    });
}

#endif

TEST_CASE("a file that was cut short is answered, and so is one of nothing") {
    const scratch_folder scratch;
    const std::filesystem::path file = scratch / "s.idem/data.mdb";
    run_command({"import", scratch / "s.idem"}, sample_lines(400));
    const std::string sound = read_whole(file);
    for (const std::size_t size :
         {sound.size() / 2, std::size_t{3 * 4096}, std::size_t{5000}, std::size_t{0}}) {
        CAPTURE(size);
        write_whole(file, sound.substr(0, size));
        const auto result = run_command({"verify", scratch / "s.idem"});
        check_answer(result);
        CHECK(result.exit_code != 0);
        CHECK(json_lines(result.out).back().at("complete") == "false");
        // No other command may die of it either: what is missing would be read through the map.
        const auto other = run_command({"export", scratch / "s.idem"});
        CHECK(other.exit_code == 1);
        CHECK(other.err.find("restore a sound backup") != std::string::npos);
    }
}

TEST_CASE("rows that the events do not explain are found where the definition is known") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string file = scratch / "p.json";
    run_command({"append", store}, sample_lines(10));
    std::ofstream(file)
        << R"({"name":"p","key":"stream","on":{"Happened":{"do":[{"count":"n"}]}}})";
    {
        // The same name and version with another handler, as after a change that forgot to raise
        // it.
        idem::store open(store);
        idem::projection changed;
        changed.name = "p";
        changed.definition = read_whole(file);
        changed.apply = [](const idem::event_view& e, idem::state_table& table) {
            table.put(e.stream(), R"({"n":100})");
        };
        open.run(changed, idem::projection_mode::manual);
        open.catch_up("p");
    }
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"verify", store}, {"verify", store, file}}) {
        const auto result = run_command(command);
        CHECK(result.exit_code == 4);
        CHECK(json_lines(result.out).at(0).at("kind") == "state_mismatch");
        CHECK(json_lines(result.out).at(0).at("subject") == "p@1");
    }
    std::ofstream(file) << "{";
    CHECK(run_command({"verify", store, file}).exit_code == 2);
    std::ofstream(file) << R"({"name":"p","key":"type","on":{"Happened":{"do":[{"count":"n"}]}}})";
    const auto changed = run_command({"verify", store, file});
    CHECK(changed.exit_code == 2);
    CHECK(changed.err.find("version") != std::string::npos);
}

TEST_CASE("on a terminal the findings are sentences" * doctest::skip(!has_terminals())) {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const auto sound = run_command({"verify", store}, command_setting{.terminal = true});
    CHECK(sound.out.find("sound: 1 event") != std::string::npos);
}

TEST_CASE("records come out of a pipe as they went in, whatever the cuts") {
    const std::vector<std::vector<std::string>> records{
        {},
        {""},
        {"a"},
        {"finding", "12:3;4", std::string("\0\n", 2)},
        {std::string(5000, 'x'), "", "y"}};
    std::string bytes;
    for (const auto& record : records) bytes += idem::cli::encode_record(record);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{64}, bytes.size()}) {
        idem::cli::record_decoder decoder;
        std::vector<std::vector<std::string>> decoded;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            decoder.feed(std::string_view(bytes).substr(at, step));
            while (auto record = decoder.next()) decoded.push_back(std::move(*record));
        }
        CHECK(decoded == records);
    }
}
