// Measuring: time, figures and the table of results.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace bench {

struct settings {
    bool quick = false;
    std::filesystem::path folder;  // where stores are made; on the disk that is to be measured
    std::uint64_t events = 10'000'000;
    std::uint64_t single_events = 20'000;  // for the measurements that commit each event
    std::uint64_t rebuilt_events = 10'000'000;
    std::uint64_t typed_events = 10'000'000;  // for the rebuild of typed events
    std::uint64_t swept_keys = 1'000'000;
    double peer_seconds_max = 1e9;  // then a peer has shown its rate
};

// What was measured, and what the project asks of itself. Ratios are of two measurements in one
// run.
struct figure {
    std::string what;
    double ratio = 0;
    double wanted = 0;
    bool at_most = false;     // `wanted` is an upper limit
    std::string detail = {};  // the measurements behind the ratio

    bool reached() const noexcept { return at_most ? ratio <= wanted : ratio >= wanted; }
};

std::string rate(double a_second);  // "1.06 M/s", "491 k/s"
std::string rates(double ours, double theirs);

class stopwatch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Prints the figures as they are made.
class report {
public:
    explicit report(const settings& s);  // prints what is measured, and where
    void add(figure f);
    const std::vector<figure>& figures() const noexcept { return figures_; }
    void write_json(const std::filesystem::path& file) const;

private:
    std::vector<figure> figures_;
};

void measure_flat_cost(const settings& s, report& r);   // version 4 ids, against the peers
void measure_rising(const settings& s, report& r);      // version 7 ids, against the bare log
void measure_single(const settings& s, report& r);      // commits of one event
void measure_reading(const settings& s, report& r);     // scan and catch-up
void measure_conditions(const settings& s, report& r);  // over tags
void measure_keys(const settings& s, report& r);        // once, and sweeps
void measure_effects(const settings& s, report& r);     // declared and carried out
void measure_sagas(const settings& s, report& r);       // steps without external work
void measure_sealed(const settings& s, report& r);      // data of data subjects
void measure_order(const settings& s, report& r);       // the index of canonical order
void measure_sync(const settings& s, report& r);        // two stores get what either lacks
void measure_rebuild(const settings& s, report& r);     // of typed events, whole
void measure_canonical(const settings& s, report& r);   // folds with late events

}  // namespace bench
