// The rules that every event must keep before it may queue.
#pragma once

#include <cstddef>
#include <span>

#include "idem/condition.hpp"
#include "idem/event.hpp"

namespace idem {

// Throw invalid_input that names the event (by index and id), the field, and the rule.
void check_batch(std::span<const event> events);
void check_event(const event& e, std::size_t index);
void check_one_stream(std::span<const event> events);
[[noreturn]] void refuse_size(const event& e, std::size_t index, std::size_t bytes);

// Throws invalid_input that names the part of the condition.
void check_condition(const append_condition& condition);

// Throws invalid_input where `name` cannot be a projection's name.
void check_projection_name(std::string_view name);

}  // namespace idem
