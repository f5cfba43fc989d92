// Memory of payloads that are not in the log as they are shown.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace idem {

// Views into it are valid until clear().
class payload_arena {
public:
    char* allocate(std::size_t bytes);  // at a multiple of 16
    std::string_view keep(std::string_view bytes);
    void clear() noexcept;

private:
    static constexpr std::size_t chunk_bytes = 64 << 10;
    std::vector<std::unique_ptr<char[]>> chunks_;
    std::vector<std::unique_ptr<char[]>> large_;
    std::size_t chunk_ = 0;  // in use
    std::size_t used_ = 0;   // of it
};

}  // namespace idem
