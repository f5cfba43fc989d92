// From a scenario that shows a finding to the least that shows it.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "idem/testing.hpp"

namespace idem::testing {

// Whether a schedule of the same events still shows it.
using still_shows = std::function<bool(const schedule&)>;

// Delta debugging (Zeller and Hildebrandt, 2002) over the events, then over the steps, again while
// that helps; `shows` is asked at most `runs_max` times.
schedule shrink(const schedule& from, std::size_t runs_max, const still_shows& shows);

// The same run with the events that no step names taken out.
scenario without_unused_events(scenario s);

}  // namespace idem::testing
