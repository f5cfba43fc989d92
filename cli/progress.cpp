#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "json_line.hpp"
#include "session.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

void draw(const std::string& text) {
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

std::string bar(double share) {
    constexpr std::size_t cells = 24;
    const auto full = static_cast<std::size_t>(share * cells);
    return "[" + std::string(full, '#') + std::string(cells - full, '.') + "]";
}

std::string time_left(double seconds) {
    const auto whole = static_cast<std::uint64_t>(seconds);
    if (whole >= 3600) return fmt::format("{} h {} min left", whole / 3600, whole / 60 % 60);
    return whole >= 60 ? fmt::format("{} min {} s left", whole / 60, whole % 60)
                       : fmt::format("{} s left", whole);
}

}  // namespace

progress::progress(std::string label, bool as_json)
    : label_(std::move(label)), as_json_(as_json), shown_(is_terminal(STDERR_FILENO)) {}

void progress::begin(std::string label) {
    if (label == label_) return;
    label_ = std::move(label);
    phase_start_ = clock::now();
    phase_events_ = 0;
}

void progress::update(const reading& now) {
    if ((!shown_ && !as_json_) || clock::now() < next_draw_) return;
    if (phase_events_ == 0) phase_events_ = now.events;
    next_draw_ = clock::now() + std::chrono::milliseconds(as_json_ ? 1000 : 100);
    if (as_json_) return tell_as_json(now);
    std::string line = "\r" + label_;
    if (now.whole && *now.whole > 0) {
        const double share =
            std::min(1.0, static_cast<double>(now.done) / static_cast<double>(*now.whole));
        line += fmt::format("  {:3.0f} % {}", share * 100, bar(share));
    }
    if (!now.amount.empty()) line += "  " + now.amount;
    line += fmt::format("  {} events", with_commas(now.events));
    const double phase_seconds = std::chrono::duration<double>(clock::now() - phase_start_).count();
    const std::uint64_t events = now.events - std::min(now.events, phase_events_);
    if (const auto speed = rate(events, phase_seconds); !speed.empty() && events > 0) {
        line += "  " + speed;
        if (now.whole && *now.whole > now.done && now.done == now.events) {
            const double left = static_cast<double>(*now.whole - now.done);
            line += "  " + time_left(left * phase_seconds / static_cast<double>(events));
        }
    }
    line += "\x1b[K";
    draw(line);
    drawn_ = true;
}

void progress::tell_as_json(const reading& now) {
    json_line line;
    line.text("progress", label_).number("done", now.done).number("whole", now.whole);
    const double phase_seconds = std::chrono::duration<double>(clock::now() - phase_start_).count();
    const double per_second =
        static_cast<double>(now.events - std::min(now.events, phase_events_)) / phase_seconds;
    line.number("a_second", static_cast<std::uint64_t>(per_second));
    if (now.whole && *now.whole >= now.done && per_second >= 1) {
        line.number("seconds_left", static_cast<std::uint64_t>(
                                        static_cast<double>(*now.whole - now.done) / per_second));
    } else {
        line.null("seconds_left");
    }
    draw(line.str());
}

void progress::clear() {
    if (!drawn_) return;
    draw("\r\x1b[K");
    drawn_ = false;
}

double progress::seconds() const {
    return std::chrono::duration<double>(clock::now() - start_).count();
}

std::string rate(std::uint64_t events, double seconds) {
    if (seconds < 0.001) return {};
    return with_commas(static_cast<std::uint64_t>(static_cast<double>(events) / seconds)) +
           " events/s";
}

}  // namespace idem::cli
