// The last revisions of the streams that this process wrote lately.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace idem {

// Bounded. One thread at a time.
class stream_heads {
public:
    // A transaction starts at this head of the log: forgets everything unless that is where the
    // last commit left it, for another process may have written to any stream.
    void begin(std::uint64_t head) {
        if (head != left_at_) last_.clear();
        left_at_ = none;
    }
    void committed(std::uint64_t head) noexcept { left_at_ = head; }

    std::optional<std::uint64_t> find(std::string_view stream) const {
        const auto found = last_.find(stream);
        if (found == last_.end()) return std::nullopt;
        return found->second;
    }

    void set(std::string_view stream, std::uint64_t last_revision) {
        if (const auto found = last_.find(stream); found != last_.end()) {
            found->second = last_revision;
            return;
        }
        if (last_.size() >= streams_max) last_.clear();
        last_.emplace(stream, last_revision);
    }

private:
    static constexpr std::size_t streams_max = 1 << 16;
    static constexpr std::uint64_t none = ~0ULL;

    struct hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    std::unordered_map<std::string, std::uint64_t, hash, std::equal_to<>> last_;
    std::uint64_t left_at_ = none;
};

}  // namespace idem
