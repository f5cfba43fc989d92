// The commands about consumers and the inbox.
#include "command_builder.hpp"
#include "consumer_commands.hpp"

namespace idem::cli {
namespace {

void add_name(CLI::App& c, std::string& name) {
    c.add_option("NAME", name, "the consumer's name")->required();
}

void declare_making(command_builder& to) {
    to.add<consumers_create_options>(
        "consumers create", "Make a consumer, unless it is there with the same options.",
        "  idem consumers create shop.idem mailer --type Paid --type Refunded\n"
        "  idem consumers create shop.idem audit --from end",
        [](CLI::App& c, consumers_create_options& o) {
            add_store(c, o.store);
            add_name(c, o.name);
            c.add_option("--stream", o.stream, "of this stream")->type_name("NAME");
            add_repeatable(c, "--type", o.types, "NAME",
                           "of this type; given several times: any of them");
            add_repeatable(c, "--tag", o.tags, "TAG",
                           "with this tag; given several times: all of them");
            c.add_option("--correlation", o.correlation, "with this correlation id")
                ->type_name("ID");
            c.add_flag("--reserved", o.reserved, "of the store's own streams too");
            c.add_option("--from", o.from, "beginning, end, or the first position to look at")
                ->type_name("POSITION")
                ->capture_default_str();
            add_number(c, "--limit", o.limit, "N", "events of a batch; 1000 unless told");
        });
    to.add<consumers_reset_options>(
        "consumers reset", "Say where a consumer, or a source, is to go on.",
        "  idem consumers reset shop.idem mailer --to 0 --reason 'new templates'\n"
        "  idem consumers reset shop.idem totals --to 17 --state at-17.json --reason 'bad rates'\n"
        "  idem consumers reset shop.idem orders/3 --source --to 0 --reason 'topic made anew'",
        [](CLI::App& c, consumers_reset_options& o) {
            add_store(c, o.store);
            add_name(c, o.name);
            c.add_option("--to", o.to, "the checkpoint: a position or an event's id")
                ->type_name("POSITION")
                ->required();
            add_reason(c, o.reason);
            c.add_option("--state", o.state, "its state as of then; - for standard input")
                ->type_name("FILE");
            c.add_flag("--source", o.source, "NAME is a source: what comes next is beyond --to");
        });
    to.add<consumers_drop_options>("consumers drop", "Forget a consumer.",
                                   "  idem consumers drop shop.idem mailer",
                                   [](CLI::App& c, consumers_drop_options& o) {
                                       add_store(c, o.store);
                                       add_name(c, o.name);
                                   });
}

void declare_working(command_builder& to) {
    to.add<consumers_next_options>("consumers next", "Print the next batch as CloudEvents lines.",
                                   "  idem consumers next shop.idem mailer --limit 10",
                                   [](CLI::App& c, consumers_next_options& o) {
                                       add_store(c, o.store);
                                       add_name(c, o.name);
                                       add_listed(c, o.limit);
                                       c.add_flag("--raw", o.raw, "data as it is stored");
                                   });
    to.add<consumers_advance_options>(
        "consumers advance", "Commit that a consumer has handled its events up to a position.",
        "  idem consumers advance shop.idem mailer --to 17\n"
        "  idem consumers advance shop.idem totals --to 17 --after 9 --state - < totals.json",
        [](CLI::App& c, consumers_advance_options& o) {
            add_store(c, o.store);
            add_name(c, o.name);
            add_number(c, "--to", o.to, "POSITION", "the last that was handled");
            c.get_option("--to")->required();
            add_number(c, "--after", o.after, "POSITION",
                       "the last before the batch; the checkpoint unless told");
            c.add_option("--state", o.state, "the consumer's new state; - for standard input")
                ->type_name("FILE");
        });
    to.add<consumers_run_options>(
        "consumers run", "Run a program for each batch; where it succeeds the consumer advances.",
        "  idem consumers run shop.idem mailer --exec ./send-mails\n"
        "  idem consumers run shop.idem audit --exec 'cat >> audit.jsonl' --follow\n"
        "\nIDEM_CONSUMER_NAME, _FIRST and _LAST (positions) are in its environment. Of several "
        "that\n"
        "run one consumer, one at a time does.",
        [](CLI::App& c, consumers_run_options& o) {
            add_store(c, o.store);
            add_name(c, o.name);
            c.add_option("--exec", o.exec,
                         "for the shell; events come as CloudEvents lines on standard input")
                ->type_name("COMMAND")
                ->required();
            add_number(c, "--lease", o.lease_seconds, "SECONDS",
                       "another takes over so long after a crash; else 30; 0: no lease");
            c.add_flag("--follow", o.follow, "wait for more");
            c.add_flag("--raw", o.raw, "data as it is stored");
        });
}

}  // namespace

void declare_consumer_commands(command_builder& to) {
    to.add_group("consumers", "Durable subscriptions: list, create, next, advance and more.",
                 "  idem consumers create shop.idem mailer --type Paid\n"
                 "  idem consumers next shop.idem mailer         what it is to handle\n"
                 "  idem consumers advance shop.idem mailer --to 17\n"
                 "  idem consumers list shop.idem                checkpoints, and what waits");
    to.add<consumers_list_options>(
        "consumers list", "List the consumers: checkpoint, lag, holder.",
        "  idem consumers list shop.idem\n"
        "  idem consumers list shop.idem --sources      how far each source was taken in",
        [](CLI::App& c, consumers_list_options& o) {
            add_store(c, o.store);
            c.add_flag("--sources", o.sources, "the sources of `idem ingest` instead");
        });
    to.add<consumers_show_options>("consumers show", "Show one consumer whole, with its state.",
                                   "  idem consumers show shop.idem mailer",
                                   [](CLI::App& c, consumers_show_options& o) {
                                       add_store(c, o.store);
                                       add_name(c, o.name);
                                   });
    declare_making(to);
    declare_working(to);
    to.add<ingest_command_options>(
        "ingest", "Take in what a source delivers, once, with its position in one commit.",
        "  idem ingest shop.idem orders/3 118 < delivery.jsonl\n"
        "  idem ingest shop.idem orders/3 119 --after 118 < delivery.jsonl   refuses gaps",
        [](CLI::App& c, ingest_command_options& o) {
            add_store(c, o.store);
            c.add_option("SOURCE", o.source, "its name, with the partition if it has some")
                ->required();
            c.add_option("POSITION", o.position, "a number that rises: offset, sequence, LSN")
                ->required();
            c.add_option("FILE", o.files,
                         "event lines; standard input where none is given, or for -");
            add_number(c, "--after", o.after, "POSITION",
                       "that the source gave before this one, which must have come");
        });
}

}  // namespace idem::cli
