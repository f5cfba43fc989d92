// The commands about sagas.
#include "sagas_commands.hpp"

namespace idem::cli {
namespace {

void add_saga(CLI::App& c, std::string& saga) {
    c.add_option("SAGA", saga, "the saga's id")->required();
}

}  // namespace

void declare_saga_commands(command_builder& to) {
    to.add_group("sagas", "List the sagas of a store, and look after those that stand still.",
                 "  idem sagas list shop.idem --state stuck      those that wait for a person\n"
                 "  idem sagas show shop.idem order-7            its steps\n"
                 "  idem sagas resume shop.idem order-7 --reason 'the bank is back'");
    to.add<sagas_options>(
        "sagas list", "List the sagas of a store.",
        "  idem sagas list shop.idem                    all of them\n"
        "  idem sagas list shop.idem --state stuck      those that wait for a person",
        [](CLI::App& c, sagas_options& o) {
            add_store(c, o.store);
            c.add_option("--state", o.state,
                         "running, compensating, stuck, completed or compensated")
                ->type_name("STATE");
            c.add_option("--name", o.name, "of this definition")->type_name("NAME");
            add_listed(c, o.limit);
        });
    to.add<sagas_show_options>("sagas show", "Show one saga with its steps.",
                               "  idem sagas show shop.idem order-7",
                               [](CLI::App& c, sagas_show_options& o) {
                                   add_store(c, o.store);
                                   add_saga(c, o.saga);
                               });
    to.add<sagas_resume_options>(
        "sagas resume",
        "Let a saga that is stuck or waits try again, with all its attempts before it.",
        "  idem sagas resume shop.idem order-7 --reason 'the bank is back'",
        [](CLI::App& c, sagas_resume_options& o) {
            add_store(c, o.store);
            add_saga(c, o.saga);
            add_reason(c, o.reason);
        });
    to.add<sagas_skip_options>(
        "sagas skip", "Take the step that a saga is at for settled, and go on behind it.",
        "  idem sagas skip shop.idem order-7 --reason 'paid by hand, ticket 815'\n"
        "  idem sagas skip shop.idem order-7 --step charge --reason 'ticket 815'    only that step",
        [](CLI::App& c, sagas_skip_options& o) {
            add_store(c, o.store);
            add_saga(c, o.saga);
            add_reason(c, o.reason);
            c.add_option("--step", o.step, "refuse if it is at another")->type_name("NAME");
        });
    to.add<sagas_abort_options>(
        "sagas abort", "Turn a saga to its compensations, which the next runner makes.",
        "  idem sagas abort shop.idem order-7 --reason 'the customer called'",
        [](CLI::App& c, sagas_abort_options& o) {
            add_store(c, o.store);
            add_saga(c, o.saga);
            add_reason(c, o.reason);
        });
    to.add<sagas_sweep_options>(
        "sagas sweep", "Let go of inputs and results of sagas that ended long ago, in steps.",
        "  idem sagas sweep shop.idem --all\n"
        "  idem sagas sweep shop.idem --all --keep 168",
        [](CLI::App& c, sagas_sweep_options& o) {
            add_store(c, o.store);
            add_number(c, "--keep", o.keep_hours, "HOURS",
                       "keep what ended in so many hours before the newest event; else 720");
            add_sweep(c, o.limit, "sagas", o.all);
        });
}

}  // namespace idem::cli
