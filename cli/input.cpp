#include "input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem::cli {
namespace {

[[noreturn]] void throw_unreadable(const std::string& name, int code) {
    const errc kind = code == ENOENT   ? errc::not_found
                      : code == EACCES ? errc::permission_denied
                                       : errc::io;
    throw error(kind,
                fmt::format("cannot read {}: {}", name, std::generic_category().message(code)));
}

bool blank(std::string_view line) {
    return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

// Why a line is no event; empty where `parse` takes it.
template <class Parse>
std::string fault_of(const line_reader::line& line, Parse&& parse) {
    if (line.too_long) {
        return fmt::format(
            "the line is longer than {} bytes, the limit; keep large content "
            "elsewhere and append a reference to it",
            line_reader::line_bytes_max);
    }
    try {
        parse();
    } catch (const error& e) {
        if (e.code() != errc::invalid_input) throw;
        return e.what();
    }
    return {};
}

}  // namespace

input_file::input_file(const std::string& name)
    : name_(name == "-" ? "standard input" : name),
      descriptor_(name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw_unreadable(name_, errno);
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
        if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
        throw_unreadable(name_, EISDIR);
    }
}

input_file::~input_file() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

input_file::input_file(input_file&& other) noexcept
    : name_(std::move(other.name_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

std::optional<std::uint64_t> input_file::size() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
}

std::size_t input_file::read(std::span<char> space, const interrupt* stop) const {
    for (;;) {
        if (stop) {
            pollfd waits[2] = {{descriptor_, POLLIN, 0}, {stop->descriptor(), POLLIN, 0}};
            if (::poll(waits, 2, -1) < 0 && errno != EINTR) throw_unreadable(name_, errno);
            const bool woken = waits[1].revents != 0 && waits[0].revents == 0;
            if (stop->requested() || woken) return 0;
        }
        const ssize_t got = ::read(descriptor_, space.data(), space.size());
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) throw_unreadable(name_, errno);
    }
}

std::vector<input_file> open_inputs(const std::vector<std::string>& names, session& s) {
    std::vector<input_file> files;
    for (const auto& name : names) files.emplace_back(name);
    if (files.empty()) files.emplace_back("-");
    if (std::any_of(files.begin(), files.end(),
                    [](const auto& file) { return file.is_terminal(); })) {
        s.tell("reading events from the terminal, one a line; Ctrl-D ends them");
    }
    return files;
}

bool input_is_given() {
    struct stat status {};
    if (::fstat(STDIN_FILENO, &status) != 0) return false;
    return S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode);
}

bool line_reader::fill() {
    constexpr std::size_t chunk = 64 << 10;
    if (start_ > 0) {
        buffer_.erase(0, start_);
        scanned_ -= start_;
        start_ = 0;
    }
    const std::size_t before = buffer_.size();
    buffer_.resize(before + chunk);
    const std::size_t got = file_.read({buffer_.data() + before, chunk}, stop_);
    buffer_.resize(before + got);
    bytes_read_ += got;
    return got > 0;
}

std::optional<line_reader::line> line_reader::next_of_any_kind() {
    for (;;) {
        if (stop_ && stop_->requested()) return std::nullopt;
        const std::size_t end = buffer_.find('\n', scanned_);
        const bool found = end != std::string::npos;
        if (!found && !ended_) {
            scanned_ = buffer_.size();
            if (scanned_ - start_ > line_bytes_max) {  // keep nothing of it
                skipping_ = true;
                start_ = scanned_;
            }
            ended_ = !fill();
            continue;
        }
        if (!found && start_ == buffer_.size() && !skipping_) return std::nullopt;
        const std::size_t stop = found ? end : buffer_.size();
        line result{++number_, std::string_view(buffer_).substr(start_, stop - start_), skipping_};
        constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
        if (number_ == 1 && result.text.starts_with(byte_order_mark)) {
            result.text.remove_prefix(byte_order_mark.size());
        }
        if (result.text.size() > line_bytes_max) result.too_long = true;
        if (result.too_long) result.text = {};
        start_ = scanned_ = found ? end + 1 : stop;
        skipping_ = false;
        return result;
    }
}

std::optional<line_reader::line> line_reader::next() {
    for (;;) {
        const auto found = next_of_any_kind();
        if (!found || found->too_long || !blank(found->text)) return found;
    }
}

void line_faults::add(const std::string& file, std::uint64_t line, std::string_view what) {
    if (++count_ <= told_max) session_.tell(fmt::format("{}:{}: {}", file, line, what));
}

void line_faults::finish() {
    if (count_ > told_max) {
        session_.tell(fmt::format("and {} more lines like these", count_ - told_max));
    }
}

parsed_line parse_line(const input_file& file, const line_reader::line& line) {
    parsed_line parsed;
    parsed.fault = fault_of(line, [&] {
        parsed.event = placed_event{parse_cloudevent(line.text), &file.name(), line.number};
    });
    return parsed;
}

std::optional<recorded_event> read_recorded_event(const input_file& file,
                                                  const line_reader::line& line,
                                                  line_faults& faults) {
    std::optional<recorded_event> e;
    const std::string fault = fault_of(line, [&] { e = parse_recorded_cloudevent(line.text); });
    if (!e) faults.add(file.name(), line.number, fault);
    return e;
}

std::optional<placed_event> read_event(const input_file& file, const line_reader::line& line,
                                       line_faults& faults) {
    auto parsed = parse_line(file, line);
    if (!parsed.event) faults.add(file.name(), line.number, parsed.fault);
    return std::move(parsed.event);
}

std::vector<placed_event> read_batch(const std::vector<input_file>& files, line_faults& faults) {
    std::vector<placed_event> batch;
    std::size_t bytes = 0;
    for (const auto& file : files) {
        line_reader lines(file);
        while (const auto line = lines.next()) {
            if (auto read = read_event(file, *line, faults)) {
                bytes += read->event.data.size();
                batch.push_back(std::move(*read));
            }
            if (batch.size() > limits::batch_events_max || bytes > limits::batch_bytes_max) {
                throw error(
                    errc::invalid_input,
                    fmt::format("{}:{}: the input is larger than one batch may be, {} events "
                                "and {} bytes; append it in parts, or with `idem import`",
                                file.name(), line->number, limits::batch_events_max,
                                limits::batch_bytes_max));
            }
        }
    }
    return batch;
}

std::string without_index(std::string_view message) {
    constexpr std::string_view word = "event ";
    if (!message.starts_with(word)) return std::string(message);
    const std::size_t end = message.find_first_not_of("0123456789", word.size());
    if (end == word.size() || end == std::string_view::npos) return std::string(message);
    return "event" + std::string(message.substr(end));
}

std::string read_file(const std::string& name, std::size_t bytes_max) {
    const input_file file(name);
    std::string text;
    for (;;) {
        const std::size_t before = text.size();
        text.resize(before + 4096);
        const std::size_t got = file.read({text.data() + before, 4096}, nullptr);
        text.resize(before + got);
        if (got == 0) return text;
        if (text.size() > bytes_max) {
            throw error(errc::invalid_input,
                        fmt::format("{} is larger than {} bytes, the limit", name, bytes_max));
        }
    }
}

}  // namespace idem::cli
