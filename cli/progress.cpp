#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

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

}  // namespace

progress::progress(std::string label)
    : label_(std::move(label)), shown_(is_terminal(STDERR_FILENO)) {}

void progress::update(const reading& now) {
    if (!shown_ || clock::now() < next_draw_) return;
    next_draw_ = clock::now() + std::chrono::milliseconds(100);
    std::string line = "\r" + label_;
    if (now.whole && *now.whole > 0) {
        const double share =
            std::min(1.0, static_cast<double>(now.done) / static_cast<double>(*now.whole));
        line += fmt::format("  {:3.0f} % {}", share * 100, bar(share));
    }
    if (!now.amount.empty()) line += "  " + now.amount;
    line += fmt::format("  {} events", with_commas(now.events));
    if (const auto speed = rate(now.events, seconds()); !speed.empty()) line += "  " + speed;
    line += "\x1b[K";
    draw(line);
    drawn_ = true;
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
