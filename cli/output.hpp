// Standard output: buffered, and checked to its end, so that a full disk is not taken for success.
#pragma once

#include <string>
#include <string_view>

namespace idem::cli {

// Thrown where the reader of a pipe has gone: nobody is left to tell, so the command just stops.
struct output_closed {};

// One thread at a time. Throws output_closed, or idem::error for any other failure.
class output {
public:
    explicit output(int descriptor) noexcept : descriptor_(descriptor) {}
    output(const output&) = delete;
    output& operator=(const output&) = delete;

    void write(std::string_view text);
    void flush();
    int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
    std::string buffer_;
};

}  // namespace idem::cli
