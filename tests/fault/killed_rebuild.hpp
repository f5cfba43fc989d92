// A rebuild that is killed at a disk operation of its own, while another thread appends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "disk_kill.hpp"
#include "idem/store.hpp"

struct killed_rebuild {
    std::uint32_t version = 1;
    bool make_current = true;
    std::string section = {};  // see run()
    disk_kill::counted what = disk_kill::counted::operations;
    std::uint64_t number = 0;  // which of them in that section; 0: none
    disk_kill::moment when = disk_kill::moment::before;

    // Says how many of them each section had, "section NAME COUNT", and the progress.
    //   replay    from the start until the log is folded
    //   load      until the rows are in the store, and the events since applied
    //   swap      until the commit that puts them in place has returned
    //   clear_up  until the end
    // `appended(n)` waits until n more events were appended, by a thread that is spared.
    void run(idem::store& store, const std::function<void(std::uint64_t)>& appended,
             const std::function<void(const std::string&)>& say) const;
};
