// The commands about effects.
#include "command_builder.hpp"
#include "effects_commands.hpp"

namespace idem::cli {
namespace {

void add_effect(CLI::App& c, effects_settle_options& o) {
    add_store(c, o.store);
    c.add_option("ID", o.id, "the effect's id, as listed")->required();
}

void declare_looking(command_builder& to) {
    to.add<effects_list_options>(
        "effects list", "List effects, in the order of their ids.",
        "  idem effects list shop.idem\n"
        "  idem effects list shop.idem --state dead      for a person to settle; so is unknown\n"
        "  idem effects list shop.idem --name mail --limit 20",
        [](CLI::App& c, effects_list_options& o) {
            add_store(c, o.store);
            c.add_option("--state", o.state,
                         "due, attempted, failed, done, unknown, dead, discarded or compensated")
                ->type_name("STATE");
            c.add_option("--name", o.name, "of this name")->type_name("NAME");
            add_listed(c, o.limit);
        });
    to.add<effects_show_options>(
        "effects show", "Show one effect whole.",
        "  idem effects show shop.idem ID\n"
        "  idem log shop.idem --correlation ID    all that became of it",
        [](CLI::App& c, effects_show_options& o) {
            add_store(c, o.store);
            c.add_option("ID", o.id, "the effect's id, as listed")->required();
        });
    to.add<effects_stats_options>(
        "effects stats", "Count the effects by their state.", "  idem effects stats shop.idem",
        [](CLI::App& c, effects_stats_options& o) { add_store(c, o.store); });
}

void declare_settling(command_builder& to) {
    to.add<effects_resume_options>(
        "effects resume", "Let an effect that waits, failed, is dead or unknown, be due at once.",
        "  idem effects resume shop.idem ID --reason 'the mail server is back'",
        [](CLI::App& c, effects_resume_options& o) {
            add_effect(c, o);
            add_reason(c, o.reason);
        });
    to.add<effects_discard_options>(
        "effects discard", "Let an effect never be carried out.",
        "  idem effects discard shop.idem ID --reason 'the customer is gone'",
        [](CLI::App& c, effects_discard_options& o) {
            add_effect(c, o);
            add_reason(c, o.reason);
        });
    to.add<effects_done_options>(
        "effects done", "Say that an effect was carried out.",
        "  idem effects done shop.idem ID --result 'sent by hand'",
        [](CLI::App& c, effects_done_options& o) {
            add_effect(c, o);
            c.add_option("--result", o.result, "kept with it")->type_name("TEXT");
        });
    to.add<effects_compensate_options>(
        "effects compensate", "Say that an effect that was, or may have been, done is undone.",
        "  idem effects compensate shop.idem ID --reason 'paid back'",
        [](CLI::App& c, effects_compensate_options& o) {
            add_effect(c, o);
            add_reason(c, o.reason);
        });
    to.add<effects_sweep_options>(
        "effects sweep", "Let go of effects that were finished long ago, in bounded steps.",
        "  idem effects sweep shop.idem --all\n"
        "  idem effects sweep shop.idem --keep 24 --limit 10000",
        [](CLI::App& c, effects_sweep_options& o) {
            add_store(c, o.store);
            add_number(c, "--keep", o.keep_hours, "HOURS",
                       "keep those finished in so many hours before the newest event; else 168");
            add_sweep(c, o.limit, "effects", o.all);
        });
}

void declare_dispatching(command_builder& to) {
    to.add<effects_dispatch_options>(
        "effects dispatch", "Run a program for each effect that is due.",
        "  idem effects dispatch shop.idem --exec './send-mail --to ops@example.org'\n"
        "  idem effects dispatch shop.idem --name mail --exec ./send-mail --follow\n"
        "  idem effects dispatch shop.idem --exec ./charge --probe ./was-it-charged\n"
        "\nThe program gets the payload on its standard input, and IDEM_EFFECT_ID (the same in\n"
        "every attempt: an idempotency key), _NAME, _ATTEMPT, _EVENT, _ORDER_KEY and\n"
        "_CONTENT_TYPE in its environment. Exit code 0: done, its output is the result; 75: not\n"
        "done, try again; 65: refused for good; any other, and a signal: nobody knows.",
        [](CLI::App& c, effects_dispatch_options& o) {
            add_store(c, o.store);
            c.add_option("--exec", o.program, "the program, as a line for the shell")
                ->type_name("COMMAND")
                ->required();
            c.add_option("--probe", o.probe,
                         "tells whether an attempt was carried out: 0 it was, 1 it was not")
                ->type_name("COMMAND");
            add_repeatable(c, "--name", o.names, "NAME", "effects of this name; repeatable");
            add_number(c, "--limit", o.limit, "N", "attempts at most");
            add_number(c, "--lease", o.lease_seconds, "SECONDS",
                       "for one attempt, whose program is killed then; else 30");
            c.add_flag("--follow", o.follow, "wait for more");
        });
}

}  // namespace

void declare_effect_commands(command_builder& to) {
    to.add_group("effects", "Carry out what events have declared, and settle what stands still.",
                 "  idem effects list shop.idem --state dead\n"
                 "  idem effects resume shop.idem ID --reason 'the mail server is back'\n"
                 "  idem effects dispatch shop.idem --exec ./send-mail --follow");
    declare_looking(to);
    declare_settling(to);
    declare_dispatching(to);
}

}  // namespace idem::cli
