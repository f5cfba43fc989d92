// The next revision of each stream, as an application would keep it beside a store that does not.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace bench {

class stream_heads {
public:
    // `find_next` asks the store, for a stream that was not seen so far.
    template <class Find>
    std::uint64_t take(const std::string& stream, Find&& find_next) {
        const auto [place, is_new] = next_.try_emplace(stream, 0);
        if (is_new) place->second = find_next();
        return place->second++;
    }

private:
    std::unordered_map<std::string, std::uint64_t> next_;
};

}  // namespace bench
