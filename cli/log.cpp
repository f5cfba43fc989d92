// idem log: events in order, and those to come with --follow.
#include <poll.h>

#include <cerrno>
#include <thread>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "interrupt.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "select.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

// Ends a follower when a signal comes, or when nobody reads its output any more, which a follower
// that has nothing to write would not notice.
class follow_watch {
public:
    follow_watch(const interrupt& signals, int out)
        : thread_([this, &signals, out](const std::stop_token& done) {
              while (!done.stop_requested()) {
                  pollfd waits[2] = {{signals.descriptor(), POLLIN, 0}, {out, 0, 0}};
                  constexpr int look_again_ms = 200;
                  const int ready = ::poll(waits, 2, look_again_ms);
                  if (ready > 0 || (ready < 0 && errno != EINTR)) {
                      stop_.request_stop();
                      return;
                  }
              }
          }) {}

    std::stop_token token() const { return stop_.get_token(); }

private:
    std::stop_source stop_;
    std::jthread thread_;  // last: ends before what it uses goes
};

class event_printer {
public:
    event_printer(const store& from, data_form form, session& s)
        : session_(s), data_(from, form), table_(s) {}

    void print(const recorded_event& e) {
        const auto json = data_.to_json(e);
        if (session_.json) {
            session_.out.write(to_cloudevent(e, json) + "\n");
        } else {
            table_.add(e, json);
        }
    }
    void flush() {
        table_.flush();
        session_.out.flush();
    }
    void finish() { table_.finish(); }

private:
    session& session_;
    data_printer data_;
    event_table table_;
};

int follow(const store& from, query select, data_form form, session& s) {
    const interrupt signals;
    const follow_watch watch(signals, s.out.descriptor());
    event_printer printer(from, form, s);
    std::uint64_t left = select.limit;
    select.limit = query().limit;
    if (left == 0) return success;
    from.follow({.select = select, .stop = watch.token()}, [&](const recorded_event& e) {
        printer.print(e);
        printer.flush();
        return --left > 0;
    });
    return success;
}

event_order parse_order(const std::string& word) {
    if (word == "arrival") return event_order::arrival;
    if (word == "canonical") return event_order::canonical;
    throw error(errc::invalid_input, "--order " + printable(word) + ": give arrival or canonical");
}

}  // namespace

int run(const log_options& options, session& s) {
    query select = to_query(options.select);
    select.order = parse_order(options.order);
    const store from = open_to_read(options.store);
    const data_form form = options.raw ? data_form::stored : data_form::json;
    if (options.follow) return follow(from, select, form, s);
    if (s.json) {
        write_cloudevents(from, select, form, s.out);
        return success;
    }
    event_printer printer(from, form, s);
    if (select.order == event_order::canonical) {
        from.read(select, [&](const event_view& e) { printer.print(e.to_owned()); });
        printer.finish();
        return success;
    }
    for (std::optional<query> rest = select; rest && rest->limit > 0;) {
        const auto page = from.read_page(*rest);
        for (const auto& e : page.events) printer.print(e);
        rest = page.next;
    }
    printer.finish();
    return success;
}

}  // namespace idem::cli
