#include "session.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>

#include "text.hpp"

namespace idem::cli {

void session::tell(std::string_view message) {
    out.flush();
    const std::string line = "idem: " + printable(message) + "\n";
    // A lost message is nothing that could be told.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

bool is_terminal(int descriptor) noexcept {
    return ::isatty(descriptor) == 1;
}

std::size_t terminal_width() {
    constexpr std::size_t narrowest = 20;
    if (const char* columns = std::getenv("COLUMNS")) {
        const std::string_view text = columns;
        std::size_t width = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), width);
        if (fault == std::errc() && end == text.data() + text.size() && width > 0) {
            return std::max(width, narrowest);
        }
    }
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return std::max<std::size_t>(size.ws_col, narrowest);
    }
    return 80;
}

}  // namespace idem::cli
