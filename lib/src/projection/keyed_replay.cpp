#include "projection/keyed_replay.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/pass.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

// Of one thread in one round: few enough to be in the processor's cache when they are applied.
constexpr std::uint64_t events_a_round = 8192;

// The rows of one shard that the events of one part touch, in order. Two threads fill two of them
// at once, which must not share a cache line.
struct alignas(128) touched_rows {
    struct entry {
        event_view event;
        row_hash hash;
        std::uint32_t key_at;
        std::uint32_t key_size;
    };
    std::vector<entry> entries;
    std::string keys;

    void clear() noexcept {
        entries.clear();
        keys.clear();
    }
    std::string_view key(const entry& e) const {
        return std::string_view(keys).substr(e.key_at, e.key_size);
    }
};

// Read by all threads, so it shares no cache line with the stack of the one that made it.
class alignas(128) keyed_replay {
public:
    keyed_replay(const projection& p, const replay_source& source, row_cache& rows)
        : projection_(p),
          source_(source),
          rows_(rows),
          arenas_(rows.shard_count()),
          touched_(rows.shard_count(), std::vector<touched_rows>(rows.shard_count())),
          step_(static_cast<std::ptrdiff_t>(rows.shard_count())) {
        for (std::size_t n = 0; source.canonical && n < rows.shard_count(); ++n) {
            again_.push_back(
                std::make_unique<event_again>(source.tables, source.payloads, *source.notes));
        }
        workers_.reserve(rows.shard_count());
        for (std::size_t w = 1; w < rows.shard_count(); ++w) start_thread();
        threads_ = 1 + workers_.size();
    }
    ~keyed_replay() {
        over_ = true;
        step_.arrive_and_wait();
    }
    keyed_replay(const keyed_replay&) = delete;
    keyed_replay& operator=(const keyed_replay&) = delete;

    // False: an event failed.
    bool round(std::uint64_t first, std::uint64_t last) {
        listed_ = {};
        return work_on(first, last);
    }
    bool round(std::span<const std::uint64_t> positions) {
        listed_ = positions;
        return work_on(0, positions.size() - 1);
    }
    std::uint64_t events() const noexcept { return events_a_round * rows_.shard_count(); }

private:
    // Positions, or indexes into the list of them.
    bool work_on(std::uint64_t first, std::uint64_t last) {
        // One thread begins and ends all transactions: it never waits for the map while another
        // is inside.
        std::list<storage::read_transaction> open;
        while (!begin_all(open)) open.clear();
        first_ = first;
        last_ = last;
        step_.arrive_and_wait();
        take_part(0);
        rows_.read_from(nullptr);
        return !failed_;
    }

    // A thread that the system does not grant leaves its work to the others.
    void start_thread() {
        try {
            workers_.emplace_back([this, w = 1 + workers_.size()] { work(w); });
        } catch (const std::exception&) {
            step_.arrive_and_drop();
        }
    }

    // False: another process has grown the map when some were open, and it can be taken over only
    // when none is. Where the caller is inside a read, the first of an environment says so.
    bool begin_all(std::list<storage::read_transaction>& open) {
        const bool shared = &source_.events == &source_.rows;
        events_.clear();
        std::size_t w = 0;
        try {
            for (; w < rows_.shard_count(); ++w) {
                events_.push_back(&open.emplace_back(source_.events));
                rows_.shard(w).read_from(shared ? events_[w] : &open.emplace_back(source_.rows));
            }
            return true;
        } catch (const error& e) {
            rows_.read_from(nullptr);
            if (e.code() != errc::busy || w == 0) throw;
            return false;
        }
    }

    void work(std::size_t w) {
        for (;;) {
            step_.arrive_and_wait();
            if (over_) return;
            take_part(w);
        }
    }

