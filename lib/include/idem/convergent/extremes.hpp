// The greatest and the least of all values that were given.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "idem/convergent/element.hpp"

namespace idem {

// Whatever order of values `Before` is, the one that none comes before. Needs no mark: a value that
// comes again changes nothing. max_value and min_value are the two.
template <ordered_element T, class Before>
class extreme_value {
public:
    void include(T value) {
        if (!value_ || Before{}(value, *value_)) value_ = std::move(value);
    }

    bool is_set() const noexcept { return value_.has_value(); }
    const std::optional<T>& value() const noexcept { return value_; }

    void merge(const extreme_value& other) {
        if (other.value_) include(*other.value_);
    }

    void encode(byte_writer& out) const {
        out.kind(kind);
        out.byte(is_set() ? 1 : 0);
        if (value_) detail::encode_element(*value_, out);
    }
    static extreme_value decode(byte_reader& in) {
        in.expect(kind);
        extreme_value e;
        if (in.flag()) e.value_ = detail::decode_element<T>(in);
        return e;
    }
    std::string to_json() const { return value_ ? detail::element_to_json(*value_) : "null"; }

    friend bool operator==(const extreme_value&, const extreme_value&) = default;

private:
    static constexpr value_kind kind =
        std::is_same_v<Before, std::greater<>> ? value_kind::max_value : value_kind::min_value;

    std::optional<T> value_;
};

template <ordered_element T>
using max_value = extreme_value<T, std::greater<>>;
template <ordered_element T>
using min_value = extreme_value<T, std::less<>>;

}  // namespace idem
