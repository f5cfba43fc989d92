// The words by which kinds are written in schedules, messages and JSON.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "idem/testing.hpp"

namespace idem::testing {

template <class Kind>
inline constexpr std::array<std::string_view, 0> words = {};
template <>
inline constexpr auto words<order> = std::to_array<std::string_view>({"arrival", "commutative",
                                                                      "canonical"});
template <>
inline constexpr auto words<step_kind> = std::to_array<std::string_view>(
    {"deliver", "crash", "reopen", "catch_up", "rebuild", "sync", "replay", "rows", "upcast"});
template <>
inline constexpr auto words<finding_kind> = std::to_array<std::string_view>(
    {"diverges", "impure", "rows_disagree", "impure_upcaster", "fails", "refused"});

template <class Kind>
constexpr std::string_view word_of(Kind kind) noexcept {
    return words<Kind>[static_cast<std::size_t>(kind)];
}

template <class Kind>
std::optional<Kind> find_word(std::string_view word) noexcept {
    for (std::size_t i = 0; i < words<Kind>.size(); ++i) {
        if (words<Kind>[i] == word) return static_cast<Kind>(i);
    }
    return std::nullopt;
}

}  // namespace idem::testing
