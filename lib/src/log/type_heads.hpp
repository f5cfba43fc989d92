// The last position of each event type, of a part of the log.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace idem {

// One thread at a time.
class type_heads {
public:
    // Positions come in order.
    void note(std::string_view type, std::uint64_t position) {
        if (latest_ == nullptr || latest_->first != type) {
            auto found = heads_.find(type);
            if (found == heads_.end()) found = heads_.emplace(type, 0).first;
            latest_ = &*found;  // stays where it is, and is as a rule that of the next event too
        }
        latest_->second = position;
    }
    std::uint64_t of(std::string_view type) const {  // 0: none in this part
        const auto found = heads_.find(type);
        return found == heads_.end() ? 0 : found->second;
    }
    void take(const type_heads& later) {
        for (const auto& [type, position] : later.heads_) note(type, position);
    }
    void forget_up_to(std::uint64_t position) {
        if (position <= forgotten_) return;
        forgotten_ = position;
        latest_ = nullptr;
        std::erase_if(heads_, [&](const auto& head) { return head.second <= position; });
    }
    void clear() noexcept {
        latest_ = nullptr;
        heads_.clear();
    }
    // Each type and its last position, in no order.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& [type, position] : heads_) visit(type, position);
    }

private:
    struct hash_of : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using table = std::unordered_map<std::string, std::uint64_t, hash_of, std::equal_to<>>;

    table heads_;
    std::uint64_t forgotten_ = 0;
    table::value_type* latest_ = nullptr;
};

}  // namespace idem
