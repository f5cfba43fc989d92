// What each command is asked for, and the commands themselves: run(options, session) does the work
// and returns the exit code. Faults are thrown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session.hpp"

namespace idem::cli {

struct append_options {
    std::string store;
    std::vector<std::string> files;  // none: standard input
    bool atomic = false;
    std::string expect;  // any, no_stream, stream_exists or a revision; empty: not given
    std::vector<std::string> expect_streams;  // STREAM=REVISION
    std::optional<std::string> unless;        // JSON
    std::optional<std::uint64_t> after;       // position
};
int run(const append_options& options, session& s);

struct import_options {
    std::string store;
    std::vector<std::string> files;
    std::size_t batch = 1000;
    bool receipts = false;
};
int run(const import_options& options, session& s);

// Which events; as the options say it.
struct selection {
    std::optional<std::string> stream;
    std::vector<std::string> types;
    std::vector<std::string> tags;
    std::optional<std::string> correlation;
    std::optional<std::string> since;
    std::optional<std::string> until;
    std::optional<std::uint64_t> from;
    std::optional<std::uint64_t> to;
    std::optional<std::uint64_t> limit;
    bool reverse = false;
};

struct export_options {
    std::string store;
    selection select;
    bool raw = false;        // data as it is stored
    bool with_data = false;  // that of data subjects too
};
int run(const export_options& options, session& s);

struct log_options {
    std::string store;
    selection select;
    std::string order = "arrival";
    bool follow = false;
    bool raw = false;
};
int run(const log_options& options, session& s);

struct show_options {
    std::string store;
    std::string event;   // a position or an id
    std::string source;  // then `event` is that sender's id
    std::optional<std::uint64_t> as_version;
};
int run(const show_options& options, session& s);

struct why_options {
    std::string store;
    std::string id;
    std::string source;
    std::string event;  // a file with the event to compare with
};
int run(const why_options& options, session& s);

struct streams_options {
    std::string store;
};
int run(const streams_options& options, session& s);

struct types_options {
    std::string store;
};
int run(const types_options& options, session& s);

struct subjects_options {
    std::string store;
};
int run(const subjects_options& options, session& s);

struct erase_options {
    std::string store;
    std::string event;   // its id
    std::string source;  // then `event` is that sender's id
    std::optional<std::string> subject;
    std::optional<std::string> readmit;  // a subject
    bool yes = false;                    // nobody is asked
};
int run(const erase_options& options, session& s);

struct projections_options {
    std::string store;
};
int run(const projections_options& options, session& s);

struct state_options {
    std::string store;
    std::string name;  // a projection's name, or a file that defines one
    std::optional<std::string> key;
    std::optional<std::uint64_t> at;
    std::optional<std::uint64_t> diff;  // the rows that differ from those at this position
    bool digest = false;
};
int run(const state_options& options, session& s);

struct replay_options {
    std::string store;
    std::string name;
    bool digest = false;
};
int run(const replay_options& options, session& s);

struct rebuild_command_options {
    std::string store;
    std::vector<std::string> names;
    bool all_stale = false;
    bool dry_run = false;
    bool no_switch = false;
    bool restart = false;
    std::optional<std::uint64_t> rate_max;  // events a second
};
int run(const rebuild_command_options& options, session& s);

struct diff_options {
    std::string store;
    std::string before;  // NAME@VERSION
    std::string after;
    std::optional<std::uint64_t> limit;  // of the rows shown
};
int run(const diff_options& options, session& s);

struct bisect_options {
    std::string store;
    std::string name;
    std::string condition;
    std::optional<std::uint64_t> from;
};
int run(const bisect_options& options, session& s);

struct projection_switch_options {
    std::string store;
    std::string version;  // NAME@VERSION
};
int run(const projection_switch_options& options, session& s);

struct projection_drop_options {
    std::string store;
    std::string version;
};
int run(const projection_drop_options& options, session& s);

struct projection_check_options {
    std::string store;
    std::string name;
    std::optional<std::uint64_t> rows;
};
int run(const projection_check_options& options, session& s);

struct projection_skip_options {
    std::string store;
    std::string name;
    std::string reason;
};
int run(const projection_skip_options& options, session& s);

struct checkpoint_options {
    std::string store;
    std::string name;  // empty: list them
    std::optional<std::uint64_t> at;
};
int run(const checkpoint_options& options, session& s);

struct schema_check_options {
    std::string before;  // files
    std::string after;
};
int run(const schema_check_options& options, session& s);

struct schema_diff_options {
    std::string before;
    std::string after;
};
int run(const schema_diff_options& options, session& s);

struct schema_add_options {
    std::string store;
    std::string file;    // a schema; empty: upcasters alone
    std::string upcast;  // a file of upcasters
    bool dry_run = false;
};
int run(const schema_add_options& options, session& s);

struct schema_list_options {
    std::string store;
};
int run(const schema_list_options& options, session& s);

struct verify_options {
    std::string store;
    std::vector<std::string> projections;  // files
};
int run(const verify_options& options, session& s);

struct stats_options {
    std::string store;
};
int run(const stats_options& options, session& s);

struct backup_options {
    std::string store;
    std::string target;
    bool with_keys = false;
};
int run(const backup_options& options, session& s);

struct restore_options {
    std::string backup;
    std::string store;
};
int run(const restore_options& options, session& s);

}  // namespace idem::cli
