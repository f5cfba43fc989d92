#include "killed_rebuild.hpp"

#include "many_rows_fold.hpp"

namespace {

using phase = idem::rebuild_progress::phase;

// What the events appended meanwhile leave for the phases to come.
constexpr std::uint64_t events_to_catch_up = 200;
constexpr std::uint64_t events_to_swap = 60;

}  // namespace

void killed_rebuild::run(idem::store& store, const std::function<void(std::uint64_t)>& appended,
                         const std::function<void(const std::string&)>& say) const {
    std::string now;
    const auto enter = [&](const std::string& next) {
        if (!now.empty()) {
            say("section " + now + " " + std::to_string(disk_kill::count()) + "\n");
        }
        now = next;
        disk_kill::arm(section == now ? number : 0, when, what);
    };
    enter("replay");
    store.rebuild(many_rows(version),
                  {.memory_bytes_max = 1 << 20,
                   .make_current = make_current,
                   .progress = [&](const idem::rebuild_progress& p) {
                       say(std::string(to_string(p.now)) + " " + std::to_string(p.position) + " " +
                           std::to_string(p.whole) + "\n");
                       if (p.now == phase::replay && p.position == p.whole && now == "replay") {
                           appended(events_to_catch_up);
                           enter("load");
                       } else if (p.now == phase::catch_up && now == "load") {
                           appended(events_to_swap);
                           enter("swap");
                       } else if (p.now == phase::swap && p.position == p.whole) {
                           enter("clear_up");
                       }
                       return true;
                   }});
    enter("end");
}
