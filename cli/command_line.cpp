// What can be asked for, and the help that says so. The only file that sees CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/cli.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/version.hpp"
#include "nearest.hpp"
#include "plugin_file.hpp"
#include "process.hpp"

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

// CLI11 would take an empty value for none at all, and an option that guards would guard nothing.
void refuse_empty(CLI::Option& option) {
    if (option.get_type_size() == 0) return;  // a flag
    option.check([](const std::string& value) {
        return std::string(value.empty() ? "this value is empty" : "");
    });
}

class command_line {
public:
    explicit command_line(session& s);

    // The exit code, or nullopt where a command is to be run.
    std::optional<int> parse(int argc, char** argv);
    void prepare_session() const;
    int run_command() const { return chosen_(); }

private:
    template <class Options, class Declare>
    void add(const char* name, const char* description, const char* examples, Declare declare) {
        const auto options = std::make_shared<Options>();
        const std::string path = name;  // "append", or "schema check"
        const auto space = path.find(' ');
        CLI::App& parent = space == std::string::npos ? app_ : group(path.substr(0, space));
        CLI::App* const command =
            parent
                .add_subcommand(path.substr(space == std::string::npos ? 0 : space + 1),
                                description)
                ->group("Commands");
        command->footer(examples)->fallthrough();
        declare(*command, *options);
        for (CLI::Option* option : command->get_options()) refuse_empty(*option);
        command->parse_complete_callback(
            [this, options] { chosen_ = [this, options] { return run(*options, session_); }; });
    }
    CLI::App& group(const std::string& name) { return *app_.get_subcommand(name); }
    void add_group(const char* name, const char* description, const char* examples) {
        app_.add_subcommand(name, description)
            ->group("Commands")
            ->footer(examples)
            ->fallthrough()
            ->require_subcommand(1);
    }
    void add_writing_commands();
    void add_schema_commands();
    void add_reading_commands();
    void add_projection_commands();
    void add_whole_store_commands();
    int explain(const CLI::ParseError& fault) const;

    session& session_;
    CLI::App app_{"An event-sourced state store that makes redelivery harmless."};
    std::function<int()> chosen_;
    std::vector<std::string> plugins_;
    bool json_ = false;
    bool no_colour_ = false;
};

void add_store(CLI::App& c, std::string& store) {
    c.add_option("STORE", store, "the store's folder")->required();
}

// One value each time the option is given, so that what follows it is not taken for another.
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

void add_selection(CLI::App& c, selection& chosen) {
    c.add_option("--stream", chosen.stream, "of this stream")->type_name("NAME");
    add_repeatable(c, "--type", chosen.types, "NAME",
                   "of this type; given several times: any of them");
    add_repeatable(c, "--tag", chosen.tags, "TAG",
                   "with this tag; given several times: all of them");
    c.add_option("--correlation", chosen.correlation, "with this correlation id")->type_name("ID");
    c.add_option("--since", chosen.since, "that happened at or after this time or day (UTC)")
        ->type_name("TIME");
    c.add_option("--until", chosen.until, "that happened before this time or day (UTC)")
        ->type_name("TIME");
    add_number(c, "--from", chosen.from, "POSITION", "from this position on; they count from 1");
    add_number(c, "--to", chosen.to, "POSITION", "up to this position");
    add_number(c, "--limit", chosen.limit, "N", "at most so many");
    c.add_flag("--reverse", chosen.reverse, "the newest first");
}

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
    add_writing_commands();
    add_reading_commands();
    add_projection_commands();
    add_schema_commands();
    add_whole_store_commands();
}

