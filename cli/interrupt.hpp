// SIGINT and SIGTERM as a request to finish what is under way.
#pragma once

#include <memory>

namespace idem::cli {

// While it lives, the first such signal is noted; a second one ends the process as usual. One at a
// time in a process.
class interrupt {
public:
    interrupt();
    ~interrupt();
    interrupt(const interrupt&) = delete;
    interrupt& operator=(const interrupt&) = delete;

    int signal() const noexcept;  // 0: none came
    bool requested() const noexcept { return signal() != 0; }

    // Who waits for input is to wait no more, as after a signal.
    void wake() const noexcept;
    // Becomes readable with the signal, or with wake(), for poll().
    int descriptor() const noexcept { return descriptor_; }

private:
    struct previous;
    std::unique_ptr<previous> previous_;
    int descriptor_;
};

}  // namespace idem::cli
