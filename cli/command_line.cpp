// From arguments to a command, and the help and the faults on the way.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "command_builder.hpp"
#include "exit_code.hpp"
#include "idem/cli.hpp"
#include "idem/error.hpp"
#include "idem/version.hpp"
#include "nearest.hpp"
#include "plugin_file.hpp"
#include "process.hpp"
#include "sagas_commands.hpp"

namespace idem {
namespace cli {
namespace {

// Examples first: most people read no further.
class examples_first final : public CLI::Formatter {
public:
    std::string make_help(const CLI::App* app, std::string name,
                          CLI::AppFormatMode mode) const override {
        if (mode == CLI::AppFormatMode::Sub) return CLI::Formatter::make_help(app, name, mode);
        std::string help = app->get_description() + "\n\nExamples:\n" + app->get_footer() + "\n\n";
        help += make_usage(app, std::move(name)) + make_positionals(app) + make_groups(app, mode) +
                make_subcommands(app, mode);
        if (app->get_parent()) {
            help += "\nOf every command: --json, --plugin FILE, --no-color; see `idem --help`\n";
        }
        return help;
    }

    std::string make_option_opts(const CLI::Option* option) const override {
        if (option->get_positional() || option->get_type_size() == 0) return {};
        const std::string start = option->get_default_str();
        return " " + option->get_type_name() + (start.empty() ? "" : " (" + start + ")");
    }
};

class command_line {
public:
    explicit command_line(session& s);

    // The exit code, or nullopt where a command is to be run.
    std::optional<int> parse(int argc, char** argv);
    void prepare_session() const;
    int run_command() const { return chosen_(); }

private:
    std::pair<const CLI::App*, std::string> deepest() const;
    int explain(const CLI::ParseError& fault) const;

    session& session_;
    CLI::App app_{"An event-sourced state store that makes redelivery harmless."};
    std::function<int()> chosen_;
    std::vector<std::string> plugins_;
    bool json_ = false;
    bool no_colour_ = false;
};

command_line::command_line(session& s) : session_(s) {
    app_.name("idem");
    app_.formatter(std::make_shared<examples_first>());
    app_.get_formatter()->column_width(34);
    app_.get_formatter()->label("SUBCOMMAND", "COMMAND");
    app_.footer(
        "  echo '{\"specversion\":\"1.0\",\"id\":\"17\",\"source\":\"/shop\",\"type\":\"Paid\","
        "\"data\":{\"cents\":995}}' |\n"
        "      idem append shop.idem            append an event; again: it is a duplicate\n"
        "  idem log shop.idem --follow          what happened, and what happens\n"
        "  idem state shop.idem totals.json     fold the events into state\n"
        "  idem COMMAND --help                  more of one command");
    app_.require_subcommand(1);
    app_.set_version_flag("--version", std::string("idem ") + IDEM_VERSION);
    app_.add_flag("--json", json_, "one JSON object a line; the default unless on a terminal");
    add_repeatable(app_, "--plugin", plugins_, "FILE",
                   "a shared library with projections; repeatable");
    app_.add_flag("--no-color", no_colour_,
                  "no colours; NO_COLOR in the environment does the same");
    command_builder to(app_, session_, chosen_);
    declare_event_commands(to);
    declare_projection_commands(to);
    declare_converge_command(to);
    declare_schema_commands(to);
    declare_saga_commands(to);
    declare_consumer_commands(to);
    declare_key_commands(to);
    declare_store_commands(to);
    declare_effect_commands(to);
}

std::optional<int> command_line::parse(int argc, char** argv) {
    try {
        app_.parse(argc, argv);
    } catch (const CLI::Success& wanted) {  // help or version
        std::string text;
        if (dynamic_cast<const CLI::CallForVersion*>(&wanted)) {
            text = std::string(wanted.what()) + "\n";
        } else {
            const auto [asked, path] = deepest();
            text = asked == &app_ ? app_.help() : asked->help(path.substr(0, path.rfind(' ')));
        }
        session_.out.write(text);
        session_.out.flush();
        return success;
    } catch (const CLI::ParseError& fault) {
        return explain(fault);
    }
    return std::nullopt;
}

// The command that was asked for as far as it was understood, and how it was named.
std::pair<const CLI::App*, std::string> command_line::deepest() const {
    const CLI::App* found = &app_;
    std::string path = "idem";
    while (!found->get_subcommands().empty()) {
        found = found->get_subcommands().front();
        path += " " + found->get_name();
    }
    return {found, path};
}

int command_line::explain(const CLI::ParseError& fault) const {
    const auto [chosen, asked] = deepest();
    const CLI::App& command = *chosen;
    const bool incomplete = !command.get_subcommands({}).empty();
    const auto unknown = app_.remaining(true);
    std::vector<std::string> known;
    std::string what = fault.what();
    constexpr std::string_view not_converted = "Could not convert: ";
    if (what.starts_with(not_converted)) {
        what =
            fmt::format("this value is none for its option: {}", what.substr(not_converted.size()));
    }
    if (const auto at = what.find(": At Most 1 required"); at != std::string::npos) {
        what = fmt::format("{} was given more than once", what.substr(0, at));
    }
    if (incomplete && !unknown.empty() && !unknown.front().starts_with("-")) {
        what = fmt::format("there is no command {}", unknown.front());
        for (const auto* c : command.get_subcommands({})) known.push_back(c->get_name());
    } else if (!unknown.empty() && unknown.front().starts_with("-")) {
        what = fmt::format("there is no option {}", unknown.front());
        for (const CLI::App* a : {&command, &app_}) {
            for (const auto* o : a->get_options()) {
                for (const auto& name : o->get_lnames()) known.push_back("--" + name);
            }
        }
    } else if (incomplete) {
        what = "name a command";
    }
    const auto meant = nearest(unknown.empty() ? "" : unknown.front(), known);
    session_.tell(fmt::format(
        "{}{}; `{} --help` shows what there is", what,
        meant.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(meant, " or ")), asked));
    return invalid;
}

void command_line::prepare_session() const {
    const char* const no_color = std::getenv("NO_COLOR");
    const bool plain = no_colour_ || (no_color && *no_color != '\0');
    const bool terminal = is_terminal(session_.out.descriptor());
    session_.json_asked = json_;
    session_.json = json_ || !terminal;
    session_.colour = terminal && !plain;
    for (const auto& file : plugins_) {
        for (auto& p : load_plugin(file)) session_.projections.push_back(std::move(p));
    }
}

int run_guarded(session& s, int argc, char** argv) {
    try {
        command_line line(s);
        if (const auto done = line.parse(argc, argv)) return *done;
        line.prepare_session();
        const int code = line.run_command();
        s.out.flush();
        return code;
    } catch (const error& e) {
        s.tell(fmt::format("{} ({})", e.what(), to_string(e.code())));
        return e.code() == errc::invalid_input ? invalid : failure;
    } catch (const std::exception& e) {
        s.tell(e.what());
        return failure;
    }
}

}  // namespace
}  // namespace cli

int run_command_line(int argc, char** argv, std::vector<projection> projections) {
    const cli::process_guard process;
    cli::session s;
    s.projections = std::move(projections);
    try {
        return cli::run_guarded(s, argc, argv);
    } catch (const cli::output_closed&) {
        return cli::failure;
    } catch (const std::exception&) {  // while the message was told: standard output is full
        return cli::failure;
    }
}

}  // namespace idem
