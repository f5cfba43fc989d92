// Choices at random, all of one seed.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

class random_source {
public:
    explicit random_source(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t end) { return random_() % end; }

    std::string pick(std::initializer_list<const char*> from) {
        return *(from.begin() + below(from.size()));
    }

    // A few bytes changed, as by bad luck or by one who knows that words are references.
    std::string damage(std::string bytes) {
        for (std::size_t n = 1 + below(4); n > 0 && !bytes.empty(); --n) {
            const std::size_t at = below(bytes.size());
            switch (below(5)) {
                case 0:
                    bytes[at] = static_cast<char>(below(256));
                    break;
                case 1:
                    bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                    break;
                case 2:
                    put_word(bytes, at & ~3U, static_cast<std::uint32_t>(below(64)));
                    break;
                case 3:  // one reference to where another leads
                    bytes.replace(at & ~3U, 4, bytes, below(bytes.size()) & ~3U, 4);
                    break;
                default:
                    if (below(8) == 0) bytes.resize(at);
            }
        }
        return bytes;
    }

private:
    static void put_word(std::string& bytes, std::size_t at, std::uint32_t word) {
        bytes.replace(at, 4, reinterpret_cast<const char*>(&word), 4);
    }

    std::mt19937_64 random_;
};
