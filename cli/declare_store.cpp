// The commands about schemas and about the store as a whole.
#include "command_builder.hpp"

namespace idem::cli {

void declare_schema_commands(command_builder& to) {
    to.add_group(
        "schema", "Compare schemas of events, and give them to a store.",
        "  idem schema check bank-1.fbs bank-2.fbs   may events of the first be read by the "
        "second?\n"
        "  idem schema add bank.idem bank-2.fbs      check, print and encode payloads by it\n"
        "  idem schema list bank.idem");
    const auto add_schemas = [](CLI::App& c, auto& o) {
        c.add_option("OLD", o.before, "a schema: .fbs, or compiled: .bfbs")->required();
        c.add_option("NEW", o.after, "the schema that is to follow")->required();
    };
    to.add<schema_check_options>("schema check",
                                 "Tell whether events of a schema can be read by the next one.",
                                 "  idem schema check bank-1.fbs bank-2.fbs\n"
                                 "  idem schema check bank-1.bfbs bank-2.bfbs && deploy    0: safe",
                                 add_schemas);
    to.add<schema_diff_options>("schema diff", "List every change between two schemas.",
                                "  idem schema diff bank-1.fbs bank-2.fbs", add_schemas);
    to.add<schema_add_options>(
        "schema add", "Register the event types of a schema, and upcasters for older events.",
        "  idem schema add bank.idem bank.fbs\n"
        "  idem schema add bank.idem bank-2.fbs --dry-run\n"
        "  idem schema add bank.idem bank-2.fbs --upcast bank-1-to-2.json\n"
        "  idem schema add bank.idem --upcast bank-1-to-2.json",
        [](CLI::App& c, schema_add_options& o) {
            add_store(c, o.store);
            c.add_option("SCHEMA", o.file, "the schema: .fbs, or compiled: .bfbs");
            c.add_option("--upcast", o.upcast, "upcasters in JSON")->type_name("FILE");
            c.add_flag("--dry-run", o.dry_run, "tell what would be registered");
        });
    to.add<schema_list_options>("schema list",
                                "List the event types that the store has schemas of.",
                                "  idem schema list bank.idem",
                                [](CLI::App& c, schema_list_options& o) { add_store(c, o.store); });
}

void declare_store_commands(command_builder& to) {
    to.add<verify_options>(
        "verify", "Check every byte that the store promises.",
        "  idem verify shop.idem\n"
        "  idem verify shop.idem ./totals.json    and compare rows with a replay",
        [](CLI::App& c, verify_options& o) {
            add_store(c, o.store);
            c.add_option("PROJECTION", o.projections, "files of projections to replay and compare");
        });
    to.add<stats_options>("stats", "Tell what the store holds and what it takes on disk.",
                          "  idem stats shop.idem",
                          [](CLI::App& c, stats_options& o) { add_store(c, o.store); });
    to.add<backup_options>(
        "backup", "Copy a store, which may be in use, to a new folder.",
        "  idem backup shop.idem shop-monday.idem\n"
        "  idem backup shop.idem shop-whole.idem --with-keys    data subjects can be read there "
        "too",
        [](CLI::App& c, backup_options& o) {
            add_store(c, o.store);
            c.add_option("TARGET", o.target, "a folder that does not exist")->required();
            c.add_flag("--with-keys", o.with_keys, "copy the keys of data subjects too");
        });
    to.add<subjects_options>("subjects", "List the data subjects.", "  idem subjects shop.idem",
                             [](CLI::App& c, subjects_options& o) { add_store(c, o.store); });
    to.add<erase_options>(
        "erase", "Erase the data of an event, or of a data subject, for ever.",
        "  idem erase shop.idem --subject customer-17\n"
        "  idem erase shop.idem 0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d --yes\n"
        "  idem erase shop.idem --readmit customer-17    take new events of it again",
        [](CLI::App& c, erase_options& o) {
            add_store(c, o.store);
            c.add_option("EVENT", o.event, "the event's id");
            c.add_option("--source", o.source, "then EVENT is the id that this sender gave")
                ->type_name("URI");
            c.add_option("--subject", o.subject, "all events of this data subject")
                ->type_name("NAME");
            c.add_option("--readmit", o.readmit, "take new events of this erased subject again")
                ->type_name("NAME");
            c.add_flag("--yes", o.yes, "do not ask");
        });
    to.add<restore_options>(
        "restore", "Put a backup back in place.", "  idem restore shop-monday.idem shop.idem",
        [](CLI::App& c, restore_options& o) {
            c.add_option("BACKUP", o.backup, "the backup's folder")->required();
            c.add_option("STORE", o.store, "a folder that does not exist")->required();
        });
}

}  // namespace idem::cli
