// The commands that append and read events.
#include <fmt/format.h>

#include "command_builder.hpp"
#include "idem/limits.hpp"

namespace idem::cli {
namespace {

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

void add_raw(CLI::App& c, bool& raw) {
    c.add_flag("--raw", raw, "data as it is stored, not as JSON by its schema");
}

void declare_writing(command_builder& to) {
    to.add<append_options>(
        "append", "Append events: CloudEvents, one a line.",
        "  idem append shop.idem events.jsonl                  each line stands alone\n"
        "  idem append shop.idem --atomic < order.jsonl        all of them or none\n"
        "  idem append shop.idem --expect 4 < order.jsonl      if the stream's last revision is 4\n"
        "  idem append shop.idem --expect no_stream < o.jsonl  if the stream does not exist\n"
        "  idem append shop.idem --unless '[{\"types\":[\"Paid\"],\"tags\":[\"order:17\"]}]' < "
        "o.jsonl\n"
        "                                                      if no such event is there\n"
        "  idem append shop.idem --unless '[{\"tags\":[\"order:17\"]}]' --after 95 < o.jsonl\n"
        "                                                      if none has come since position 95\n"
        "  idem append shop.idem --expect-stream stock-3=7 < o.jsonl\n"
        "                                                      if that stream stands so, written "
        "to or not",
        [](CLI::App& c, append_options& o) {
            add_store(c, o.store);
            c.add_option("FILE", o.files,
                         "event lines; standard input where none is given, or for -");
            c.add_flag("--atomic", o.atomic, "the whole input is one batch: all of it or nothing");
            c.add_option("--expect", o.expect,
                         "one batch, if its stream stands so: any, no_stream, stream_exists or its "
                         "last revision")
                ->type_name("REVISION");
            add_repeatable(c, "--expect-stream", o.expect_streams, "STREAM=REVISION",
                           "one batch, if that stream stands so, whether it is written to or not");
            c.add_option("--unless", o.unless,
                         "one batch, unless an event matches: a list of items, each with \"types\" "
                         "(any of these), \"tags\" (all of these) or both")
                ->type_name("JSON");
            add_number(c, "--after", o.after, "POSITION",
                       "for --unless: only events behind this position count");
        });
    to.add<import_options>(
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

void declare_reading(command_builder& to) {
    to.add<export_options>("export", "Print events as CloudEvents lines, ready to be imported.",
                           "  idem export shop.idem > events.jsonl\n"
                           "  idem export shop.idem --from 1001 | idem import copy.idem -\n"
                           "  idem export shop.idem --stream order-7 --type Paid",
                           [](CLI::App& c, export_options& o) {
                               add_store(c, o.store);
                               add_selection(c, o.select);
                               add_raw(c, o.raw);
                               c.add_flag("--with-data", o.with_data,
                                          "the data of data subjects too, readable for all");
                           });
    to.add<log_options>("log", "Show events in order.",
                        "  idem log shop.idem --reverse --limit 20     the last twenty\n"
                        "  idem log shop.idem --stream order-7\n"
                        "  idem log shop.idem --since 2018-07-15 --tag gift\n"
                        "  idem log shop.idem --order canonical        by stamp, alike everywhere\n"
                        "  idem log shop.idem --from 1001 --follow     and those to come",
                        [](CLI::App& c, log_options& o) {
                            add_store(c, o.store);
                            add_selection(c, o.select);
                            auto* const order =
                                c.add_option("--order", o.order,
                                             "arrival, or canonical: by stamp, then by id")
                                    ->type_name("ORDER")
                                    ->excludes("--reverse");
                            c.add_flag("--follow", o.follow, "wait for more, whoever appends them")
                                ->excludes("--reverse")
                                ->excludes("--to")
                                ->excludes(order);
                            add_raw(c, o.raw);
                        });
    to.add<show_options>("show", "Show one event whole.",
                         "  idem show shop.idem 17\n"
                         "  idem show shop.idem 0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d\n"
                         "  idem show shop.idem order-17-paid --source /shop\n"
                         "  idem show shop.idem 17 --as-version 3    as upcasters leave it",
                         [](CLI::App& c, show_options& o) {
                             add_store(c, o.store);
                             c.add_option("EVENT", o.event, "its position or its id")->required();
                             c.add_option("--source", o.source,
                                          "then EVENT is the id that this sender gave")
                                 ->type_name("URI");
                             add_number(c, "--as-version", o.as_version, "N",
                                        "its data upcast to this version of its schema");
                         });
    to.add<why_options>(
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
    to.add<streams_options>("streams", "List the streams.", "  idem streams shop.idem",
                            [](CLI::App& c, streams_options& o) { add_store(c, o.store); });
    to.add<types_options>("types", "List the event types.", "  idem types shop.idem",
                          [](CLI::App& c, types_options& o) { add_store(c, o.store); });
}

}  // namespace

void declare_event_commands(command_builder& to) {
    declare_writing(to);
    declare_reading(to);
}

}  // namespace idem::cli
