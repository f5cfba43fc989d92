// The commands that exchange events between stores.
#include "command_builder.hpp"
#include "sync_commands.hpp"

namespace idem::cli {

void declare_sync_commands(command_builder& to) {
    const auto add_timeout = [](CLI::App& c, std::optional<std::uint64_t>& timeout) {
        add_number(c, "--timeout", timeout, "SECONDS",
                   "how long the other side may be silent; else 600");
    };
    to.add<sync_command_options>(
        "sync", "Give two stores what either lacks.",
        "  idem sync laptop.idem /mnt/stick/laptop.idem\n"
        "  idem sync laptop.idem --with 'ssh host idem serve-sync shared.idem'",
        [add_timeout](CLI::App& c, sync_command_options& o) {
            add_store(c, o.store);
            c.add_option("OTHER", o.other, "the other store; made where there is none");
            c.add_option("--with", o.with,
                         "a line for /bin/sh that runs `idem serve-sync` somewhere")
                ->type_name("COMMAND");
            add_timeout(c, o.timeout);
        });
    to.add<serve_sync_options>(
        "serve-sync", "Answer an `idem sync` on standard input and output.",
        "  idem sync laptop.idem --with 'ssh host idem serve-sync shared.idem'",
        [add_timeout](CLI::App& c, serve_sync_options& o) {
            add_store(c, o.store);
            add_timeout(c, o.timeout);
        });
}

}  // namespace idem::cli
