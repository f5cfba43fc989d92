// The commands about events of other stores.
#include "command_builder.hpp"
#include "replica_commands.hpp"

namespace idem::cli {
namespace {

void add_files(CLI::App& c, std::vector<std::string>& files) {
    c.add_option("FILE", files,
                 "event lines with their stamps; standard input where none is given, or for -");
}

}  // namespace

void declare_replica_commands(command_builder& to) {
    to.add<accept_command_options>(
        "accept", "Take in events that other stores have made, with their stamps.",
        "  idem export --raw --with-data ann.idem | idem accept bob.idem\n"
        "  idem accept bob.idem from-ann.jsonl from-carl.jsonl    in any order, any number of "
        "times\n"
        "  idem accept whole.idem --keep-forks copy.jsonl         what two copies of one store "
        "wrote",
        [](CLI::App& c, accept_command_options& o) {
            add_store(c, o.store);
            add_files(c, o.files);
            c.add_flag("--keep-forks", o.keep_forks,
                       "take events whose counter another event has: two histories of one origin");
        });
    to.add<classify_options>("classify",
                             "Tell how events stand to what a store knows, and write nothing.",
                             "  idem export --raw ann.idem | idem classify bob.idem\n"
                             "  idem classify bob.idem from-ann.jsonl --json | grep equivocation",
                             [](CLI::App& c, classify_options& o) {
                                 add_store(c, o.store);
                                 add_files(c, o.files);
                             });
    to.add<parked_options>("parked", "List the events that wait for others before them.",
                           "  idem parked bob.idem    and what is missing, of each origin",
                           [](CLI::App& c, parked_options& o) { add_store(c, o.store); });
    to.add<frontier_options>(
        "frontier", "Print up to where a store has the events of each origin, or wait for it.",
        "  idem frontier ann.idem              a version vector, as text\n"
        "  idem frontier ann.idem --json       and the clock of each origin\n"
        "  idem frontier bob.idem --wait \"$(idem frontier ann.idem)\" --timeout 10\n"
        "                                      until bob has all that ann has now",
        [](CLI::App& c, frontier_options& o) {
            add_store(c, o.store);
            auto* const wait = c.add_option("--wait", o.wait,
                                            "until the store has all of this, as frontier prints "
                                            "it; exit code 1 where it has not in time")
                                   ->type_name("VECTOR");
            add_number(c, "--timeout", o.timeout_s, "SECONDS",
                       "for --wait: how long, 86400 at most; else 30");
            c.get_option("--timeout")->needs(wait);
        });
}

}  // namespace idem::cli
