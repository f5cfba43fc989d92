#include "idem/sync.hpp"

#include "causality/store_port.hpp"
#include "causality/sync_pipe.hpp"

namespace idem {

struct sync_access {
    static replica::impl& of(store& s) { return *s.replica().impl_; }
};

namespace {

sync_result summary(const sync::transfer_result& moved, const sync::store_port& here) {
    using sync::verdict;
    const auto both = [&](verdict v) { return moved.received.of(v) + moved.sent.of(v); };
    const auto fresh = [](const sync::moved& m) {
        return m.of(verdict::accepted) + m.of(verdict::fork);
    };
    sync_result result;
    result.received = fresh(moved.received);
    result.sent = fresh(moved.sent);
    result.noted = both(verdict::noted);
    result.forks = both(verdict::fork);
    result.parked = both(verdict::parked);
    result.conflicts = both(verdict::conflict);
    result.refused = both(verdict::refused);
    result.skipped = moved.received.skipped + moved.sent.skipped;
    result.problems = here.problems();
    result.rounds = moved.rounds;
    result.bytes_in = moved.bytes_in;
    result.bytes_out = moved.bytes_out;
    return result;
}

sync_result run(sync::store_port& here, const sync::exchange& send) {
    return summary(sync::run(here.items(), here, send), here);
}

}  // namespace

sync_result sync_stores(store& here, store& there) {
    sync::store_port near(sync_access::of(here));
    sync::store_port far(sync_access::of(there));
    return run(near,
               [&](const std::string& message) { return sync::serve(far.items(), far, message); });
}

sync_result sync_over(store& here, int read_descriptor, int write_descriptor,
                      const sync_options& options) {
    sync::store_port near(sync_access::of(here));
    sync::message_pipe pipe(read_descriptor, write_descriptor, options.silence_max);
    return run(near, [&](const std::string& message) {
        pipe.send(message);
        return pipe.receive();
    });
}

void serve_sync(store& here, int read_descriptor, int write_descriptor,
                const sync_options& options) {
    sync::store_port near(sync_access::of(here));
    sync::message_pipe pipe(read_descriptor, write_descriptor, options.silence_max);
    while (const auto message = pipe.receive_or_end()) {
        pipe.send(sync::serve(near.items(), near, *message));
    }
}

}  // namespace idem
