// The commands about projections.
#include "command_builder.hpp"

namespace idem::cli {

namespace {

void declare_reading(command_builder& to) {
    to.add<projections_options>("projections", "List the projections that the store keeps.",
                                "  idem projections shop.idem\n"
                                "  idem projections shop.idem --plugin ./libshop.so",
                                [](CLI::App& c, projections_options& o) { add_store(c, o.store); });
    to.add<state_options>(
        "state", "Show the rows of a projection, brought up to date first.",
        "  idem state shop.idem ./totals.json        a projection in JSON; it is kept from then "
        "on\n"
        "  idem state shop.idem totals order-7       one row\n"
        "  idem state shop.idem totals --at 1000     as it was after position 1000\n"
        "  idem state shop.idem totals --at 1000 --diff 2000    what changed between the two\n"
        "  idem state shop.idem totals --digest      do two stores agree?",
        [](CLI::App& c, state_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            c.add_option("KEY", o.key, "one row's key");
            add_number(c, "--at", o.at, "POSITION", "the rows as they were after this position");
            add_number(c, "--diff", o.diff, "POSITION",
                       "the rows that are others at this position");
            c.add_flag("--digest", o.digest, "position, number of rows and digest instead of rows");
        });
    to.add<replay_options>(
        "replay", "Fold all events from nothing, beside what the store keeps, and tell the digest.",
        "  idem replay shop.idem totals\n"
        "  test $(idem replay a.idem totals --digest) = $(idem replay b.idem totals --digest)",
        [](CLI::App& c, replay_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            c.add_flag("--digest", o.digest, "the digest alone");
        });
}

void declare_versions(command_builder& to) {
    to.add<rebuild_command_options>(
        "rebuild", "Fold a projection anew beside the rows in use, and swap at once.",
        "  idem rebuild bank.idem ./accounts.json            a new version of it\n"
        "  idem rebuild bank.idem ./accounts.json --dry-run  what would be other rows?\n"
        "  idem rebuild bank.idem --all-stale --plugin ./libbank.so\n"
        "  idem rebuild bank.idem accounts --max-rate 50000  gently",
        [](CLI::App& c, rebuild_command_options& o) {
            add_store(c, o.store);
            c.add_option("NAME", o.names, "names of projections, or files that define them");
            c.add_flag("--all-stale", o.all_stale, "every one whose rows other code has made");
            c.add_flag("--dry-run", o.dry_run,
                       "digest, how many rows would differ, and some of them");
            c.add_flag("--no-switch", o.no_switch, "keep it beside; `projection switch` is next");
            c.add_flag("--restart", o.restart, "do not go on where a stopped one was");
            add_number(c, "--max-rate", o.rate_max, "N", "events a second at most");
        });
    to.add<diff_options>("diff", "Compare the rows of two versions that the store keeps.",
                         "  idem diff bank.idem accounts@1 accounts@2\n"
                         "  idem diff bank.idem accounts@1 accounts@2 --limit 20",
                         [](CLI::App& c, diff_options& o) {
                             add_store(c, o.store);
                             c.add_option("BEFORE", o.before, "NAME@VERSION")->required();
                             c.add_option("AFTER", o.after, "NAME@VERSION")->required();
                             add_number(c, "--limit", o.limit, "N", "show at most so many rows");
                         });
    to.add<bisect_options>(
        "bisect", "Find the first event after which a condition on the rows does not hold.",
        "  idem bisect bank.idem accounts 'cents >= 0'            for every row\n"
        "  idem bisect bank.idem accounts 'sum(cents) == 100000'  for all together\n"
        "  idem bisect bank.idem accounts 'row(\"ann\").cents < 500' --from 20000",
        [](CLI::App& c, bisect_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            c.add_option("CONDITION", o.condition, "what is to hold; see PROJECTIONS.md")
                ->required();
            add_number(c, "--from", o.from, "POSITION", "look behind this position only");
        });
    to.add<checkpoint_options>(
        "checkpoint", "Keep the rows of a projection as they are, for looks at the past.",
        "  idem checkpoint bank.idem accounts\n"
        "  idem checkpoint bank.idem accounts --at 5000000\n"
        "  idem checkpoint bank.idem                         list them",
        [](CLI::App& c, checkpoint_options& o) {
            add_store(c, o.store);
            c.add_option("NAME", o.name, "the projection's name, or the file that defines it");
            add_number(c, "--at", o.at, "POSITION", "as they were after this position");
        });
}

void declare_group(command_builder& to) {
    to.add_group("projection", "Choose, check and drop versions of projections.",
                 "  idem projection switch bank.idem accounts@1    back to it\n"
                 "  idem projection drop bank.idem accounts@2\n"
                 "  idem projection check bank.idem accounts       was a version forgotten?");
    to.add<projection_switch_options>(
        "projection switch", "Make another kept version the current one.",
        "  idem projection switch bank.idem accounts@1",
        [](CLI::App& c, projection_switch_options& o) {
            add_store(c, o.store);
            c.add_option("VERSION", o.version, "NAME@VERSION")->required();
        });
    to.add<projection_drop_options>(
        "projection drop", "Erase a version that is not the current one, or the last one.",
        "  idem projection drop bank.idem accounts@1", [](CLI::App& c, projection_drop_options& o) {
            add_store(c, o.store);
            c.add_option("VERSION", o.version, "NAME@VERSION")->required();
        });
    to.add<projection_check_options>(
        "projection check", "Replay some rows, and tell whether they are what is kept.",
        "  idem projection check bank.idem accounts --plugin ./libbank.so\n"
        "  idem projection check bank.idem ./accounts.json --rows 1000",
        [](CLI::App& c, projection_check_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            add_number(c, "--rows", o.rows, "N", "how many, chosen at random (64)");
        });
    to.add<projection_skip_options>(
        "projection skip", "Let a projection go on behind the event on which it failed.",
        "  idem projection skip bank.idem accounts --reason 'a test event, ticket 815'",
        [](CLI::App& c, projection_skip_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            c.add_option("--reason", o.reason, "kept with the record of it")
                ->type_name("TEXT")
                ->required();
        });
}

}  // namespace

void declare_projection_commands(command_builder& to) {
    declare_reading(to);
    declare_versions(to);
    declare_group(to);
}

}  // namespace idem::cli
