// Registers: of several writes, which stand?
#pragma once

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "idem/convergent/element.hpp"
#include "idem/convergent/version_vector.hpp"

namespace idem {

// The last writer wins: the write with the greatest mark (clock, origin, id) stands (Shapiro et al.
// 2011, 3.2). Of concurrent writes one is lost, the same one everywhere; where that matters use an
// mv_register. One event writes a register once; of two writes of one event the value whose bytes
// are greater stands. 26 bytes and more beside the value.
template <element T>
class lww_register {
public:
    void set(T value, const event_mark& mark) {
        detail::check_mark(mark);
        take(std::move(value), mark);
    }

    bool is_set() const noexcept { return written_.counter != 0; }
    const T& value() const noexcept { return value_; }  // T{} until it is set
    const event_mark& written() const noexcept { return written_; }

    void merge(const lww_register& other) {
        if (other.is_set()) take(other.value_, other.written_);
    }

    void encode(byte_writer& out) const {
        out.kind(value_kind::lww_register);
        out.byte(is_set() ? 1 : 0);
        if (!is_set()) return;
        out.fixed_number(written_.clock);
        out.identifier(written_.origin);
        out.identifier(written_.id);
        out.number(written_.counter);
        detail::encode_element(value_, out);
    }
    static lww_register decode(byte_reader& in) {
        in.expect(value_kind::lww_register);
        lww_register r;
        if (!in.flag()) return r;
        r.written_.clock = in.fixed_number();
        r.written_.origin = in.identifier();
        r.written_.id = in.identifier();
        r.written_.counter = in.number();
        if (!r.is_set()) in.damaged("a write is of no event");
        r.value_ = detail::decode_element<T>(in);
        return r;
    }
    std::string to_json() const { return is_set() ? detail::element_to_json(value_) : "null"; }

    friend bool operator==(const lww_register&, const lww_register&) = default;

private:
    void take(T value, const event_mark& mark) {
        if (mark < written_) return;
        if (mark == written_ && detail::element_bytes(value) <= detail::element_bytes(value_)) {
            return;
        }
        value_ = std::move(value);
        written_ = mark;
    }

    T value_ = {};
    event_mark written_ = {};
};

// Keeps every write that no later writer had seen: one value, or those of concurrent writes until
// somebody settles them by a write that has seen them all (dotted version vectors; Preguiça et al.
// 2012). The event of a write carries what its writer had seen:
//
//     payload["seen"] = to_string(row.text.observed());                        // the writer
//     row.text.set(e.text, idem::at(e), idem::version_vector::parse(e.seen));  // the fold
//
// The writer must have read the row in a store, or in a state that took the events of each origin
// in their order. A context that covers more than was seen overwrites what it covers.
template <ordered_element T>
class mv_register {
public:
    // What `seen` says of the write's own event and later ones of its origin cannot be, and is left
    // out.
    void set(T value, const event_mark& mark, const version_vector& seen) {
        detail::check_mark(mark);
        overwrite(before(mark, seen));
        if (!overwritten_.covers(mark.dot())) writes_.emplace(mark.dot(), std::move(value));
    }

    bool is_set() const noexcept { return !writes_.empty(); }
    bool in_conflict() const noexcept { return writes_.size() > 1; }
    std::vector<T> values() const {  // in the order of origin and counter
        std::vector<T> all;
        all.reserve(writes_.size());
        for (const auto& [dot, value] : writes_) all.push_back(value);
        return all;
    }
    // What a writer who reads it now has seen.
    version_vector observed() const {
        version_vector seen = overwritten_;
        for (const auto& [dot, value] : writes_) seen.include(dot);
        return seen;
    }

    void merge(const mv_register& other) {
        writes_.insert(other.writes_.begin(), other.writes_.end());
        overwrite(other.overwritten_);
    }

    void encode(byte_writer& out) const {
        out.kind(value_kind::mv_register);
        overwritten_.encode(out);
        out.number(writes_.size());
        for (const auto& [dot, value] : writes_) {
            out.identifier(dot.origin);
            out.number(dot.counter);
            detail::encode_element(value, out);
        }
    }
    static mv_register decode(byte_reader& in) {
        in.expect(value_kind::mv_register);
        mv_register r;
        r.overwritten_ = version_vector::decode(in);
        constexpr std::size_t write_bytes_min = 18;
        for (std::size_t left = in.count(write_bytes_min); left > 0; --left) {
            std::pair<idem::dot, T> write;
            write.first.origin = in.identifier();
            write.first.counter = in.number();
            write.second = detail::decode_element<T>(in);
            if (r.overwritten_.covers(write.first)) in.damaged("a write was overwritten");
            if (!r.writes_.empty() && !(*r.writes_.rbegin() < write)) {
                in.damaged("writes are not in their order");
            }
            r.writes_.insert(r.writes_.end(), std::move(write));
        }
        return r;
    }
    std::string to_json() const {
        std::string items;
        for (const auto& [dot, value] : writes_) {
            detail::append_item(items, detail::element_to_json(value));
        }
        return "[" + items + "]";
    }

    friend bool operator==(const mv_register&, const mv_register&) = default;

private:
    static version_vector before(const event_mark& mark, const version_vector& seen) {
        if (!seen.covers(mark.dot())) return seen;
        version_vector earlier;
        for (const auto& [origin, counter] : seen.counters()) {
            earlier.include({origin, origin == mark.origin ? mark.counter - 1 : counter});
        }
        return earlier;
    }

    void overwrite(const version_vector& seen) {
        overwritten_.include(seen);
        std::erase_if(writes_, [this](const auto& w) { return overwritten_.covers(w.first); });
    }

    std::set<std::pair<idem::dot, T>> writes_;  // none that overwritten_ covers
    version_vector overwritten_;
};

}  // namespace idem
