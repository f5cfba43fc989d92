// What commands there are is declared with this. CLI11 is seen by those who declare, and by
// command_line.cpp alone: it costs the compiler seconds.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commands.hpp"

namespace idem::cli {

class command_builder {
public:
    // `chosen` becomes what the arguments ask for.
    command_builder(CLI::App& app, session& s, std::function<int()>& chosen)
        : app_(app), session_(s), chosen_(chosen) {}

    // The name may be of two words: a command of a group.
    template <class Options, class Declare>
    void add(const char* name, const char* description, const char* examples, Declare declare) {
        const auto options = std::make_shared<Options>();
        CLI::App* const command = add_command(name, description, examples);
        declare(*command, *options);
        refuse_empty_values(*command);
        command->parse_complete_callback([&chosen = chosen_, &s = session_, options] {
            chosen = [&s, options] { return run(*options, s); };
        });
    }
    void add_group(const char* name, const char* description, const char* examples);

private:
    CLI::App* add_command(const std::string& name, const char* description, const char* examples);
    static void refuse_empty_values(CLI::App& command);

    CLI::App& app_;
    session& session_;
    std::function<int()>& chosen_;
};

void declare_event_commands(command_builder& to);
void declare_projection_commands(command_builder& to);
void declare_converge_command(command_builder& to);
void declare_schema_commands(command_builder& to);
void declare_consumer_commands(command_builder& to);
void declare_key_commands(command_builder& to);
void declare_store_commands(command_builder& to);
void declare_effect_commands(command_builder& to);

// ---- arguments that several commands have

void add_store(CLI::App& c, std::string& store);
void add_projection_name(CLI::App& c, std::string& name);
// One value each time the option is given, so that what follows it is not taken for another.
void add_repeatable(CLI::App& c, const char* name, std::vector<std::string>& values,
                    const char* what, const char* description);
void add_number(CLI::App& c, const char* name, std::optional<std::uint64_t>& value,
                const char* what, const char* description);
void add_reason(CLI::App& c, std::string& reason);                    // required
void add_listed(CLI::App& c, std::optional<std::uint64_t>& at_most);  // of a list
void add_sweep(CLI::App& c, std::optional<std::uint64_t>& at_once, const char* what, bool& all);

}  // namespace idem::cli
