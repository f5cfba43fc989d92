// Events as lines: CloudEvents for programs, a table for people.
#pragma once

#include <optional>

#include "idem/event.hpp"
#include "idem/read.hpp"
#include "idem/store.hpp"
#include "session.hpp"
#include "table.hpp"

namespace idem::cli {

// Writes the events selected as CloudEvents lines. They are gathered within the store's short read
// transactions and written between them, however slowly the reader takes them.
void write_cloudevents(const store& from, query select, output& out);

class event_table {
public:
    explicit event_table(session& s);
    void add(const recorded_event& e);
    void flush() { table_.flush(); }
    void finish() { table_.finish("such events"); }

private:
    table table_;
};

// "2018-07-15 17:00:00": UTC, to the second.
std::string short_time(timestamp time);

// The data as people read it: text, or its size where it is none.
std::string shown_data(const event& e);

}  // namespace idem::cli
