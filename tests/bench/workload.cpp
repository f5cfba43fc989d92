#include "workload.hpp"

#include <charconv>
#include <cstring>

#include "idem/cloudevents.hpp"

namespace bench {
namespace {

idem::uuid id_of(const workload& w, std::uint64_t number) {
    idem::uuid id;
    std::uint64_t high = mixed(number * 2);
    const std::uint64_t low = mixed(number * 2 + 1);
    if (w.version == 7) high = (1'700'000'000'000 + number / 8) << 16 | (number % 8) << 9;
    for (int i = 0; i < 8; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        id.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | w.version << 4);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

}  // namespace

// The finalizer of splitmix64 (Steele, Lea, Flood 2014).
std::uint64_t mixed(std::uint64_t number) noexcept {
    number += 0x9e3779b97f4a7c15ULL;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9ULL;
    number = (number ^ number >> 27) * 0x94d049bb133111ebULL;
    return number ^ number >> 31;
}

void make_event(const workload& w, std::uint64_t number, idem::event& e) {
    e.id = id_of(w, number);
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, mixed(~number) % w.streams);
    e.stream.assign("stream-").append(digits, end.ptr);
    e.type = "Measured";
    e.content_type = "application/octet-stream";
    e.data.resize(w.payload);
    std::uint64_t word = mixed(number);
    for (std::size_t i = 0; i + 8 <= e.data.size(); i += 8) {
        std::memcpy(e.data.data() + i, &word, 8);
        word = word * 6364136223846793005ULL + 1442695040888963407ULL;
    }
    e.time = idem::timestamp(std::chrono::nanoseconds(1'700'000'000'000'000'000 + number));
}

void print_lines(const workload& w, std::FILE* out) {
    idem::recorded_event e;
    for (std::uint64_t i = 0; i < w.events; ++i) {
        make_event(w, i, e);
        e.content_type = "application/json";
        e.data = R"({"account":")" + e.stream + R"(","cents":)" +
                 std::to_string(mixed(i) % 100'000) +
                 R"(,"note":"a transfer between two accounts of one bank"})";
        e.position = i + 1;
        const std::string line = idem::to_cloudevent(e) + "\n";
        std::fwrite(line.data(), 1, line.size(), out);
    }
}

std::uint64_t number_given(const workload& w, std::uint64_t place) noexcept {
    const std::uint64_t first = place / w.batch * w.batch;
    const std::uint64_t chance = mixed(place ^ 0x5bd1e995);
    return first > 0 && chance % 100 < w.duplicates ? chance / 128 % first : place;
}

void make_batch(const workload& w, std::uint64_t first, std::vector<idem::event>& batch) {
    batch.resize(w.batch);
    for (std::uint64_t i = 0; i < w.batch; ++i) make_event(w, number_given(w, first + i), batch[i]);
}

}  // namespace bench
