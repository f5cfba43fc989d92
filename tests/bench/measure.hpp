// Measuring: time, rates and the table of results.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "idem/event.hpp"

namespace bench {

struct settings {
    std::filesystem::path folder;  // where stores are made; on the disk that is to be measured
    std::uint64_t events = 1'000'000;
    std::uint64_t single_events = 20'000;  // for the measurements that commit each event
};

// A figure: how our rate relates to that of the peer or limit, measured in the same run.
struct figure {
    std::string what;
    double ours = 0;
    double peer = 0;  // 0: the figure is a rate of its own, in `at_least` units
    double ratio = 0;
    double at_least = 0;
};

class stopwatch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Event number `index` of a run: version 7 id, 128 bytes of payload, one of `streams` streams.
idem::event sample_event(std::uint64_t index, std::uint64_t streams = 1);
inline constexpr std::size_t payload_bytes = 128;

std::vector<figure> append_figures(const settings& s);
std::vector<figure> read_figures(const settings& s);

void print(const std::vector<figure>& figures);
void write_json(const std::vector<figure>& figures, const std::filesystem::path& file);

}  // namespace bench
