#include "trial.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>

#include "measure.hpp"
#include "own_process.hpp"

namespace bench {
namespace {

std::uint64_t number_in(const std::string& file, std::string_view name) {
    std::ifstream in(file);
    std::string word;
    std::uint64_t value = 0;
    while (in >> word) {
        if (word == name && in >> value) return value;
    }
    return 0;
}
std::uint64_t bytes_written(const subject& s) {
    std::uint64_t bytes = 0;
    for (const pid_t p : s.processes()) {
        bytes += number_in("/proc/" + std::to_string(p) + "/io", "write_bytes:");
    }
    return bytes;
}
// Of the whole disk that the folder is on.
std::uint64_t bytes_to_disk(const std::filesystem::path& folder) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) return 0;
    std::ifstream in("/sys/dev/block/" + std::to_string(major(info.st_dev)) + ":" +
                     std::to_string(minor(info.st_dev)) + "/stat");
    std::uint64_t numbers[7] = {};  // the seventh: sectors written
    for (auto& n : numbers) in >> n;
    return in ? numbers[6] * 512 : 0;
}
double heap_mib(const subject& s) {
    std::uint64_t kib = 0;
    for (const pid_t p : s.processes()) {
        kib += number_in("/proc/" + std::to_string(p) + "/status", "RssAnon:");
    }
    return static_cast<double>(kib) / 1024;
}

std::uint64_t bytes_on_disk(const std::filesystem::path& folder) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        struct stat info {};
        if (::stat(entry.path().c_str(), &info) == 0 && entry.is_regular_file()) {
            bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
        }
    }
    return bytes;
}

// Time that goes by while the events are made is not counted.
void append_alone(subject& s, const workload& w, double seconds_max, measurement& m) {
    std::vector<idem::event> batch;
    std::array<double, 10> tenths{};
    const std::uint64_t batches = w.events / w.batch;
    const double heap_before = heap_mib(s);
    double all = 0;
    for (std::uint64_t b = 0; b < batches && all < seconds_max; ++b) {
        make_batch(w, b * w.batch, batch);
        const stopwatch watch;
        m.fresh += s.append(batch);
        const double seconds = watch.seconds();
        all += seconds;
        m.given += w.batch;
        tenths[b * 10 / batches] += seconds;
        m.worst_ms = std::max(m.worst_ms, seconds * 1e3);
        if (b % 1000 == 0) m.heap_mib = std::max(m.heap_mib, heap_mib(s) - heap_before);
    }
    m.rate = static_cast<double>(m.given) / all;
    const double tenth = static_cast<double>(w.events) / 10;
    m.first_rate = tenth / tenths.front();
    m.last_rate = tenth / tenths.back();
}

void append_together(subject& s, const workload& w, double seconds_max, measurement& m) {
    std::atomic<std::uint64_t> next = 0;
    std::atomic<std::uint64_t> fresh = 0;
    std::atomic<std::uint64_t> given = 0;
    const std::uint64_t batches = w.events / w.batch;
    const stopwatch watch;
    std::vector<std::thread> writers;
    for (unsigned t = 0; t < w.writers; ++t) {
        writers.emplace_back([&] {
            std::vector<idem::event> batch;
            for (std::uint64_t b = next++; b < batches && watch.seconds() < seconds_max;
                 b = next++) {
                make_batch(w, b * w.batch, batch);
                fresh += s.append(batch);
                given += w.batch;
            }
        });
    }
    for (auto& writer : writers) writer.join();
    m.given = given;
    m.rate = static_cast<double>(given) / watch.seconds();
    m.fresh = fresh;
}

// Events that were given before, in random order, made before the time begins.
std::vector<std::vector<idem::event>> given_again(const workload& w, std::uint64_t given) {
    constexpr std::uint64_t events_max = 400'000;
    const std::uint64_t count = std::max<std::uint64_t>(std::min(given, events_max) / w.batch, 1);
    std::vector<std::vector<idem::event>> batches(count, std::vector<idem::event>(w.batch));
    std::uint64_t n = 0;
    for (auto& batch : batches) {
        for (auto& e : batch) make_event(w, number_given(w, mixed(n++) % given), e);
    }
    return batches;
}

double append_again(subject& s, const std::vector<std::vector<idem::event>>& batches,
                    unsigned callers, double seconds_max) {
    std::atomic<std::size_t> next = 0;
    std::atomic<std::uint64_t> asked = 0;
    std::atomic<std::uint64_t> fresh = 0;
    const stopwatch watch;
    const auto call = [&] {
        while (watch.seconds() < seconds_max) {
            const std::size_t b = next++;
            if (b >= batches.size()) break;
            fresh += s.append(batches[b]);
            asked += batches[b].size();
        }
    };
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < callers; ++t) threads.emplace_back(call);
    for (auto& thread : threads) thread.join();
    if (fresh != 0) throw std::runtime_error("took a duplicate for a new event");
    return static_cast<double>(asked) / watch.seconds();
}

void read(subject& s, measurement& m) {
    const auto events = static_cast<double>(m.fresh);
    std::uint64_t seen = 0;
    {
        const stopwatch watch;
        std::uint64_t sum = 0;
        s.read_all([&](std::string_view stream, std::string_view data) {
            sum += stream.size() + static_cast<unsigned char>(data.back());
            ++seen;
        });
        volatile std::uint64_t sink = sum;
        (void)sink;
        m.scan = events / watch.seconds();
    }
    if (seen != m.fresh) throw std::runtime_error("read other events than were appended");
    const stopwatch watch;
    std::unordered_map<std::string, std::uint64_t> counts;
    std::string key;
    s.read_all([&](std::string_view stream, std::string_view) { ++counts[key.assign(stream)]; });
    m.rebuild = events / watch.seconds();
}

measurement measure(const contestant& who, const workload& w, const trial_options& options,
                    const std::filesystem::path& folder) {
    measurement m;
    const auto s = who.open(folder);
    const std::uint64_t written = bytes_written(*s);
    const std::uint64_t to_disk = bytes_to_disk(s->data(folder));
    if (w.writers == 1) {
        append_alone(*s, w, options.seconds_max, m);
    } else {
        append_together(*s, w, options.seconds_max, m);
    }
    const auto payload = static_cast<double>(w.payload * m.fresh);
    m.written = static_cast<double>(bytes_written(*s) - written) / payload;
    m.sectors = static_cast<double>(bytes_to_disk(s->data(folder)) - to_disk) / payload;
    m.on_disk = static_cast<double>(bytes_on_disk(s->data(folder))) / static_cast<double>(m.fresh);
    if (options.again) {
        const auto batches = given_again(w, m.given);
        m.again = append_again(*s, batches, 1, options.seconds_max);
        m.again_by_two = append_again(*s, batches, 2, options.seconds_max);
    }
    if (options.read) read(*s, m);
    return m;
}

}  // namespace

measurement run_trial(const contestant& who, const workload& w, const trial_options& options,
                      const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    const measurement m =
        in_own_process(who.name, [&] { return measure(who, w, options, folder); });
    std::filesystem::remove_all(folder);
    return m;
}

}  // namespace bench
