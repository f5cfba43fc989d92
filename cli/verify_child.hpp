// Reading a suspect store in a process of its own: LMDB aborts, or touches pages that are not
// there, where a file is damaged, and whoever reads it dies of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "idem/verify.hpp"

namespace idem::cli {

// What the child tells, in the order in which it happens.
struct verify_listener {
    std::function<void(std::uint64_t position, std::uint64_t head)> progress;
    std::function<void(const finding&)> report;
};

// Starts this program again with the same arguments, and hears what its `verify` finds. The end of
// the child by a signal of a broken file becomes a finding of kind "unreadable"; its errors are
// thrown here.
verify_report verify_in_child(const verify_listener& listener);

// True in such a child: then verify_for_parent() is what it is there for.
bool is_verify_child();
void verify_for_parent(
    const std::function<verify_report(const idem::verify_options&)>& verify_store);

}  // namespace idem::cli
