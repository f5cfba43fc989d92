// Long work that keeps nobody waiting, and so gives way to those who are waited for.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <future>

namespace idem {

// Calls `work` on a thread of lower priority, as are the threads that it starts, and waits for it.
// The caller's own priority stays: who has lowered it may not be allowed to raise it again. `work`
// must hold no lock that others wait for.
template <class Work>
auto with_lower_priority(Work&& work) {
    return std::async(std::launch::async,
                      [&work] {
                          constexpr int nicer = 10;
                          ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nicer);
                          return work();
                      })
        .get();
}

}  // namespace idem
