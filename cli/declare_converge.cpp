// The command that tests projections.
#include "command_builder.hpp"
#include "converge_commands.hpp"

namespace idem::cli {

void declare_converge_command(command_builder& to) {
    to.add<converge_options>(
        "converge", "Deliver the log in other ways, and tell whether a projection's rows differ.",
        "  idem converge bank.idem accounts                     a projection that is kept\n"
        "  idem converge bank.idem ./totals.json --order commutative    would any order do?\n"
        "  idem converge bank.idem accounts --plugin ./libbank.so --schedules 10000\n"
        "  idem converge bank.idem accounts --seed 42 --save found.txt --test found_test.cpp\n"
        "  idem converge bank.idem accounts --schedule found.txt        once more",
        [](CLI::App& c, converge_options& o) {
            add_store(c, o.store);
            add_projection_name(c, o.name);
            add_number(c, "--seed", o.seed, "N",
                       "that schedules are made from; else any, and told");
            add_number(c, "--schedules", o.schedules, "N", "how many are tried; else 500");
            add_number(c, "--events", o.events, "N",
                       "of the log at most, as whole streams; else 200");
            c.add_option("--order", o.order,
                         "arrival, commutative or canonical, instead of what it declares")
                ->type_name("ORDER");
            c.add_option("--schedule", o.schedule, "run this scenario alone, as --save wrote it")
                ->type_name("FILE");
            c.add_option("--save", o.save, "write the scenario of a finding")->type_name("FILE");
            c.add_option("--test", o.test, "write a finding as a test in C++")->type_name("FILE");
            c.add_flag("--with-data", o.with_data,
                       "events of data subjects too: a finding prints their data");
        });
}

}  // namespace idem::cli
