// The commands about idempotency keys.
#include "command_builder.hpp"
#include "key_commands.hpp"

namespace idem::cli {
namespace {

void add_text(CLI::App& c, const char* name, std::string& value, const char* what,
              const char* description) {
    c.add_option(name, value, description)->type_name(what);
}

void add_key(CLI::App& c, named_key& k) {
    add_store(c, k.store);
    c.add_option("ID", k.id, "the key's id, as listed");
    add_text(c, "--owner", k.owner, "NAME", "instead of ID: whose key it is,");
    add_text(c, "--operation", k.operation, "NAME", "what for,");
    add_text(c, "--key", k.key, "TEXT", "and the key itself");
}

void declare_once(command_builder& to) {
    to.add<once_options>(
        "once", "Append events under an idempotency key, once, and store a result with them.",
        "  idem once shop.idem --owner ann --operation pay --key 7f3e --request '{\"cents\":995}' "
        "\\\n"
        "      --result charged paid.jsonl\n"
        "  idem once ... --result charged < paid.jsonl  again: the same answer, nothing appended\n"
        "  idem once ... --reject 'no funds'            as final as a result",
        [](CLI::App& c, once_options& o) {
            add_store(c, o.store);
            c.add_option(
                "FILE", o.files,
                "event lines to append; else standard input, where that is a pipe or a file");
            c.add_option("--owner", o.owner, "whose key it is")->type_name("NAME")->required();
            c.add_option("--operation", o.operation, "what for")->type_name("NAME")->required();
            c.add_option("--key", o.key, "the key")->type_name("TEXT")->required();
            c.add_option("--request", o.request, "what is asked, by which a retry is known")
                ->type_name("JSON")
                ->required();
            add_repeatable(c, "--leave-out", o.leave_out, "FIELD",
                           "of the request, as a retry may have another");
            auto* const result = c.add_option("--result", o.result, "what the key answers from now")
                                     ->type_name("TEXT");
            c.add_option("--reject", o.reject, "refuse for good, and say why")
                ->type_name("TEXT")
                ->excludes(result);
            add_number(c, "--keep", o.keep_s, "SECONDS",
                       "how many seconds the result is kept; else 86400, a day");
            add_number(c, "--horizon", o.horizon_s, "SECONDS",
                       "from its end, in seconds, for how long the key then answers `expired`; "
                       "else 2592000");
        });
}

void declare_settling(command_builder& to) {
    to.add<keys_resume_options>("keys resume", "Let the next claim of a key go on.",
                                "  idem keys resume shop.idem 0f1e... --reason 'bank is back'",
                                [](CLI::App& c, keys_resume_options& o) {
                                    add_key(c, o);
                                    add_reason(c, o.reason);
                                });
    to.add<keys_discard_options>("keys discard", "Reject the work of a key for good.",
                                 "  idem keys discard shop.idem 0f1e... --reason 'customer left'",
                                 [](CLI::App& c, keys_discard_options& o) {
                                     add_key(c, o);
                                     add_reason(c, o.reason);
                                 });
    to.add<keys_complete_options>(
        "keys complete", "Say that the work of a key was done, and what came of it.",
        "  idem keys complete shop.idem 0f1e... --result 'charged, says the bank'",
        [](CLI::App& c, keys_complete_options& o) {
            add_key(c, o);
            c.add_option("--result", o.result, "what the key answers from now")
                ->type_name("TEXT")
                ->required();
        });
}

}  // namespace

void declare_key_commands(command_builder& to) {
    declare_once(to);
    to.add_group("keys", "Look at idempotency keys, settle those that stand still, sweep.",
                 "  idem keys list shop.idem --state in_doubt\n"
                 "  idem keys show shop.idem --owner ann --operation pay --key 7f3e\n"
                 "  idem keys sweep shop.idem --all");
    to.add<keys_list_options>(
        "keys list", "List keys.", "  idem keys list shop.idem --state dead --limit 20",
        [](CLI::App& c, keys_list_options& o) {
            add_store(c, o.store);
            add_text(c, "--state", o.state, "STATE",
                     "running, abandoned, in_doubt, dead, completed, rejected or expired");
            add_text(c, "--owner", o.owner, "NAME", "of this owner");
            add_text(c, "--operation", o.operation, "NAME", "for this operation");
            add_listed(c, o.limit);
        });
    to.add<keys_show_options>("keys show", "Show one key whole.",
                              "  idem keys show shop.idem 0f1e2d3c4b5a69788796a5b4c3d2e1f0",
                              [](CLI::App& c, keys_show_options& o) { add_key(c, o); });
    declare_settling(to);
    to.add<keys_sweep_options>("keys sweep",
                               "Let go of results that have expired, in bounded steps.",
                               "  idem keys sweep shop.idem --all\n"
                               "  idem keys sweep shop.idem --all --result-bytes-max 1000000000",
                               [](CLI::App& c, keys_sweep_options& o) {
                                   add_store(c, o.store);
                                   add_sweep(c, o.limit, "rows of each kind", o.all);
                                   add_number(c, "--result-bytes-max", o.result_bytes_max, "N",
                                              "beyond it the oldest results go as well");
                               });
}

}  // namespace idem::cli
