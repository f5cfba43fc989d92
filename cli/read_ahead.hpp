// Parses event lines on a thread of its own, some batches ahead of who takes them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "input.hpp"
#include "interrupt.hpp"

namespace idem::cli {

class read_ahead {
public:
    struct fault {
        const std::string* file;
        std::uint64_t line;
        std::string what;
    };
    struct batch {
        std::vector<placed_event> events;
        std::vector<fault> faults;
        std::uint64_t bytes_read = 0;  // of all files, up to the end of the batch
    };

    // `files` and `stop` outlive it. A batch has at most so many events, and so many bytes of lines
    // and one line more.
    read_ahead(const std::vector<input_file>& files, const interrupt& stop, std::size_t events_max,
               std::size_t bytes_max);
    ~read_ahead();

    // Waits for the next batch; nullopt at the end, or once a stop was requested. Batches end with
    // their file. Throws what the reading threw, after all batches before it.
    std::optional<batch> next();

private:
    void read_all(const std::vector<input_file>& files);
    void read(const input_file& file);
    bool hand_over(batch&& b);  // false: nobody takes it

    const interrupt& stop_;
    const std::size_t events_max_;
    const std::size_t bytes_max_;
    std::uint64_t bytes_before_ = 0;  // of files that are done

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<batch> ready_;
    std::exception_ptr failure_;
    bool ended_ = false;      // nothing more comes
    bool abandoned_ = false;  // nothing more is wanted
    std::jthread thread_;
};

}  // namespace idem::cli
