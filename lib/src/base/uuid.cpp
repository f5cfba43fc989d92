#include "idem/uuid.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/random.h>
#include <uuid/uuid.h>

#include <atomic>
#include <cerrno>
#include <chrono>

#include "base/hex.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

constexpr std::uint64_t counter_bits = 42;
constexpr std::uint64_t counter_max = (1ULL << counter_bits) - 1;

void set_version(uuid& id, std::uint8_t version) noexcept {
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | version << 4);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
}

// Counts the forks that lead to this process. A system call to ask for the process would cost more
// than the random bytes.
std::atomic<std::uint32_t> generation = 0;
[[maybe_unused]] const int generation_counted =
    ::pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });

// The kernel's random bytes, some at a time. A child process must not repeat its parent's.
class random_pool {
public:
    std::uint64_t next() {
        if (left_ == 0 || filled_in_ != generation.load(std::memory_order_relaxed)) refill();
        return words_[--left_];
    }

private:
    void refill() {
        auto* bytes = reinterpret_cast<unsigned char*>(words_.data());
        for (std::size_t got = 0; got < sizeof words_;) {
            const ssize_t n = ::getrandom(bytes + got, sizeof words_ - got, 0);
            if (n < 0 && errno != EINTR) {
                throw error(errc::io, "the system's random generator failed (getrandom)");
            }
            if (n > 0) got += static_cast<std::size_t>(n);
        }
        left_ = words_.size();
        filled_in_ = generation.load(std::memory_order_relaxed);
    }

    std::array<std::uint64_t, 64> words_{};
    std::size_t left_ = 0;
    std::uint32_t filled_in_ = 0;
};

std::uint64_t random_word() {
    thread_local random_pool pool;
    return pool.next();
}

std::uint64_t system_milliseconds() {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                          std::chrono::system_clock::now().time_since_epoch())
                                          .count());
}

}  // namespace

std::optional<uuid> uuid::parse(std::string_view text) noexcept {
    constexpr std::string_view prefix = "urn:uuid:";
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    if (text.size() != 36) return std::nullopt;
    uuid id;
    std::size_t at = 0;
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (text[at++] != '-') return std::nullopt;
        }
        const int high = hex_value(text[at]);
        const int low = hex_value(text[at + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
        at += 2;
    }
    return id;
}

std::string to_string(const uuid& id) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < id.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
        text.push_back(digits[id.bytes[i] >> 4]);
        text.push_back(digits[id.bytes[i] & 15]);
    }
    return text;
}

uuid make_uuid_v4() {
    uuid id;
    const std::uint64_t words[] = {random_word(), random_word()};
    std::memcpy(id.bytes.data(), words, sizeof words);
    set_version(id, 4);
    return id;
}

uuid make_uuid_v5(const uuid& space, std::string_view name) {
    uuid id;
    ::uuid_generate_sha1(id.bytes.data(), space.bytes.data(), name.data(), name.size());
    return id;
}

uuid make_uuid_from_source(std::string_view source, std::string_view id) {
    return make_uuid_v5(make_uuid_v5(uuid_space::url, source), id);
}

uuid_v7_generator::uuid_v7_generator() : uuid_v7_generator(system_milliseconds, random_word) {}

uuid_v7_generator::uuid_v7_generator(clock now, random bits)
    : now_(std::move(now)), bits_(std::move(bits)) {}

uuid uuid_v7_generator::next() {
    const std::uint64_t now = now_();
    if (now > millisecond_) {
        millisecond_ = now;
        counter_ = bits_() & (counter_max >> 1);
    } else if (++counter_ > counter_max) {
        ++millisecond_;
        counter_ = bits_() & (counter_max >> 1);
    }
    // 48 bits of time, version, 12 bits of counter, variant, 30 bits of counter, 32 random bits.
    uuid id;
    const auto store = [&id](std::size_t at, std::uint64_t value, int count) {
        for (int i = 0; i < count; ++i) {
            id.bytes[at + static_cast<std::size_t>(i)] =
                static_cast<std::uint8_t>(value >> 8 * (count - 1 - i));
        }
    };
    store(0, millisecond_, 6);
    store(6, counter_ >> 30, 2);
    store(8, counter_ & 0x3fffffff, 4);
    store(12, bits_(), 4);
    set_version(id, 7);
    return id;
}

uuid make_uuid_v7() {
    thread_local uuid_v7_generator generator;
    return generator.next();
}

}  // namespace idem
