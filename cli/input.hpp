// Event lines from files and standard input, in constant memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/event.hpp"
#include "interrupt.hpp"
#include "session.hpp"

namespace idem::cli {

// A file open for reading; "-" is standard input.
class input_file {
public:
    explicit input_file(const std::string& name);  // throws not_found, permission_denied, io
    ~input_file();
    input_file(input_file&& other) noexcept;
    input_file(const input_file&) = delete;
    input_file& operator=(const input_file&) = delete;
    input_file& operator=(input_file&&) = delete;

    const std::string& name() const noexcept { return name_; }  // as messages tell it
    bool is_terminal() const noexcept { return cli::is_terminal(descriptor_); }
    std::optional<std::uint64_t> size() const;  // of a regular file, in bytes

    // Up to `space.size()` bytes; 0 at the end, or where `stop` woke it while it waited.
    std::size_t read(std::span<char> space, const interrupt* stop) const;

private:
    std::string name_;
    int descriptor_;
};

// Every file named, opened; standard input where none is. In this way a missing one is told before
// anything is done. People who are to type are told so.
std::vector<input_file> open_inputs(const std::vector<std::string>& names, session& s);

// Whether somebody has put something into standard input: it is a pipe or a file.
bool input_is_given();

class line_reader {
public:
    static constexpr std::size_t line_bytes_max = 2 << 20;

    struct line {
        std::uint64_t number = 0;  // from 1
        std::string_view text;     // without its end; valid until the next one
        bool too_long = false;     // passed line_bytes_max: skipped, text is empty
    };

    explicit line_reader(const input_file& file, const interrupt* stop = nullptr)
        : file_(file), stop_(stop) {}

    // The next line that is not blank; nullopt at the end, or where a stop was requested. The last
    // line needs no end. A byte order mark at the beginning is skipped.
    std::optional<line> next();
    std::uint64_t bytes_read() const noexcept { return bytes_read_; }

private:
    std::optional<line> next_of_any_kind();
    bool fill();

    const input_file& file_;
    const interrupt* stop_;
    std::string buffer_;
    std::size_t start_ = 0;    // of the next line in the buffer
    std::size_t scanned_ = 0;  // up to here there is no line end
    std::uint64_t number_ = 0;
    std::uint64_t bytes_read_ = 0;
    bool skipping_ = false;  // within a line that is too long
    bool ended_ = false;
};

// An event with the place that it came from.
struct placed_event {
    idem::event event;
    const std::string* file = nullptr;
    std::uint64_t line = 0;
};

// What is wrong with lines of the input: told one by one up to a bound, then only counted.
class line_faults {
public:
    explicit line_faults(session& s) : session_(s) {}

    void add(const std::string& file, std::uint64_t line, std::string_view what);
    void add(const placed_event& e, std::string_view what) { add(*e.file, e.line, what); }
    void finish();  // tells how many were not told
    std::uint64_t count() const noexcept { return count_; }

private:
    static constexpr std::uint64_t told_max = 20;
    session& session_;
    std::uint64_t count_ = 0;
};

// The event of a line, or why it is none.
struct parsed_line {
    std::optional<placed_event> event = {};
    std::string fault = {};
};
parsed_line parse_line(const input_file& file, const line_reader::line& line);

// The event of a line; nullopt where it is none, which goes into `faults`.
std::optional<placed_event> read_event(const input_file& file, const line_reader::line& line,
                                       line_faults& faults);

// Likewise an event of another store, which brings its stamp.
std::optional<recorded_event> read_recorded_event(const input_file& file,
                                                  const line_reader::line& line,
                                                  line_faults& faults);

// All events of the input as one batch, which is everything or nothing, so one bad line refuses the
// whole. Throws invalid_input where it is larger than a batch may be.
std::vector<placed_event> read_batch(const std::vector<input_file>& files, line_faults& faults);

// The message of an error about a batch without the event's index, which the input's line replaces.
std::string without_index(std::string_view message);

// A whole small file, such as a projection. Throws as input_file; invalid_input above `bytes_max`.
std::string read_file(const std::string& name, std::size_t bytes_max);

}  // namespace idem::cli
