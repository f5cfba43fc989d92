// Append conditions: what tags cost every append, and what a condition over them costs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "idem/store.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace bench {
namespace {

constexpr std::uint64_t rare_tags = 1'000'000;
constexpr std::uint64_t common_tags = 100;

std::string rare_tag(std::uint64_t n) {
    return "item:" + std::to_string(n % rare_tags);
}
std::string common_tag(std::uint64_t n) {
    return "group:" + std::to_string(n % common_tags);
}

void give_tags(std::vector<idem::event>& batch, std::uint64_t first, bool always_two) {
    for (std::uint64_t i = 0; i < batch.size(); ++i) {
        const std::uint64_t n = mixed(first + i);
        batch[i].tags = {rare_tag(n >> 8)};
        if (always_two || n % 2 == 0) batch[i].tags.push_back(common_tag(n >> 40));
    }
}

// Events with two tags and events with none, turn about, so that neither has the quieter disk.
void compare_rates(const settings& s, report& r) {
    workload w;
    w.events = s.events / 5;
    idem::store tagged(s.folder / "tagged");
    idem::store plain(s.folder / "plain");
    std::vector<idem::event> batch;
    double with = 0;
    double without = 0;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        for (auto& e : batch) e.tags.clear();
        {
            const stopwatch watch;
            plain.append(batch);
            without += watch.seconds();
        }
        give_tags(batch, first, true);
        const stopwatch watch;
        tagged.append(batch);
        with += watch.seconds();
    }
    const auto events = static_cast<double>(w.events);
    r.add({"batch 1,000: events with two tags against events with none", without / with, 0.6, false,
           rates(events / with, events / without)});
}

// The time of one append of a fresh event that is refused, and so writes nothing, in microseconds.
class refused_appends {
public:
    explicit refused_appends(idem::store& to) : store_(to) {}

    double microseconds(const std::function<idem::append_condition(std::uint64_t)>& condition) {
        constexpr int rounds = 2000;
        std::vector<idem::append_condition> conditions;
        for (int i = 0; i < rounds; ++i) conditions.push_back(condition(random_()));
        const workload w;
        idem::event e;
        std::vector<double> taken;
        for (const auto& c : conditions) {
            make_event(w, next_++, e);
            const stopwatch watch;
            const auto result = store_.append({&e, 1}, c);
            taken.push_back(watch.seconds() * 1e6);
            if (result.accepted()) throw std::runtime_error("a condition should have failed");
        }
        std::sort(taken.begin(), taken.end());
        worst_ = taken[taken.size() * 99 / 100];
        return taken[taken.size() / 2];
    }
    double worst() const noexcept { return worst_; }  // 99 of 100 took less, the last time

private:
    idem::store& store_;
    std::mt19937_64 random_{1};
    std::uint64_t next_ = 1'000'000'000;
    double worst_ = 0;
};

void measure_looks(idem::store& store, std::uint64_t events, report& r) {
    const idem::event_match all{.types = {"Measured"}};
    const auto known_tag = [&](std::uint64_t n) { return rare_tag(mixed(n % events) >> 8); };
    refused_appends refused(store);
    const double nothing = refused.microseconds([](std::uint64_t) {
        return idem::append_condition{
            .streams = {{"stream-1", idem::expected_revision::no_stream()}}};
    });
    const auto add = [&](const char* what, double us) {
        r.add({fmt::format("{}, microseconds", what), us - nothing, 100, true,
               fmt::format("{:.1f} less {:.1f} for a refusal by a revision; 99 % under {:.1f}", us,
                           nothing, refused.worst())});
    };
    add("look for a tag of a million", refused.microseconds([&](std::uint64_t n) {
        return idem::append_condition{.unless = {{.tags = {known_tag(n)}}}};
    }));
    add("look for a tag of a hundred", refused.microseconds([&](std::uint64_t n) {
        return idem::append_condition{.unless = {{.tags = {common_tag(n)}}}};
    }));
    add("look for a tag that no event has, and a type", refused.microseconds([&](std::uint64_t n) {
        return idem::append_condition{.unless = {{.tags = {std::to_string(n)}}, all}};
    }));
    add("look for both a tag of a million and one of a hundred, and a type",
        refused.microseconds([&](std::uint64_t n) {
            return idem::append_condition{
                .unless = {{.tags = {known_tag(n), common_tag(n >> 40)}}, all}};
        }));
}

// A plain append of one event and one with a condition that holds, turn about.
void measure_cost(idem::store& store, const settings& s, report& r) {
    const workload w;
    idem::event e;
    double plain = 0;
    double conditional = 0;
    const std::uint64_t rounds = s.single_events / 4;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        make_event(w, 2'000'000'000 + 2 * i, e);
        e.tags = {rare_tag(mixed(i))};
        {
            const stopwatch watch;
            store.append(e);
            plain += watch.seconds();
        }
        make_event(w, 2'000'000'001 + 2 * i, e);
        e.tags = {"order:" + std::to_string(i)};
        const stopwatch watch;
        const auto result = store.append({&e, 1}, {.unless = {{.tags = e.tags}}});
        conditional += watch.seconds();
        if (!result.accepted()) throw std::runtime_error("a condition should have held");
    }
    const auto events = static_cast<double>(rounds);
    r.add({"single durable append unless its tag is known: against a plain one",
           plain / conditional, 0.9, false, rates(events / conditional, events / plain)});
}

}  // namespace

void measure_conditions(const settings& s, report& r) {
    compare_rates(s, r);
    for (const char* name : {"tagged", "plain"}) std::filesystem::remove_all(s.folder / name);
    idem::store store(s.folder / "tagged");
    workload w;
    w.events = s.events;
    std::vector<idem::event> batch;
    const stopwatch watch;
    for (std::uint64_t first = 0; first < w.events; first += w.batch) {
        make_batch(w, first, batch);
        give_tags(batch, first, false);
        store.append(batch);
    }
    fmt::print("({} events with one or two tags each in {:.1f} s)\n", w.events, watch.seconds());
    measure_looks(store, w.events, r);
    measure_cost(store, s, r);
    std::filesystem::remove_all(s.folder / "tagged");
}

}  // namespace bench
