// What makes a value convergent, and how values become rows. A row of several is a struct that
// names its members:
//
//     struct note {
//         idem::lww_register<std::string> title;
//         idem::or_set<std::string> labels;
//         idem::pn_counter likes;
//
//         static constexpr auto members() {
//             return std::tuple(idem::field("title", &note::title),
//                               idem::field("labels", &note::labels),
//                               idem::field("likes", &note::likes));
//         }
//         friend bool operator==(const note&, const note&) = default;
//     };
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "idem/codec.hpp"
#include "idem/convergent/bytes.hpp"
#include "idem/convergent/element.hpp"

namespace idem {

// One member of a row under the name by which it prints. Take one away, add one, or change its
// type, and the rows are others: raise the projection's version.
template <class Row, class Value>
struct field {
    using value_type = Value;
    constexpr field(std::string_view field_name, Value Row::*of) : name(field_name), place(of) {}

    std::string_view name;
    Value Row::*place;
};

namespace detail {

template <class T>
concept convergent_class = std::default_initializable<T> && std::copyable<T> &&
    std::equality_comparable<T> &&
    requires(T value, const T& other, byte_writer& out, byte_reader& in) {
    value.merge(other);
    other.encode(out);
    { T::decode(in) } -> std::same_as<T>;
    { other.to_json() } -> std::same_as<std::string>;
};

template <class T>
concept named_members =
    std::default_initializable<T> && std::copyable<T> && std::equality_comparable<T> && requires {
    std::tuple_size<decltype(T::members())>::value;
};

template <class T>
constexpr bool is_convergent() {
    if constexpr (convergent_class<T>) {
        return true;
    } else if constexpr (named_members<T>) {
        return std::apply(
            [](const auto&... f) {
                return (is_convergent<typename std::remove_cvref_t<decltype(f)>::value_type>() &&
                        ...);
            },
            T::members());
    } else {
        return false;
    }
}

}  // namespace detail

// A join semilattice: merge() is idempotent, commutative and associative, and never undoes what was
// there. Equal values have equal bytes, whatever way they came about. The values of this folder,
// structs of them with members(), and types of your own with the five functions.
template <class T>
concept convergent = detail::is_convergent<T>();

// Into what both `into` and `from` know. Of one value or a whole row.
template <convergent T>
void merge(T& into, const T& from) {
    if constexpr (detail::convergent_class<T>) {
        into.merge(from);
    } else {
        std::apply([&](const auto&... f) { (idem::merge(into.*(f.place), from.*(f.place)), ...); },
                   T::members());
    }
}

template <convergent T>
std::string to_json(const T& value) {
    if constexpr (detail::convergent_class<T>) {
        return value.to_json();
    } else {
        std::string object;
        std::apply(
            [&](const auto&... f) {
                (detail::append_member(object, f.name, idem::to_json(value.*(f.place))), ...);
            },
            T::members());
        return "{" + object + "}";
    }
}

namespace detail {

template <convergent T>
void encode_value(const T& value, byte_writer& out) {
    if constexpr (convergent_class<T>) {
        value.encode(out);
    } else {
        out.kind(value_kind::row);
        out.number(std::tuple_size_v<decltype(T::members())>);
        std::apply([&](const auto&... f) { (encode_value(value.*(f.place), out), ...); },
                   T::members());
    }
}

template <convergent T>
T decode_value(byte_reader& in) {
    if constexpr (convergent_class<T>) {
        return T::decode(in);
    } else {
        in.expect(value_kind::row);
        if (in.number() != std::tuple_size_v<decltype(T::members())>) {
            in.damaged("its members are not as many as those of its type");
        }
        T value{};
        std::apply(
            [&](const auto&... f) {
                ((value.*(f.place) =
                      decode_value<typename std::remove_cvref_t<decltype(f)>::value_type>(in)),
                 ...);
            },
            T::members());
        return value;
    }
}

}  // namespace detail

// A convergent value, or a struct of them, as the row of a projection.
template <convergent T>
struct row_codec<T> {
    static void encode(const T& row, std::string& out) {
        out.clear();
        byte_writer writer(out);
        detail::encode_value(row, writer);
    }
    static T decode(std::string_view bytes) {
        byte_reader in(bytes);
        T row = detail::decode_value<T>(in);
        in.finish();
        return row;
    }
    static std::string to_json(const T& row) { return idem::to_json(row); }
};

}  // namespace idem
