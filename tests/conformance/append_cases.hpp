// Sequences of appends and what each must answer, as a table.
//
// Notation: NeK writes event number N with expected revision K; K is a number, m1 (no_stream) or
// any. S_..._E is one batch that expects what its first event says. The same number is the same
// event: same id, same content. The last step's answer is checked, and how many events the stream
// then holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "idem/append.hpp"
#include "sample_events.hpp"

struct append_step {
    std::vector<idem::event> events;
    idem::expected_revision expected = idem::expected_revision::any();
};

struct append_case {
    const char* sequence;
    idem::outcome last;
    std::uint64_t events_in_stream;
    std::vector<std::uint64_t> known = {};  // numbers that a partial_duplicate must name
};

inline const std::vector<append_case>& append_cases() {
    using enum idem::outcome;
    static const std::vector<append_case> cases{
        {"0em1 1e0 2e1 3e2 4e3 5e4 0em1", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 0any", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 0e5", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 0e6", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 5e4", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 3e2", duplicate, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 6e5", appended, 7},
        {"0em1 1e0 2e1 3e2 4e3 5e4 6e4", wrong_revision, 6},
        {"0em1 1e0 2e1 3e2 4e3 5e4 6em1", wrong_revision, 6},
        {"0em1 0em1", duplicate, 1},
        {"0em1 0e0", duplicate, 1},
        {"0em1 0any", duplicate, 1},
        {"0any 0any", duplicate, 1},
        {"0any 0em1", duplicate, 1},
        {"0em1 1e1", wrong_revision, 1},
        {"0e1", wrong_revision, 0},
        {"0e0", wrong_revision, 0},
        {"0exists", wrong_revision, 0},
        {"0any 1exists", appended, 2},
        {"0any 1exists 1exists", duplicate, 2},
        {"S_0em1_1em1_E S_0em1_E", duplicate, 2},
        {"S_0em1_1em1_E S_1em1_E", duplicate, 2},
        {"S_0em1_1em1_E S_0em1_1em1_E", duplicate, 2},
        {"S_0em1_1em1_E S_0any_1any_E", duplicate, 2},
        {"S_0em1_1em1_E S_0em1_1em1_2em1_E", partial_duplicate, 2, {0, 1}},
        {"S_0em1_1em1_E S_2em1_1em1_E", partial_duplicate, 2, {1}},
        {"S_0em1_1em1_E S_1e1_2e1_E", partial_duplicate, 2, {1}},
        {"S_0em1_1em1_E S_2e1_3e1_E", appended, 4},
        {"S_0em1_1em1_E S_0any_2any_E", appended, 3},
        {"S_0em1_1em1_E S_2any_0any_E", appended, 3},
        {"S_0em1_1em1_E S_0any_1any_2any_E", appended, 3},
        {"S_0any_0any_E", appended, 1},
        {"S_0em1_0em1_E", appended, 1},
        {"0any S_0any_0any_E", duplicate, 1},
    };
    return cases;
}

inline std::vector<append_step> parse_steps(const std::string& sequence) {
    const auto parse_one = [](const std::string& text, append_step& step) {
        std::size_t digits = 0;
        const std::uint64_t number = std::stoull(text, &digits);
        std::string expected = text.substr(digits);
        step.events.push_back(numbered_event(number));
        if (expected == "any") return;
        if (expected == "exists") {
            step.expected = idem::expected_revision::stream_exists();
        } else if (expected == "em1") {
            step.expected = idem::expected_revision::no_stream();
        } else {
            step.expected = idem::expected_revision::exactly(std::stoull(expected.substr(1)));
        }
    };
    std::vector<append_step> steps;
    for (std::size_t at = 0; at < sequence.size();) {
        const std::size_t end = std::min(sequence.find(' ', at), sequence.size());
        std::string word = sequence.substr(at, end - at);
        append_step step;
        if (word.starts_with("S_")) {
            word = word.substr(2, word.size() - 3);  // leaves N1eK1_N2eK2_
            for (std::size_t from = 0; from < word.size();) {
                const std::size_t to = word.find('_', from);
                parse_one(word.substr(from, to - from), step);
                from = to + 1;
            }
        } else {
            parse_one(word, step);
        }
        steps.push_back(std::move(step));
        at = end + 1;
    }
    return steps;
}
