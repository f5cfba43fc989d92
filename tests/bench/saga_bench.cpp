// What a saga costs beyond the commits that it cannot do without: one for its start, one for the
// lease and the first step, and one for the end of each step, which begins the next.
#include <fmt/format.h>

#include "idem/store.hpp"
#include "measure.hpp"
#include "subjects/subject.hpp"
#include "workload.hpp"

namespace bench {

void measure_sagas(const settings& s, report& r) {
    constexpr std::uint64_t steps = 3;
    constexpr std::uint64_t commits = steps + 2;
    const std::uint64_t sagas = s.single_events / 20;
    idem::saga_definition definition{.name = "bench"};
    for (std::uint64_t n = 0; n < steps; ++n) {
        definition.steps.push_back({.name = std::to_string(n), .action = [](idem::step_context&) {
                                        return idem::step_result::done("result");
                                    }});
    }
    std::filesystem::create_directories(s.folder / "sagas");
    double our_seconds = 0;
    double bare_seconds = 0;
    double plain_seconds = 0;
    {
        idem::store store(s.folder / "sagas" / "ours.idem");
        idem::store plain(s.folder / "sagas" / "plain.idem");
        const auto bare = open_bare_lmdb(s.folder / "sagas" / "bare");
        workload w;
        w.batch = 1;
        std::vector<idem::event> batch;
        for (std::uint64_t n = 0; n < sagas;
             ++n) {  // turn about, so that none has the quieter disk
            {
                const stopwatch watch;
                const std::string id = std::to_string(n);
                store.sagas().start(definition, id, "input");
                store.sagas().drive(definition, id);
                our_seconds += watch.seconds();
            }
            for (std::uint64_t c = 0; c < commits; ++c) {
                make_batch(w, n * commits + c, batch);
                {
                    const stopwatch watch;
                    bare->append(batch);
                    bare_seconds += watch.seconds();
                }
                const stopwatch watch;
                plain.append(batch);
                plain_seconds += watch.seconds();
            }
        }
    }
    std::filesystem::remove_all(s.folder / "sagas");
    const auto all = static_cast<double>(sagas * steps);
    r.add({"sagas of three steps: against the bare LMDB commits that they need",
           bare_seconds / our_seconds, 0.7, false,
           fmt::format("steps {}; against as many appends of one event {:.2f}",
                       rates(all / our_seconds, all / bare_seconds), plain_seconds / our_seconds)});
}

}  // namespace bench
