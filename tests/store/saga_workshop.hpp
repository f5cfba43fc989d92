// A store with a clock that a test sets, and steps of sagas that note what they do.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "idem/store.hpp"
#include "scratch_folder.hpp"

using idem::step_context;
using idem::step_result;

// A store whose clock stands until it is told to go on, and what its steps have done.
struct workshop {
    explicit workshop(std::string name = "s.idem") : path(folder / name) {}

    idem::store open() {
        return idem::store(path, {.clock = [this] { return idem::timestamp(now.load()); }});
    }
    void pass(std::chrono::nanoseconds time) { now = now.load() + time; }

    // A step that says what it does, and ends as `how` says.
    idem::saga_step step(const std::string& name, const idem::saga_step::function& how = {},
                         bool compensable = true) {
        idem::saga_step made;
        made.name = name;
        made.action = [this, name, how](step_context& c) {
            done.push_back(name);
            return how ? how(c) : step_result::done(name + " of " + c.input);
        };
        if (compensable) {
            made.compensation = [this, name](step_context&) {
                done.push_back("undo " + name);
                return step_result::done();
            };
        }
        return made;
    }

    scratch_folder folder;
    const std::filesystem::path path;
    // Before the log time, which is that of the system's clock.
    std::atomic<std::chrono::nanoseconds> now{std::chrono::seconds(1'500'000'000)};
    std::vector<std::string> done;
};

inline idem::saga_definition saga_of(std::vector<idem::saga_step> steps) {
    return {.name = "trip", .version = 1, .steps = std::move(steps)};
}

inline step_result fails(step_context&) {
    return step_result::fail("no");
}
inline step_result comes_again(step_context&) {
    return step_result::retry("not now");
}

using names = std::vector<std::string>;

inline std::vector<std::string> types_of(const idem::store& s) {
    std::vector<std::string> types;
    s.read({.stream = "$sagas"}, [&](const idem::event_view& e) { types.emplace_back(e.type()); });
    return types;
}

inline void check_same(const idem::store& a, const idem::store& b) {
    const auto of_a = const_cast<idem::store&>(a).sagas().list();
    const auto of_b = const_cast<idem::store&>(b).sagas().list();
    REQUIRE(of_a.size() == of_b.size());
    for (std::size_t i = 0; i < of_a.size(); ++i) {
        CHECK(of_a[i].id == of_b[i].id);
        CHECK(of_a[i].state == of_b[i].state);
        CHECK(of_a[i].fence == of_b[i].fence);
        CHECK(of_a[i].due == of_b[i].due);
        REQUIRE(of_a[i].steps.size() == of_b[i].steps.size());
        for (std::size_t n = 0; n < of_a[i].steps.size(); ++n) {
            CHECK(of_a[i].steps[n].action == of_b[i].steps[n].action);
            CHECK(of_a[i].steps[n].compensation == of_b[i].steps[n].compensation);
            CHECK(of_a[i].steps[n].result == of_b[i].steps[n].result);
        }
    }
}
