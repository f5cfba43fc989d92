#include "idem/convergent/counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "idem/error.hpp"

namespace idem {
namespace {

__extension__ typedef __int128 wide_integer;
__extension__ typedef unsigned __int128 wide_bits;

wide_bits to_bits(const detail::dotted_sum::wide_sum& sum) {
    return wide_bits{sum.high} << 64 | sum.low;
}

wide_integer to_integer(const detail::dotted_sum::wide_sum& sum) {
    return static_cast<wide_integer>(to_bits(sum));
}

// Sums are made of bits, which wrap where integers must not: steps that were read may be anything.
detail::dotted_sum::wide_sum to_sum(wide_bits bits) {
    return {static_cast<std::uint64_t>(bits), static_cast<std::uint64_t>(bits >> 64)};
}
wide_bits to_bits(std::int64_t step) {
    return static_cast<wide_bits>(wide_integer{step});
}

template <class Number>
Number narrowed(const detail::dotted_sum::wide_sum& sum) {
    const wide_integer value = to_integer(sum);
    if (value < std::numeric_limits<Number>::min() || value > std::numeric_limits<Number>::max()) {
        throw error(errc::invalid_input,
                    fmt::format("a counter stands at {}, which is beyond 64 bits; to_json() prints "
                                "it",
                                detail::to_string(sum)));
    }
    return static_cast<Number>(value);
}

}  // namespace

namespace detail {

std::string to_string(const dotted_sum::wide_sum& sum) {
    return fmt::format("{}", to_integer(sum));
}

// Steps up to `counter` are added up; those that have not come count for nothing from now on.
void dotted_sum::share::move_through(std::uint64_t counter) {
    const auto end = later.upper_bound(counter);
    wide_bits total = to_bits(sum);
    for (auto step = later.begin(); step != end; ++step) total += to_bits(step->second);
    later.erase(later.begin(), end);
    sum = to_sum(total);
    through = counter;
}

void dotted_sum::share::fold_in_what_follows() {
    std::uint64_t last = through;
    for (auto step = later.begin(); step != later.end() && step->first == last + 1; ++step) ++last;
    if (last != through) move_through(last);
}

void dotted_sum::add(const dot& d, std::int64_t step) {
    share& s = shares_[d.origin];
    if (d.counter <= s.through) return;
    s.later.emplace(d.counter, step);  // changes nothing where it is known
    s.fold_in_what_follows();
}

void dotted_sum::settle(const dot& last) {
    if (last.counter == 0) return;
    share& s = shares_[last.origin];
    if (last.counter <= s.through) return;
    s.move_through(last.counter);
    s.fold_in_what_follows();
}

void dotted_sum::merge(const dotted_sum& other) {
    for (const auto& [origin, theirs] : other.shares_) {
        share& ours = shares_[origin];
        // Equal reaches have equal sums, unless an origin has forked: then both take the greater.
        const bool further =
            theirs.through > ours.through ||
            (theirs.through == ours.through && to_integer(theirs.sum) > to_integer(ours.sum));
        if (further) {
            ours.through = theirs.through;
            ours.sum = theirs.sum;
        }
        for (const auto& [counter, step] : theirs.later) {
            const auto known = ours.later.emplace(counter, step).first;
            known->second = std::max(known->second, step);
        }
        std::erase_if(ours.later, [&ours](const auto& s) { return s.first <= ours.through; });
        ours.fold_in_what_follows();
    }
}

dotted_sum::wide_sum dotted_sum::total() const noexcept {
    wide_bits total = 0;
    for (const auto& [origin, s] : shares_) {
        total += to_bits(s.sum);
        for (const auto& [counter, step] : s.later) total += to_bits(step);
    }
    return to_sum(total);
}

void dotted_sum::encode(byte_writer& out) const {
    out.number(shares_.size());
    for (const auto& [origin, s] : shares_) {
        out.identifier(origin);
        out.number(s.through);
        if (s.through != 0) {
            out.number(s.sum.low);
            out.signed_number(static_cast<std::int64_t>(s.sum.high));
        }
        out.number(s.later.size());
        std::uint64_t before = s.through;
        for (const auto& [counter, step] : s.later) {
            out.number(counter - before);
            out.signed_number(step);
            before = counter;
        }
    }
}

dotted_sum::share dotted_sum::decode_share(byte_reader& in, bool may_fall) {
    share s;
    s.through = in.number();
    if (s.through != 0) {
        s.sum.low = in.number();
        s.sum.high = static_cast<std::uint64_t>(in.signed_number());
        const wide_integer most = static_cast<wide_integer>(s.through) << 63;
        const wide_integer sum = to_integer(s.sum);
        if (sum > most || sum < (may_fall ? -most : 0)) in.damaged("a sum is beyond its steps");
    }
    constexpr std::size_t step_bytes_min = 2;
    std::uint64_t last = s.through;
    for (std::size_t left = in.count(step_bytes_min); left > 0; --left) {
        const std::uint64_t ahead = in.number();
        const bool at_gap = last == s.through;  // the first lies beyond a gap
        if (ahead == 0 || (at_gap && ahead == 1) ||
            ahead > std::numeric_limits<std::uint64_t>::max() - last) {
            in.damaged("steps are not in their order");
        }
        last += ahead;
        const std::int64_t step = in.signed_number();
        if (step < 0 && !may_fall) in.damaged("a step goes down");
        s.later.emplace_hint(s.later.end(), last, step);
    }
    if (s.through == 0 && s.later.empty()) in.damaged("an origin has no step");
    return s;
}

dotted_sum dotted_sum::decode(byte_reader& in, bool may_fall) {
    constexpr std::size_t share_bytes_min = 18;
    dotted_sum sum;
    for (std::size_t left = in.count(share_bytes_min); left > 0; --left) {
        const uuid origin = in.identifier();
        if (!sum.shares_.empty() && origin <= sum.shares_.rbegin()->first) {
            in.damaged("origins are not in their order");
        }
        sum.shares_.emplace_hint(sum.shares_.end(), origin, decode_share(in, may_fall));
    }
    return sum;
}

}  // namespace detail

void grow_counter::add(std::uint64_t step, const event_mark& mark) {
    detail::check_mark(mark);
    if (step > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw error(errc::invalid_input,
                    fmt::format("a step of {} is beyond 2^63 - 1, the most that a counter takes at "
                                "once; give each its own event",
                                step));
    }
    sum_.add(mark.dot(), static_cast<std::int64_t>(step));
}

std::uint64_t grow_counter::value() const {
    return narrowed<std::uint64_t>(sum_.total());
}
void grow_counter::encode(byte_writer& out) const {
    out.kind(value_kind::grow_counter);
    sum_.encode(out);
}
grow_counter grow_counter::decode(byte_reader& in) {
    in.expect(value_kind::grow_counter);
    grow_counter c;
    c.sum_ = detail::dotted_sum::decode(in, false);
    return c;
}
std::string grow_counter::to_json() const {
    return detail::to_string(sum_.total());
}

void pn_counter::add(std::int64_t step, const event_mark& mark) {
    detail::check_mark(mark);
    sum_.add(mark.dot(), step);
}

std::int64_t pn_counter::value() const {
    return narrowed<std::int64_t>(sum_.total());
}
void pn_counter::encode(byte_writer& out) const {
    out.kind(value_kind::pn_counter);
    sum_.encode(out);
}
pn_counter pn_counter::decode(byte_reader& in) {
    in.expect(value_kind::pn_counter);
    pn_counter c;
    c.sum_ = detail::dotted_sum::decode(in, true);
    return c;
}
std::string pn_counter::to_json() const {
    return detail::to_string(sum_.total());
}

}  // namespace idem