void command_line::add_writing_commands() {
    add<append_options>(
        "append", "Append events: CloudEvents, one a line.",
        "  idem append shop.idem events.jsonl                  each line stands alone\n"
        "  idem append shop.idem --atomic < order.jsonl        all of them or none\n"
        "  idem append shop.idem --expect 4 < order.jsonl      if the stream's last revision is 4\n"
        "  idem append shop.idem --expect no_stream < o.jsonl  if the stream does not exist",
        [](CLI::App& c, append_options& o) {
            add_store(c, o.store);
            c.add_option("FILE", o.files,
                         "event lines; standard input where none is given, or for -");
            c.add_flag("--atomic", o.atomic, "the whole input is one batch: all of it or nothing");
            c.add_option("--expect", o.expect,
                         "one batch, if its stream stands so: any, no_stream, stream_exists or its "
                         "last revision")
                ->type_name("REVISION");
        });
    add<import_options>(
        "import", "Import event lines of any number, in constant memory.",
        "  idem import shop.idem events.jsonl\n"
        "  zcat events.jsonl.gz | idem import shop.idem -\n"
        "  idem import copy.idem --receipts < events.jsonl > receipts.jsonl",
        [](CLI::App& c, import_options& o) {
            add_store(c, o.store);
            c.add_option("FILE", o.files,
                         "event lines; standard input where none is given, or for -");
            c.add_option("--batch", o.batch, "events that share a commit")
                ->type_name("N")
                ->check(CLI::Range(std::size_t{1}, limits::batch_events_max)
                            .description(fmt::format("1 to {}", limits::batch_events_max)))
                ->capture_default_str();
            c.add_flag("--receipts", o.receipts, "print a receipt an event");
        });
}

void command_line::add_reading_commands() {
    add<export_options>("export", "Print events as CloudEvents lines, ready to be imported.",
                        "  idem export shop.idem > events.jsonl\n"
                        "  idem export shop.idem --from 1001 | idem import copy.idem -\n"
                        "  idem export shop.idem --stream order-7 --type Paid",
                        [](CLI::App& c, export_options& o) {
                            add_store(c, o.store);
                            add_selection(c, o.select);
                        });
    add<log_options>("log", "Show events in order.",
                     "  idem log shop.idem --reverse --limit 20     the last twenty\n"
                     "  idem log shop.idem --stream order-7\n"
                     "  idem log shop.idem --since 2018-07-15 --tag gift\n"
                     "  idem log shop.idem --from 1001 --follow     and those to come",
                     [](CLI::App& c, log_options& o) {
                         add_store(c, o.store);
                         add_selection(c, o.select);
                         c.add_flag("--follow", o.follow, "wait for more, whoever appends them")
                             ->excludes("--reverse")
                             ->excludes("--to");
                     });
    add<show_options>("show", "Show one event whole.",
                      "  idem show shop.idem 17\n"
                      "  idem show shop.idem 0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d\n"
                      "  idem show shop.idem order-17-paid --source /shop",
                      [](CLI::App& c, show_options& o) {
                          add_store(c, o.store);
                          c.add_option("EVENT", o.event, "its position or its id")->required();
                          c.add_option("--source", o.source,
                                       "then EVENT is the id that this sender gave")
                              ->type_name("URI");
                      });
    add<why_options>(
        "why", "Tell what the store knows of an id, and what it would answer to an event.",
        "  idem why shop.idem 0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d\n"
        "  idem why shop.idem order-17-paid --source /shop < event.json   which field differs?",
        [](CLI::App& c, why_options& o) {
            add_store(c, o.store);
            c.add_option("ID", o.id, "the event's id")->required();
            c.add_option("--source", o.source, "then ID is the id that this sender gave")
                ->type_name("URI");
            c.add_option(
                 "--event", o.event,
                 "a file with an event to compare; else standard input, if something is there")
                ->type_name("FILE");
        });
    add<streams_options>("streams", "List the streams.", "  idem streams shop.idem",
                         [](CLI::App& c, streams_options& o) { add_store(c, o.store); });
    add<types_options>("types", "List the event types.", "  idem types shop.idem",
                       [](CLI::App& c, types_options& o) { add_store(c, o.store); });
}

