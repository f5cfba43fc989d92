#include "log/payload_arena.hpp"

#include <cstring>

namespace idem {

char* payload_arena::allocate(std::size_t bytes) {
    bytes = (bytes + 15) / 16 * 16;
    if (bytes > chunk_bytes / 4) {
        return large_.emplace_back(std::make_unique_for_overwrite<char[]>(bytes)).get();
    }
    if (chunk_ == chunks_.size() || used_ + bytes > chunk_bytes) {
        if (chunk_ < chunks_.size()) ++chunk_;
        used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
        chunks_.push_back(std::make_unique_for_overwrite<char[]>(chunk_bytes));
    }
    char* const place = chunks_[chunk_].get() + used_;
    used_ += bytes;
    return place;
}

std::string_view payload_arena::keep(std::string_view bytes) {
    char* const place = allocate(bytes.size());
    std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
}

void payload_arena::clear() noexcept {
    large_.clear();
    chunk_ = 0;
    used_ = 0;
}

}  // namespace idem
