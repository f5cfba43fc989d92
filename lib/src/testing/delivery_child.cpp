#include "idem/error.hpp"
#include "testing/bytes.hpp"
#include "testing/child.hpp"
#include "testing/delivery.hpp"

namespace idem::testing {
namespace {

std::string encode(const fault& f, const delivery_counts& counts) {
    std::string out;
    put_number(out, counts.deliveries);
    put_number(out, counts.crashes);
    put_number(out, static_cast<std::uint64_t>(f.kind));
    put(out, std::string_view(f.message));
    for (const auto& row : f.rows) {
        put(out, std::string_view(row.key));
        put(out, row.wanted);
        put(out, row.found);
    }
    return out;
}

fault decode(std::string_view in, delivery_counts& counts) {
    fault f;
    counts.deliveries += take_number(in);
    counts.crashes += take_number(in);
    f.kind = static_cast<finding_kind>(take_number(in));
    f.message = take(in);
    while (!in.empty()) {
        differing_row row;
        row.key = take(in);
        row.wanted = take_optional(in);
        row.found = take_optional(in);
        f.rows.push_back(std::move(row));
    }
    return f;
}

}  // namespace

void expectations::know_from_child(const std::vector<std::size_t>& numbers) {
    const auto end = in_child([&] { return encode(of(numbers)); });
    if (end.signal != 0 || !end.fault.empty()) return;  // the schedules meet it too, and tell
    known_.emplace(numbers, decode_outcome(end.said));
}

fault deliver_in_child(const projection& p, const scenario& s, const schedule& steps,
                       expectations& expected, delivery_counts& counts) {
    const auto end = in_child([&] {
        delivery_counts own;
        const fault found = deliver(p, s, steps, true, expected, own);
        return encode(found, own);
    });
    if (end.signal != 0) {
        return {finding_kind::fails, "the process in which the handler ran died of signal " +
                                         std::to_string(end.signal)};
    }
    if (!end.fault.empty()) throw error(errc::invalid_input, end.fault);
    return decode(end.said, counts);
}

}  // namespace idem::testing