    // Each thread has the parts and shards of its number; with fewer threads, more of them.
    void take_part(std::size_t w) {
        for (std::size_t n = w; n < rows_.shard_count(); n += threads_) {
            attempt([this, n] { find_rows(n); });
        }
        step_.arrive_and_wait();
        for (std::size_t n = w; n < rows_.shard_count(); n += threads_) {
            attempt([this, n] { apply(n); });
        }
        step_.arrive_and_wait();
    }

    template <class Step>
    void attempt(Step&& step) noexcept {
        try {
            if (!failed_) step();
        } catch (...) {
            failed_ = true;  // who replays one by one finds out which event, and why
        }
    }

    class finder final : public key_sink {
    public:
        finder(const row_cache& rows, std::vector<touched_rows>& found)
            : rows_(rows), found_(found) {}
        void begin(const event_view& e) {
            event_ = &e;
            keys_ = 0;
        }
        void take(std::string_view key) override {
            if (++keys_ > limits::rows_per_event_max) throw std::length_error("too many rows");
            const row_hash hash = hash_of_key(key);
            touched_rows& to = found_[rows_.shard_of(hash)];
            to.entries.push_back({*event_, hash, static_cast<std::uint32_t>(to.keys.size()),
                                  static_cast<std::uint32_t>(key.size())});
            to.keys.append(key);
        }

    private:
        const row_cache& rows_;
        std::vector<touched_rows>& found_;
        const event_view* event_ = nullptr;
        std::size_t keys_ = 0;
    };

    void find_rows(std::size_t w) {
        for (touched_rows& t : touched_[w]) t.clear();
        payload_arena& arena = arenas_[w].payloads;
        arena.clear();
        const std::uint64_t first = first_ + w * events_a_round;
        const std::uint64_t last = std::min(last_, first + events_a_round - 1);
        if (first > last) return;
        finder sink(rows_, touched_[w]);
        const auto pass =
            listed_.empty()
                ? make_pass(source_.tables, query{.from = first, .to = last}, &arena)
                : make_pass(source_.tables, listed_.subspan(first, last - first + 1), &arena);
        const auto visit = [&](const event_view& e) {
            if (!handles(projection_, e.type()) || record_reader::has_no_data(e)) return true;
            if (source_.record.skips(e.position())) return true;
            const event_view shown =
                in_its_place(source_.payloads ? source_.payloads->read(e, arena) : e, arena);
            sink.begin(shown);
            projection_.keys_of(shown, sink);
            return true;
        };
        while (pass->run(*events_[w], visit)) {
        }
        if (pass->covered() != (listed_.empty() ? last : listed_[last]))
            throw std::length_error("fewer events than there were");
    }

