#include "sweep.hpp"

#include <algorithm>
#include <thread>

#include "idem/error.hpp"
#include "json_line.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {

std::size_t rows_of_a_step(const sweep_extent& extent) {
    constexpr std::size_t usual = 1000;
    if (extent.limit == 0) {
        throw error(errc::invalid_input,
                    "--limit 0 would let go of nothing: give 1 to 10000 rows for one commit");
    }
    return extent.limit.value_or(usual);
}

std::chrono::hours kept_for(std::optional<std::uint64_t> hours, std::chrono::hours usual) {
    constexpr std::uint64_t hours_max = 24ULL * 366 * 100;
    if (!hours) return usual;
    return std::chrono::hours(static_cast<std::int64_t>(std::min(*hours, hours_max)));
}

bool sweep_in_steps(const sweep_extent& extent, const std::function<bool()>& step) {
    for (;;) {
        const auto start = std::chrono::steady_clock::now();
        const bool more = step();
        if (!extent.all || !more) return more;
        // Those who append keep the writer for most of the time.
        constexpr int rest = 4;
        std::this_thread::sleep_for(rest * (std::chrono::steady_clock::now() - start));
    }
}

void print_swept(std::uint64_t swept, bool more, session& s) {
    if (s.json) {
        json_line line;
        s.out.write(line.number("swept", swept).flag("more", more).str());
    } else {
        print_fields(s, {{"swept", with_commas(swept)}});
        tell_of_more(more, s);
    }
}

void tell_of_more(bool more, session& s) {
    if (more) s.tell("more may be left; --all goes on until nothing is");
}

}  // namespace idem::cli
