#include <algorithm>
#include <cstring>
#include <memory>

#include "testing/checks.hpp"
#include "testing/world.hpp"

namespace idem::testing {
namespace {

// A call of one upcaster: of the step from `from`, on data as the steps before have left it.
struct call {
    const upcasters::function* function;
    std::string type;
    std::uint32_t from;
    uuid id;
    std::string data;
    std::string first = {};  // what it made of it
};

std::string run(const call& c, const world& w) {
    const entered_world entered(w);
    const moved_clock clock(w.clock_ahead_s);
    // Upcasters are promised data at a multiple of 8.
    const auto room = std::make_unique<std::uint64_t[]>(c.data.size() / 8 + 1);
    std::memcpy(room.get(), c.data.data(), c.data.size());
    const std::string_view data(reinterpret_cast<const char*>(room.get()), c.data.size());
    try {
        return "= " + std::string((*c.function)(data));
    } catch (const std::exception& e) {
        return std::string("throws ") + e.what();
    } catch (...) {
        return "throws something that is not a std::exception";
    }
}

std::vector<call> first_calls(const store& from, const projection& p) {
    std::vector<call> calls;
    from.read({}, [&](const event_view& e) {
        const auto reads = p.reads.find(e.type());
        if (reads == p.reads.end() || e.erased() || e.sealed()) return;
        std::string data(e.data());
        for (auto version = e.schema_version(); version < reads->second; ++version) {
            const auto* function = p.upcasters.find(e.type(), version);
            if (!function) return;
            calls.push_back({function, std::string(e.type()), version, e.id(), data});
            auto& made = calls.back().first = run(calls.back(), {.seed = 1});
            if (!made.starts_with("= ")) return;
            data = made.substr(2);
        }
    });
    return calls;
}

fault describe(const call& c, const std::string& other) {
    const auto short_form = [](const std::string& made) {
        constexpr std::size_t told_bytes = 200;
        const bool plain =
            std::all_of(made.begin(), made.end(), [](char b) { return b >= ' ' && b <= '~'; });
        return plain ? made.substr(0, told_bytes) : std::to_string(made.size() - 2) + " bytes";
    };
    return {finding_kind::impure_upcaster,
            "the upcaster of " + c.type + " from version " + std::to_string(c.from) +
                " makes two things of event " + to_string(c.id) + ": " + short_form(c.first) +
                " and " + short_form(other) +
                "; it must depend on the data alone, for every replay calls it again"};
}

}  // namespace

fault check_upcasters(const store& from, const projection& p) {
    if (p.upcasters.empty()) return {};
    auto calls = first_calls(from, p);
    const world later{.clock_ahead_s = 40'000'123, .seed = 0xa5};
    for (const auto& c : calls) {
        if (auto other = run(c, later); other != c.first) return describe(c, other);
    }
    std::reverse(calls.begin(), calls.end());
    for (const auto& c : calls) {
        if (auto other = run(c, {.seed = 2}); other != c.first) return describe(c, other);
    }
    return {};
}

}  // namespace idem::testing
