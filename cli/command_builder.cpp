#include "command_builder.hpp"

#include <fmt/format.h>

#include <charconv>

namespace idem::cli {

CLI::App* command_builder::add_command(const std::string& name, const char* description,
                                       const char* examples) {
    const auto space = name.find(' ');
    CLI::App& parent =
        space == std::string::npos ? app_ : *app_.get_subcommand(name.substr(0, space));
    CLI::App* const command =
        parent.add_subcommand(name.substr(space == std::string::npos ? 0 : space + 1), description)
            ->group("Commands");
    command->footer(examples)->fallthrough();
    return command;
}

void command_builder::add_group(const char* name, const char* description, const char* examples) {
    app_.add_subcommand(name, description)
        ->group("Commands")
        ->footer(examples)
        ->fallthrough()
        ->require_subcommand(1);
}

// CLI11 would take an empty value for none at all, and an option that guards would guard nothing.
void command_builder::refuse_empty_values(CLI::App& command) {
    for (CLI::Option* option : command.get_options()) {
        if (option->get_type_size() == 0) continue;  // a flag
        option->check([](const std::string& value) {
            return std::string(value.empty() ? "this value is empty" : "");
        });
    }
}

void add_store(CLI::App& c, std::string& store) {
    c.add_option("STORE", store, "the store's folder")->required();
}

void add_repeatable(CLI::App& c, const char* name, std::vector<std::string>& values,
                    const char* what, const char* description) {
    c.add_option(name, values, description)->allow_extra_args(false)->type_name(what);
}

// CLI11 would take -3 for a huge number, and not say what it would take instead of a word.
void add_number(CLI::App& c, const char* name, std::optional<std::uint64_t>& value,
                const char* what, const char* description) {
    const auto refuse_other = [](const std::string& text) {
        if (text.empty()) return text;  // refused as such
        std::uint64_t number = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (fault == std::errc() && end == text.data() + text.size()) return std::string();
        return fmt::format("{} is no whole number from 0 to 2^64 - 1, such as 1000", text);
    };
    c.add_option(name, value, description)->type_name(what)->check(refuse_other);
}

void add_projection_name(CLI::App& c, std::string& name) {
    c.add_option("NAME", name, "the projection's name, or the file that defines it")->required();
}

void add_reason(CLI::App& c, std::string& reason) {
    c.add_option("--reason", reason, "kept with the record")->type_name("TEXT")->required();
}

void add_listed(CLI::App& c, std::optional<std::uint64_t>& at_most) {
    add_number(c, "--limit", at_most, "N", "at most so many");
}

void add_sweep(CLI::App& c, std::optional<std::uint64_t>& at_once, const char* what, bool& all) {
    const std::string description = std::string(what) + " in one commit; else 1000";
    add_number(c, "--limit", at_once, "N", description.c_str());
    c.add_flag("--all", all, "repeat until nothing is left to let go of");
}

}  // namespace idem::cli
