// What a consumer may be, whoever makes it: a call, or an event that comes from elsewhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_object.hpp"
#include "idem/consumers.hpp"

namespace idem {

struct consumer_fault {
    const char* field;
    std::string why;  // "is empty"
};

std::optional<std::string> fault_of_name(std::string_view text);
std::optional<consumer_fault> fault_of_options(const consumer_options& options);
// Of an event idem.ConsumerCreated.
std::optional<std::string> fault_of_creation(const json::object_reader& from);

}  // namespace idem
