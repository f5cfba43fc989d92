// Events as lines: CloudEvents for programs, a table for people.
#pragma once

#include <optional>

#include "idem/event.hpp"
#include "idem/read.hpp"
#include "idem/store.hpp"
#include "session.hpp"
#include "table.hpp"

namespace idem::cli {

enum class data_form : std::uint8_t {
    json,    // by its schema, where the store has one
    stored,  // as it is
};

// Writes the events selected as CloudEvents lines. They are gathered within the store's short read
// transactions and written between them, however slowly the reader takes them.
// Without `local_notes` those of the stream $local are left out: they tell of this store alone.
// Returns how many were printed without their data, for they are of data subjects.
std::uint64_t write_cloudevents(const store& from, query select, data_form form, output& out,
                                bool with_data = true, bool local_notes = true);

// The data of an event as JSON, where a schema of the store tells how it is read. One thread.
class data_printer {
public:
    data_printer(const store& from, data_form form) : from_(from), form_(form) {}

    // Not inside of a read of the store.
    std::optional<std::string> to_json(const recorded_event& e);

private:
    const store& from_;
    data_form form_;
    std::optional<schema_set> schemas_;
};

class event_table {
public:
    explicit event_table(session& s);
    void add(const recorded_event& e, const std::optional<std::string>& json);
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