    void apply(std::size_t shard) {
        if (source_.canonical) return apply_in_place(shard);
        constexpr std::size_t places_ahead = 16;
        constexpr std::size_t rows_ahead = 8;
        row_shard& rows = rows_.shard(shard);
        for (const auto& part : touched_) {
            const touched_rows& touched = part[shard];
            const auto& entries = touched.entries;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                if (i + places_ahead < entries.size()) {
                    rows.prefetch_place(entries[i + places_ahead].hash);
                    rows.prefetch_row(entries[i + rows_ahead].hash);
                    record_reader::prefetch(entries[i + rows_ahead].event);
                }
                const auto& e = entries[i];
                const std::string_view key = touched.key(e);
                cached_row& row = rows.at(key, e.hash);
                projection_.apply_row(e.event, key, row);
                rows.touch(row);
            }
        }
    }

    struct placed {
        order_key key;
        const touched_rows* part;
        const touched_rows::entry* entry;
    };
    // What is late within the round is put in order first, which costs less than to take rows back.
    std::vector<placed> in_order(std::size_t shard) const {
        std::vector<placed> order;
        for (const auto& part : touched_) {
            const touched_rows& touched = part[shard];
            for (const auto& e : touched.entries) {
                order.push_back({order_key_of(e.event), &touched, &e});
            }
        }
        const auto less = [](const placed& a, const placed& b) { return a.key < b.key; };
        const bool sorted =
            source_.canonical->walking || std::is_sorted(order.begin(), order.end(), less);
        if (!sorted) std::stable_sort(order.begin(), order.end(), less);
        return order;
    }

    void apply_in_place(std::size_t shard) {
        event_again& again = *again_[shard];
        const event_again::reading reads(again, events_[shard]);
        const auto order = in_order(shard);
        row_shard& rows = rows_.shard(shard);
        // Each stage asks for memory that the one before has led to.
        constexpr std::size_t ahead = 24;
        const auto hash_at = [&](std::size_t i) { return order[i].entry->hash; };
        for (std::size_t i = 0; i < order.size(); ++i) {
            if (i + ahead < order.size()) {
                rows.prefetch_place(hash_at(i + 24));
                rows.prefetch_row(hash_at(i + 18));
                record_reader::prefetch(order[i + 8].entry->event);
                rows.prefetch_history(hash_at(i + 12), 0);
                rows.prefetch_history(hash_at(i + 8), 1);
                rows.prefetch_history(hash_at(i + 4), 2);
            }
            const auto& [key, part, entry] = order[i];
            cached_row& row = rows.at(part->key(*entry), entry->hash);
            fold_in_place(projection_, *source_.canonical, entry->event, key, row, rows, again);
            rows.touch(row);
        }
        settle(projection_, rows, again);
    }

    // Where it is not walked by its record: what tells of another stamp stands behind the event,
    // and moves it then.
    event_view in_its_place(const event_view& e, payload_arena& arena) const {
        const stamp* const least = source_.walk ? source_.walk->lower_stamp(e.position()) : nullptr;
        if (!least) return e;
        auto* const room = new (arena.allocate(sizeof(event_view::shown_payload)))
            event_view::shown_payload{{}, {}, 1};
        return record_reader::with_stamp(e, *least, *room);
    }

    const projection& projection_;
    const replay_source source_;
    row_cache& rows_;
    std::vector<const storage::read_transaction*> events_;  // of each thread
    std::uint64_t first_ = 0;
    std::uint64_t last_ = 0;
    std::span<const std::uint64_t> listed_;            // not of the log from first_ on
    std::vector<std::unique_ptr<event_again>> again_;  // of each shard
    struct alignas(128) own_arena {  // a thread's, so it shares no cache line with another's
        payload_arena payloads;
    };
    std::vector<own_arena> arenas_;                   // of the round, by part of the log
    std::vector<std::vector<touched_rows>> touched_;  // by part of the log, then by shard
    std::atomic<bool> failed_ = false;
    bool over_ = false;
    std::size_t threads_ = 1;  // not more than shards
    std::barrier<> step_;      // orders all that the threads share
    std::vector<std::jthread> workers_;
};

}  // namespace

bool handles(const projection& p, std::string_view type) {
    return p.types.empty() || std::find(p.types.begin(), p.types.end(), type) != p.types.end();
}

std::optional<std::uint64_t> replay_keyed(const projection& p, const replay_source& source,
                                          row_cache& rows, std::uint64_t first, std::uint64_t last,
                                          const std::function<bool(std::uint64_t)>& enough) {
    keyed_replay replay(p, source, rows);
    std::uint64_t done = first - 1;
    while (done < last) {
        const std::uint64_t end = std::min(last, done + replay.events());
        if (!replay.round(done + 1, end)) return std::nullopt;
        done = end;
        if (enough(done)) break;
    }
    return done;
}

std::optional<folded_list> replay_keyed(const projection& p, const replay_source& source,
                                        row_cache& rows, const next_positions& next,
                                        const std::function<bool(std::uint64_t)>& enough) {
    keyed_replay replay(p, source, rows);
    folded_list done;
    for (;;) {
        const auto positions = next(replay.events());
        done.all = positions.empty();
        if (done.all) return done;
        if (!replay.round(positions)) return std::nullopt;
        done.events += positions.size();
        if (enough(done.events)) return done;
    }
}

}  // namespace idem
