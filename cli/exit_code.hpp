// What the process ends with; the numbers are part of the command line's promise.
#pragma once

namespace idem::cli {

enum exit_code : int {
    success = 0,
    failure = 1,         // input/output, corruption, a handler's error
    invalid = 2,         // wrong usage or invalid input
    rejected = 3,        // append, once: nothing was done; effects dispatch, sync: not all was
    findings = 4,        // verify found something wrong
    needs_upcaster = 5,  // schema check: old events mean something else under the new schema
    forbidden = 6,       // schema check: old events would be misread
};

// Of several troubles the graver one is told: 1 over 2 over 3.
constexpr int graver(int a, int b) noexcept {
    if (a == success) return b;
    if (b == success) return a;
    return a < b ? a : b;
}

// Ended by a signal, after what was under way was finished.
constexpr int interrupted_by(int signal) noexcept {
    return 128 + signal;
}

}  // namespace idem::cli