void command_line::add_projection_commands() {
    add<projections_options>("projections", "List the projections that the store keeps.",
                             "  idem projections shop.idem\n"
                             "  idem projections shop.idem --plugin ./libshop.so",
                             [](CLI::App& c, projections_options& o) { add_store(c, o.store); });
    add<state_options>(
        "state", "Show the rows of a projection, brought up to date first.",
        "  idem state shop.idem ./totals.json        a projection in JSON; it is kept from then "
        "on\n"
        "  idem state shop.idem totals order-7       one row\n"
        "  idem state shop.idem totals --at 1000     as it was after position 1000\n"
        "  idem state shop.idem totals --digest      do two stores agree?",
        [](CLI::App& c, state_options& o) {
            add_store(c, o.store);
            c.add_option("NAME", o.name, "the projection's name, or the file that defines it")
                ->required();
            c.add_option("KEY", o.key, "one row's key");
            add_number(c, "--at", o.at, "POSITION", "the rows as they were after this position");
            c.add_flag("--digest", o.digest, "position, number of rows and digest instead of rows");
        });
    add<replay_options>(
        "replay", "Fold all events from nothing, beside what the store keeps, and tell the digest.",
        "  idem replay shop.idem totals\n"
        "  test $(idem replay a.idem totals --digest) = $(idem replay b.idem totals --digest)",
        [](CLI::App& c, replay_options& o) {
            add_store(c, o.store);
            c.add_option("NAME", o.name, "the projection's name, or the file that defines it")
                ->required();
            c.add_flag("--digest", o.digest, "the digest alone");
        });
}

void command_line::add_schema_commands() {
    add_group("schema", "Compare schemas of events.",
              "  idem schema check bank-1.fbs bank-2.fbs   may events of the first be read by the "
              "second?\n"
              "  idem schema diff bank-1.fbs bank-2.fbs    what has changed");
    const auto add_schemas = [](CLI::App& c, auto& o) {
        c.add_option("OLD", o.before, "a schema: .fbs, or compiled: .bfbs")->required();
        c.add_option("NEW", o.after, "the schema that is to follow")->required();
    };
    add<schema_check_options>("schema check",
                              "Tell whether events of a schema can be read by the next one.",
                              "  idem schema check bank-1.fbs bank-2.fbs\n"
                              "  idem schema check bank-1.bfbs bank-2.bfbs && deploy    0: safe",
                              add_schemas);
    add<schema_diff_options>("schema diff", "List every change between two schemas.",
                             "  idem schema diff bank-1.fbs bank-2.fbs", add_schemas);
}

void command_line::add_whole_store_commands() {
    add<verify_options>("verify", "Check every byte that the store promises.",
                        "  idem verify shop.idem\n"
                        "  idem verify shop.idem ./totals.json    and compare rows with a replay",
                        [](CLI::App& c, verify_options& o) {
                            add_store(c, o.store);
                            c.add_option("PROJECTION", o.projections,
                                         "files of projections to replay and compare");
                        });
    add<stats_options>("stats", "Tell what the store holds and what it takes on disk.",
                       "  idem stats shop.idem",
                       [](CLI::App& c, stats_options& o) { add_store(c, o.store); });
    add<backup_options>(
        "backup", "Copy a store, which may be in use, to a new folder.",
        "  idem backup shop.idem shop-monday.idem", [](CLI::App& c, backup_options& o) {
            add_store(c, o.store);
            c.add_option("TARGET", o.target, "a folder that does not exist")->required();
        });
    add<restore_options>(
        "restore", "Put a backup back in place.", "  idem restore shop-monday.idem shop.idem",
        [](CLI::App& c, restore_options& o) {
            c.add_option("BACKUP", o.backup, "the backup's folder")->required();
            c.add_option("STORE", o.store, "a folder that does not exist")->required();
        });
}

std::optional<int> command_line::parse(int argc, char** argv) {
    try {
        app_.parse(argc, argv);
    } catch (const CLI::Success& wanted) {  // help or version
        std::string text;
        if (dynamic_cast<const CLI::CallForVersion*>(&wanted)) {
            text = std::string(wanted.what()) + "\n";
        } else {
            const auto chosen = app_.get_subcommands();
            text = chosen.empty() ? app_.help() : chosen.front()->help("idem");
        }
        session_.out.write(text);
        session_.out.flush();
        return success;
    } catch (const CLI::ParseError& fault) {
        return explain(fault);
    }
    return std::nullopt;
}

int command_line::explain(const CLI::ParseError& fault) const {
    const CLI::App* deepest = &app_;
    std::string asked = "idem";
    while (!deepest->get_subcommands().empty()) {
        deepest = deepest->get_subcommands().front();
        asked += " " + deepest->get_name();
    }
    const CLI::App& command = *deepest;
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
