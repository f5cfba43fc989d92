#include "log/pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/index.hpp"
#include "log/record_cursor.hpp"
#include "log/tag_walk.hpp"

namespace idem {
namespace {

constexpr std::int64_t slice_ns = 10'000'000;
constexpr std::uint64_t slice_events = 4096;

std::int64_t now_ns() {
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

[[noreturn]] void throw_gap(std::uint64_t position) {
    throw error(
        errc::corrupt,
        fmt::format("the log lacks position {}; run `idem verify` and restore a backup", position),
        {.position = position});
}

// Shows what is sealed; costs a look at each event where nothing is.
class shown_events {
public:
    shown_events(std::shared_ptr<subject_store> subjects, payload_arena* arena)
        : unsealer_(std::move(subjects), arena), kept_(arena != nullptr) {}

    void begin() noexcept { begun_ = false; }
    event_view show(const storage::transaction& txn, const event_view& e) {
        if (!record_reader::is_sealed(e)) return e;
        if (!begun_) unsealer_.begin();
        begun_ = true;
        return kept_ ? unsealer_.show(txn, e) : unsealer_.show_alone(txn, e);
    }

private:
    unsealer unsealer_;
    const bool kept_;
    bool begun_ = false;  // in this transaction
};

// Walks positions, in either direction.
class range_pass final : public log_pass {
public:
    range_pass(const log_tables& tables, const query& select, payload_arena* arena)
        : tables_(tables),
          shown_(tables.subjects, arena),
          select_(select),
          filters_(has_filter(select)),
          first_(std::max<std::uint64_t>(select.from, 1)) {
        next_ = forwards() ? first_ : select.to;
        covered_ = forwards() ? next_ - 1 : next_;
    }

    // From here on, as if so many had been visited.
    void go_on(std::uint64_t next, std::uint64_t taken) noexcept {
        next_ = next;
        taken_ = taken;
    }

    bool run(const storage::transaction& txn, const index_view*,
             const visit_event& visit) override {
        if (select_.limit == 0) return false;
        const std::uint64_t end = std::min(head_of(txn, tables_), select_.to);
        if (!forwards()) next_ = std::min(next_, end);
        record_cursor records(txn, tables_.log, storage::kept::no);
        read_slice slice;
        shown_.begin();
        while (next_ >= first_ && next_ <= end) {
            const std::uint64_t position = next_;
            const auto record = records.at(position);
            if (!record) throw_gap(position);
            const event_view e = record_reader::open(*record, position);
            covered_ = position;
            next_ = forwards() ? position + 1 : position - 1;
            if (!is_local(e) && (!filters_ || select_.matches(e))) {
                if (!visit(shown_.show(txn, e)) || ++taken_ >= select_.limit) return false;
            }
            if (slice.over()) return true;
        }
        return false;
    }

private:
    static bool has_filter(const query& q) {
        return !q.types.empty() || !q.tags.empty() || q.correlation_id || q.since || q.until;
    }
    bool forwards() const { return select_.direction == direction::forwards; }

    const log_tables tables_;
    shown_events shown_;
    const query select_;
    const bool filters_;
    const std::uint64_t first_;
    std::uint64_t next_;
    std::uint64_t taken_ = 0;
};

// Visits some positions, in the order in which they are given.
class list_pass final : public log_pass {
public:
    list_pass(const log_tables& tables, std::span<const std::uint64_t> positions,
              payload_arena* arena)
        : log_(tables.log), shown_(tables.subjects, arena), positions_(positions) {}

    bool run(const storage::transaction& txn, const index_view*,
             const visit_event& visit) override {
        record_cursor records(txn, log_, storage::kept::no);
        read_slice slice;
        shown_.begin();
        while (next_ < positions_.size()) {
            covered_ = positions_[next_];
            const auto record = records.at(covered_);
            if (!record) throw_gap(covered_);
            ++next_;
            if (!visit(shown_.show(txn, record_reader::open(*record, covered_)))) return false;
            if (slice.over()) return true;
        }
        return false;
    }

private:
    const storage::table log_;
    shown_events shown_;
    const std::span<const std::uint64_t> positions_;
    std::size_t next_ = 0;
};

// Walks the events that carry all of some tags through their index, in either direction.
class tag_pass final : public log_pass {
public:
    tag_pass(const log_tables& tables, const query& select, payload_arena* arena)
        : tables_(tables),
          select_(select),
          shown_(tables.subjects, arena),
          scan_(tables, select, arena),
          next_(forwards() ? std::max<std::uint64_t>(select.from, 1) : select.to) {
        covered_ = scan_.covered();
    }

    void prepare(storage::environment& env) override {
        if (!tables_.tags) tables_ = tables_.with_tags(env);
    }

    // In the writer's transaction the index goes as far as the log did before it: who reads there
    // asks for what lies behind by itself.
    bool run(const storage::transaction& txn, const index_view* writing,
             const visit_event& visit) override {
        if (select_.limit == 0) return false;
        if (scans_) return scan(txn, visit);
        if (writing && select_.from > writing->head()) {
            scans_ = true;
            return scan(txn, visit);
        }
        std::optional<index_view> own;
        const index_view& known = writing ? *writing : own.emplace(txn, tables_);
        // What nobody has indexed yet is looked through; but not half of it this way and half that.
        if (!known.knows_tags()) {
            scans_ = true;
            scan_.go_on(next_, taken_);
            return scan(txn, visit);
        }
        known.check_tail();
        return walk(txn, known, visit);
    }

private:
    bool forwards() const { return select_.direction == direction::forwards; }

    bool scan(const storage::transaction& txn, const visit_event& visit) {
        const bool more = scan_.run(txn, nullptr, visit);
        covered_ = scan_.covered();
        return more;
    }

    bool walk(const storage::transaction& txn, const index_view& known, const visit_event& visit) {
        const std::uint64_t first = std::max<std::uint64_t>(select_.from, 1);
        const std::uint64_t end = std::min(known.head(), select_.to);
        if (!forwards()) next_ = std::min(next_, end);
        if (next_ < first || next_ > end) return false;
        std::vector<index::fingerprint> keys;
        for (const auto& tag : select_.tags) keys.push_back(tables_.indexes->tags.of(tag));
        record_cursor records(txn, tables_.log, storage::kept::no);
        read_slice slice;
        shown_.begin();
        bool more = false;
        bool stopped = false;
        const tag_cursor::place start{known.tags().first_from(next_), next_};
        walk_tags(known.tags(), nullptr, keys, select_.direction, start, forwards() ? end : first,
                  [&](std::uint64_t position) {
                      const event_view e = event_at(records, position);
                      covered_ = position;
                      next_ = forwards() ? position + 1 : position - 1;
                      stopped = select_.matches(e) &&
                                (!visit(shown_.show(txn, e)) || ++taken_ >= select_.limit);
                      more = !stopped && slice.over();
                      return !stopped && !more;
                  });
        if (!more && !stopped) covered_ = forwards() ? end : first;
        return more;
    }

    log_tables tables_;
    const query select_;
    shown_events shown_;
    range_pass scan_;
    bool scans_ = false;
    std::uint64_t next_;  // position
    std::uint64_t taken_ = 0;
};

// Walks one stream through its index, in either direction.
class stream_pass final : public log_pass {
public:
    stream_pass(const log_tables& tables, const query& select, payload_arena* arena)
        : tables_(tables),
          shown_(tables.subjects, arena),
          select_(select),
          next_(forwards() ? std::max<std::uint64_t>(select.from, 1) : select.to) {
        covered_ = forwards() ? next_ - 1 : select.to;
    }

    bool run(const storage::transaction& txn, const index_view* writing,
             const visit_event& visit) override {
        if (select_.limit == 0) return false;
        std::optional<index_view> own;
        const index_view& known = writing ? *writing : own.emplace(txn, tables_);
        if (!started_ && !start(known)) return false;
        read_slice slice;
        shown_.begin();
        bool more = false;  // in a later slice
        const auto step = [&](const event_view& e) {
            const bool beyond =
                forwards() ? e.position() > select_.to
                           : e.position() < select_.from || e.revision() < select_.from_revision;
            if (beyond) return false;
            check_revision(e);
            covered_ = e.position();
            next_ = forwards() ? e.position() + 1 : e.position() - 1;
            if (select_.matches(e) && (!visit(shown_.show(txn, e)) || ++taken_ >= select_.limit)) {
                return false;
            }
            more = slice.over() && next_ != 0;
            return !more && next_ != 0;
        };
        if (forwards()) {
            known.forwards(*select_.stream, next_, step);
        } else {
            known.backwards(*select_.stream, next_, step);
        }
        return more;
    }

private:
    bool forwards() const { return select_.direction == direction::forwards; }

    bool start(const index_view& known) {
        started_ = true;
        if (!forwards() || select_.from_revision == 0) return true;
        const auto first = known.position_of(*select_.stream, select_.from_revision);
        if (first) next_ = std::max(next_, *first);
        return first.has_value();
    }

    // An index that has lost an entry must not shorten a stream unseen.
    void check_revision(const event_view& e) {
        const bool starts = forwards() && next_ <= 1 && !expected_;
        const std::uint64_t expected = expected_.value_or(starts ? 0 : e.revision());
        if (e.revision() != expected) {
            throw error(errc::corrupt,
                        fmt::format("stream {} has revision {} at position {}, and should have "
                                    "revision {} there; run `idem verify`",
                                    text::shown(e.stream()), e.revision(), e.position(), expected),
                        {.position = e.position()});
        }
        if (forwards()) {
            expected_ = expected + 1;
        } else if (expected > 0) {
            expected_ = expected - 1;
        }
    }

    const log_tables tables_;
    shown_events shown_;
    const query select_;
    bool started_ = false;
    std::uint64_t next_;                     // position
    std::optional<std::uint64_t> expected_;  // revision
    std::uint64_t taken_ = 0;
};

}  // namespace

read_slice::read_slice() : end_ns_(now_ns() + slice_ns) {}

bool read_slice::over() {
    if (++events_ >= slice_events) return true;
    return events_ % 64 == 0 && now_ns() >= end_ns_;
}

std::unique_ptr<log_pass> make_pass(const log_tables& tables,
                                    std::span<const std::uint64_t> positions,
                                    payload_arena* arena) {
    return std::make_unique<list_pass>(tables, positions, arena);
}

std::unique_ptr<log_pass> make_pass(const log_tables& tables, const query& select,
                                    payload_arena* arena) {
    if (select.stream) return std::make_unique<stream_pass>(tables, select, arena);
    if (select.from_revision != 0) {
        throw error(errc::invalid_input, "from_revision selects within one stream: name the stream",
                    {.field = "from_revision"});
    }
    if (!select.tags.empty()) return std::make_unique<tag_pass>(tables, select, arena);
    return std::make_unique<range_pass>(tables, select, arena);
}

}  // namespace idem
