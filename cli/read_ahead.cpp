#include "read_ahead.hpp"

namespace idem::cli {
namespace {

constexpr std::size_t batches_ahead = 2;

}  // namespace

read_ahead::read_ahead(const std::vector<input_file>& files, const interrupt& stop,
                       std::size_t events_max, std::size_t bytes_max)
    : stop_(stop),
      events_max_(events_max),
      bytes_max_(bytes_max),
      thread_([this, &files] { read_all(files); }) {}

read_ahead::~read_ahead() {
    {
        const std::scoped_lock lock(mutex_);
        abandoned_ = true;
        changed_.notify_all();
    }
    stop_.wake();
}

std::optional<read_ahead::batch> read_ahead::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_.empty() || ended_; });
    if (ready_.empty()) {
        if (failure_) std::rethrow_exception(failure_);
        return std::nullopt;
    }
    batch b = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return b;
}

bool read_ahead::hand_over(batch&& b) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.size() < batches_ahead || abandoned_; });
    if (abandoned_) return false;
    ready_.push_back(std::move(b));
    changed_.notify_all();
    return true;
}

void read_ahead::read_all(const std::vector<input_file>& files) {
    std::exception_ptr failure;
    try {
        for (const auto& file : files) {
            if (!stop_.requested()) read(file);
        }
    } catch (...) {
        failure = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    failure_ = failure;
    ended_ = true;
    changed_.notify_all();
}

void read_ahead::read(const input_file& file) {
    line_reader lines(file, &stop_);
    batch b;
    std::size_t bytes = 0;
    const auto pass_on = [&] {
        b.bytes_read = bytes_before_ + lines.bytes_read();
        bytes = 0;
        return hand_over(std::exchange(b, {}));
    };
    while (const auto line = lines.next()) {
        auto parsed = parse_line(file, *line);
        bytes += line->text.size();
        if (parsed.event) {
            b.events.push_back(std::move(*parsed.event));
        } else {
            b.faults.push_back({&file.name(), line->number, std::move(parsed.fault)});
        }
        const bool full = b.events.size() + b.faults.size() >= events_max_ || bytes >= bytes_max_;
        if (full && !pass_on()) return;
    }
    pass_on();
    bytes_before_ += lines.bytes_read();
}

}  // namespace idem::cli
