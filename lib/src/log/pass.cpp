#include "log/pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "idem/error.hpp"
#include "log/decide.hpp"
#include "storage/cursor.hpp"

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

// LMDB fills a page from its end, so the next record lies just before this one, and is about as
// long. To ask for it now hides most of the wait for memory; a wrong guess costs nothing.
void prefetch_next(std::string_view record) {
    constexpr std::size_t line_bytes = 64;
    const char* const next = record.data() - record.size();
    for (std::size_t at = 0; at < std::min<std::size_t>(record.size(), 1024); at += line_bytes) {
        __builtin_prefetch(next + at);
    }
}

// Walks positions, in either direction.
class range_pass final : public log_pass {
public:
    range_pass(const log_tables& tables, const query& select)
        : tables_(tables),
          select_(select),
          filters_(has_filter(select)),
          first_(std::max<std::uint64_t>(select.from, 1)) {
        next_ = forwards() ? first_ : select.to;
        covered_ = forwards() ? next_ - 1 : next_;
    }

    bool run(const storage::transaction& txn, const visit_event& visit) override {
        if (select_.limit == 0) return false;
        const std::uint64_t end = std::min(head_of(txn, tables_), select_.to);
        if (!forwards()) next_ = std::min(next_, end);
        storage::cursor cursor(txn, tables_.log);
        read_slice slice;
        for (auto entry = cursor.seek(next_); next_ >= first_ && next_ <= end;
             entry = forwards() ? cursor.next() : cursor.previous()) {
            const std::uint64_t position = next_;
            if (!entry || storage::integer_key(entry->first) != position) throw_gap(position);
            if (forwards()) prefetch_next(entry->second);
            const event_view e = record_reader::open(entry->second, position);
            covered_ = position;
            next_ = forwards() ? position + 1 : position - 1;
            if (!filters_ || select_.matches(e)) {
                if (!visit(e) || ++taken_ >= select_.limit) return false;
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
    const query select_;
    const bool filters_;
    const std::uint64_t first_;
    std::uint64_t next_;
    std::uint64_t taken_ = 0;
};

// Walks one stream through its index, in either direction.
class stream_pass final : public log_pass {
public:
    stream_pass(const log_tables& tables, const query& select) : tables_(tables), select_(select) {
        covered_ = forwards() ? std::max<std::uint64_t>(select.from, 1) - 1 : select.to;
    }

    bool run(const storage::transaction& txn, const visit_event& visit) override {
        if (!revision_) start(txn);
        storage::cursor cursor(txn, tables_.streams);
        read_slice slice;
        while (revision_ && select_.limit != 0) {
            const auto entry = cursor.seek(stream_key(*select_.stream, *revision_));
            if (!entry) break;
            const stream_entry found = read_stream_entry(*entry);
            if (found.stream != *select_.stream || found.revision != *revision_) break;
            if (found.position > select_.to || found.position < select_.from) break;
            const event_view e = record_at(txn, tables_, found.position);
            covered_ = found.position;
            advance();
            if (select_.matches(e) && (!visit(e) || ++taken_ >= select_.limit)) return false;
            if (slice.over()) return revision_.has_value();
        }
        return false;
    }

private:
    bool forwards() const { return select_.direction == direction::forwards; }

    void start(const storage::transaction& txn) {
        const auto& stream = *select_.stream;
        if (forwards()) {
            const std::uint64_t by_position =
                select_.from > 1 ? revision_at(txn, tables_, stream, select_.from) : 0;
            revision_ = std::max(by_position, select_.from_revision);
            return;
        }
        const auto last = last_of_stream(txn, tables_, stream);
        if (!last) return;
        if (last->position <= select_.to) {
            revision_ = last->revision;
        } else if (const auto above = revision_at(txn, tables_, stream, select_.to + 1);
                   above > 0) {
            revision_ = above - 1;
        }
        if (revision_ && *revision_ < select_.from_revision) revision_.reset();
    }

    void advance() {
        if (forwards()) {
            ++*revision_;
        } else if (*revision_ == select_.from_revision) {
            revision_.reset();
        } else {
            --*revision_;
        }
    }

    const log_tables tables_;
    const query select_;
    std::optional<std::uint64_t> revision_;  // the next to read
    std::uint64_t taken_ = 0;
};

}  // namespace

read_slice::read_slice() : end_ns_(now_ns() + slice_ns) {}

bool read_slice::over() {
    if (++events_ >= slice_events) return true;
    return events_ % 64 == 0 && now_ns() >= end_ns_;
}

std::unique_ptr<log_pass> make_pass(const log_tables& tables, const query& select) {
    if (select.stream) return std::make_unique<stream_pass>(tables, select);
    if (select.from_revision != 0) {
        throw error(errc::invalid_input, "from_revision selects within one stream: name the stream",
                    {.field = "from_revision"});
    }
    return std::make_unique<range_pass>(tables, select);
}

}  // namespace idem
