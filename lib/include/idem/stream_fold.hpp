// A pure fold of one stream into a value: what a command looks at before it decides.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "idem/codec.hpp"
#include "idem/projection.hpp"
#include "idem/read.hpp"

namespace idem {

// The store keeps a snapshot now and then, so that a long stream is not replayed from its beginning
// each time; raise the version whenever `apply` or Row changes.
template <class Row>
struct stream_fold {
    std::string name = {};
    std::uint32_t version = 1;
    std::function<Row(Row, const event_view&)> apply = {};
    schema_versions reads = {};
    idem::upcasters upcasters = {};
};

// What a stream_fold is but for its Row. Refers to it.
struct stream_fold_view {
    const std::string& name;
    std::uint32_t version;
    const schema_versions& reads;
    const idem::upcasters& upcasters;
};

template <class Row>
struct folded {
    Row value{};
    std::optional<std::uint64_t> revision = {};  // the last one applied; nullopt: no such stream
};

// A value as it was kept after a revision.
struct fold_snapshot {
    std::uint64_t revision = 0;
    std::string row;
};

// Where a fold begins. What it makes is not kept if more data was erased meanwhile.
struct fold_start {
    std::optional<fold_snapshot> snapshot = {};
    std::uint64_t last_erasure = 0;  // position
};

namespace detail {

// What a store and a transaction have in common, and show to this alone.
struct folding {
    static constexpr std::uint64_t snapshot_every = 256;  // events replayed before one is kept

    // From a snapshot on, if there is one.
    template <class From, class Row>
    static folded<Row> run(const From& from, const stream_fold<Row>& f, std::string_view stream) {
        const stream_fold_view view{f.name, f.version, f.reads, f.upcasters};
        folded<Row> result;
        std::uint64_t replayed = 0;
        query select{.stream = std::string(stream)};
        const fold_start start = from.load_snapshot(view, stream);
        if (start.snapshot) {
            result.value = row_codec<Row>::decode(start.snapshot->row);
            result.revision = start.snapshot->revision;
            select.from_revision = start.snapshot->revision + 1;
        }
        from.read_upcast(select, view, [&](const event_view& e) {
            if (!e.erased() && !e.sealed()) result.value = f.apply(std::move(result.value), e);
            result.revision = e.revision();
            ++replayed;
            return true;
        });
        if (replayed < snapshot_every) return result;
        if constexpr (requires { from.save_snapshot(view, stream, fold_snapshot(), 0); }) {
            std::string row;
            row_codec<Row>::encode(result.value, row);
            from.save_snapshot(view, stream, {*result.revision, std::move(row)},
                               start.last_erasure);
        }
        return result;
    }
};

}  // namespace detail
}  // namespace idem
