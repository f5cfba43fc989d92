// Running the built `idem` (or another program) with input, and hearing all that it says. Every
// wait has a limit, after which the program is killed and the test fails.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

struct command_result {
    int exit_code = 0;  // 1000 + the signal where it died of one
    std::string out;
    std::string err;
};

struct command_setting {
    std::optional<std::string> input = {};              // none: /dev/null
    std::map<std::string, std::string> variables = {};  // added to the environment
    bool terminal = false;     // standard output and error are one terminal, read as `out`
    std::string program = {};  // empty: idem
};

// Whether this system has pseudo-terminals; a bare chroot may have none.
bool has_terminals();

// Runs to its end.
command_result run_command(const std::vector<std::string>& arguments, command_setting setting = {});
command_result run_command(const std::vector<std::string>& arguments, const std::string& input);

// A program while it runs.
class running_command {
public:
    explicit running_command(const std::vector<std::string>& arguments,
                             command_setting setting = {});
    ~running_command();
    running_command(const running_command&) = delete;
    running_command& operator=(const running_command&) = delete;

    void write(const std::string& input);  // to its standard input, which stays open
    void close_input();
    std::string read_line();  // the next one of its output, without the end
    void close_output();      // as a reader does that has seen enough
    void signal(int number) const;
    command_result wait();  // to its end; what was read before is in neither text

private:
    void pump(int wait_ms);

    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    int err_ = -1;
    std::string pending_input_;
    std::size_t sent_ = 0;  // of pending_input_
    bool input_ends_ = false;
    command_result result_;
    std::chrono::steady_clock::time_point deadline_;
};

// The members of one JSON object a line: strings as their text, other values as JSON.
using json_members = std::map<std::string, std::string>;
std::vector<json_members> json_lines(const std::string& text);
std::vector<std::string> names_of(const json_members& members);  // sorted

// One CloudEvents line.
struct line_of {
    std::string id = {};
    std::string stream = "stream";
    std::string type = "Happened";
    std::string data = R"({"n":1})";
    std::string more = {};  // further members, each with a comma in front

    std::string str() const;
};
std::string numbered_line(std::uint64_t number, const std::string& stream = "stream");
