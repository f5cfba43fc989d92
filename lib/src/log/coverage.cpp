#include "log/coverage.hpp"

#include <cstring>

namespace idem {
namespace {

constexpr std::size_t number_bytes = 8;
constexpr std::size_t id_bytes_count = sizeof(uuid::bytes);
constexpr std::size_t mark_bytes = id_bytes_count + 2 * number_bytes;

}  // namespace

coverage read_coverage(const index::manifest& ids) noexcept {
    coverage c;
    if (ids.mark.size() != mark_bytes) return c;
    std::memcpy(&c.position, ids.mark.data() + id_bytes_count, number_bytes);
    std::memcpy(&c.tags, ids.mark.data() + id_bytes_count + number_bytes, number_bytes);
    return c;
}

std::string encode_mark(const uuid& greatest, const coverage& c) {
    std::string mark(reinterpret_cast<const char*>(greatest.bytes.data()), id_bytes_count);
    if (c == coverage{}) return mark;
    mark.append(reinterpret_cast<const char*>(&c.position), number_bytes);
    mark.append(reinterpret_cast<const char*>(&c.tags), number_bytes);
    return mark;
}

}  // namespace idem
