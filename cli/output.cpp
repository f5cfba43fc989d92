#include "output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "idem/error.hpp"

namespace idem::cli {

void output::write(std::string_view text) {
    constexpr std::size_t buffer_bytes = 64 << 10;
    buffer_ += text;
    if (buffer_.size() >= buffer_bytes) flush();
}

void output::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const int code = errno;
            buffer_.clear();
            if (code == EPIPE) throw output_closed();
            throw error(code == ENOSPC ? errc::no_space : errc::io,
                        fmt::format("cannot write to standard output: {}",
                                    std::generic_category().message(code)));
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    buffer_.clear();
}

}  // namespace idem::cli
