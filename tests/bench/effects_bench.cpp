// Effects: what declaring one costs an append, and how fast they are carried out.
#include <fmt/format.h>

#include "idem/effects.hpp"
#include "idem/store.hpp"
#include "measure.hpp"

namespace bench {
namespace {

std::vector<idem::event> make_events(std::size_t count) {
    std::vector<idem::event> batch(count);
    for (auto& e : batch) {
        e.stream = "orders";
        e.type = "OrderPlaced";
        e.data = R"({"customer":"customer-17","cents":1250,"item":"a book about nothing at all"})";
    }
    return batch;
}

struct pair_of_rates {
    double with = 0;
    double without = 0;
};

// Turn about, so that neither has the quieter disk.
pair_of_rates append_both(idem::store& with, idem::store& without, std::uint64_t events,
                          std::size_t batch) {
    double with_seconds = 0;
    double without_seconds = 0;
    for (std::uint64_t done = 0; done < events; done += batch) {
        const auto some = make_events(batch);
        {
            const stopwatch watch;
            with.append(some);
            with_seconds += watch.seconds();
        }
        const auto others = make_events(batch);
        const stopwatch watch;
        without.append(others);
        without_seconds += watch.seconds();
    }
    const auto count = static_cast<double>(events);
    return {count / with_seconds, count / without_seconds};
}

}  // namespace

void measure_effects(const settings& s, report& r) {
    {
        idem::store with(s.folder / "with.idem");
        with.run(idem::effect_rule{
            "mail", {"OrderPlaced"}, [](const idem::event_view& e, idem::effect_sink& sink) {
                sink.declare({.name = "mail", .payload = std::string(e.data())});
            }});
        idem::store without(s.folder / "without.idem");
        const auto single = append_both(with, without, s.single_events / 4, 1);
        r.add({"an event with an effect, each a commit: against one without",
               single.with / single.without, 0.7, false, rates(single.with, single.without)});
        const auto many = append_both(with, without, s.single_events, 1000);
        r.add({"an event with an effect, batch 1,000: against one without",
               many.with / many.without, 0.1, false, rates(many.with, many.without)});
        const stopwatch watch;
        const auto counts = with.effects().dispatch(
            [](const idem::effect_delivery&) { return idem::effect_outcome::done(); },
            {.limit = s.single_events / 4});
        const double rate_done = static_cast<double>(counts.done) / watch.seconds();
        r.add({"effects done, each answer on disk: against commits of one event",
               rate_done / single.without, 0.5, false, rates(rate_done, single.without)});
    }
    for (const char* name : {"with.idem", "without.idem"}) {
        std::filesystem::remove_all(s.folder / name);
    }
}

}  // namespace bench
