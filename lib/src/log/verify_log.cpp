#include "log/verify_log.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "index/check.hpp"
#include "log/pass.hpp"
#include "log/reader.hpp"
#include "log/verify_order.hpp"
#include "log/verify_subjects.hpp"
#include "log/verify_tags.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::size_t findings_of_runs_max = 100;
constexpr std::string_view restore_advice = "restore a backup";
constexpr std::string_view rebuild_advice = "export the store and import it into a new one";
constexpr std::string_view merge_advice =
    "the next appends do that merge again; look into the disk that did this";

class log_verifier {
public:
    log_verifier(storage::environment& env, const log_tables& tables, finding_list& found,
                 const stamp_notes& notes)
        : env_(env),
          tables_(tables.with_tags(env)),
          found_(found),
          tags_(env, tables_, found),
          order_(env, tables_, found, notes),
          subjects_(env, tables_, found),
          unsealer_(tables.subjects) {}

    std::uint64_t run() {
        {
            const storage::read_transaction txn(env_);
            const log_extent extent = extent_of(txn, tables_.log);
            head_ = extent.head();
            blocks_ = extent.blocks;
        }
        bool more = blocks_ > 0;
        while (more) {
            const storage::read_transaction txn(env_);
            more = walk(txn);
        }
        if (!found_.full() && next_ != head_ + 1) {
            found_.add({"position_gap", next_, "",
                        fmt::format("the log ends at position {}, and should at {}; {}", next_ - 1,
                                    head_, restore_advice)});
        }
        if (!found_.full()) tags_.finish();
        if (!found_.full()) order_.finish();
        if (next_ != head_ + 1) subjects_.skip();
        subjects_.finish(head_ + 1);
        check_runs(tables_.indexes->ids.table, "ids");
        check_runs(tables_.indexes->streams.table, "streams");
        if (tables_.tags) check_runs(tables_.tags->index, "tags");
        found_.progress(head_, head_);
        return head_;
    }

private:
    // Visits as many blocks as the log had at the start and no more, whatever their keys are: what
    // follows was added since. In short transactions, so that a verification of a store in use does
    // not pin it.
    bool walk(const storage::transaction& txn) {
        keys_begun_ = false;
        const index_view known(txn, tables_);
        storage::cursor cursor(txn, tables_.log);
        read_slice slice;
        for (auto entry = cursor.seek(next_key_); entry; entry = cursor.next()) {
            const std::uint64_t key = storage::integer_key(entry->first);
            if (walked_++ == blocks_) return false;
            check_seek(txn, key, entry->second);
            const auto block = check_block(key, entry->second);
            bool over = slice.over();
            for (std::uint32_t i = 0; block && i < block->size() && !found_.full(); ++i) {
                check_order(key + i);
                check_event(txn, known, key + i, block->record(block->first() + i));
                over = slice.over() || over;
            }
            next_key_ = key + 1;
            if (found_.full() || next_key_ == 0) return false;
            if (over) return true;
        }
        return false;
    }

    // A block that is none is told of; its events are then missing.
    std::optional<block_view> check_block(std::uint64_t key, std::string_view bytes) {
        const auto block = block_view::open(bytes);
        if (!block) {
            subjects_.skip();
            found_.add({"record_malformed", key, "",
                        fmt::format("the {} bytes at position {} are no block of records; {}",
                                    bytes.size(), key, restore_advice)});
            return block;
        }
        if (block->first() != key) {
            found_.add({"position_mismatch", key, "",
                        fmt::format("the block at position {} says that it begins with {}; {}", key,
                                    block->first(), restore_advice)});
        }
        if (block->ordinal() != static_cast<std::uint32_t>(walked_)) {
            found_.add({"position_gap", key, "",
                        fmt::format("the block at position {} says that it is number {}, and is "
                                    "number {}; {}",
                                    key, block->ordinal(), walked_, restore_advice)});
        }
        return block;
    }

    void check_order(std::uint64_t position) {
        if (position % 4096 == 0) found_.progress(position, head_);
        if (position != next_) {
            found_.add({"position_gap", next_, "",
                        fmt::format("the log goes from position {} to {}; {}", next_ - 1, position,
                                    restore_advice)});
        }
        next_ = position + 1;
    }

    // Those who read the log from some position on do not come from the record before.
    void check_seek(const storage::transaction& txn, std::uint64_t position,
                    std::string_view block) {
        const auto found = txn.get(tables_.log, position);
        if (found && found->data() == block.data()) return;
        found_.add({"position_gap", position, "",
                    fmt::format("the block of position {} is there and is not found by its "
                                "position; {}",
                                position, rebuild_advice)});
    }

    void check_event(const storage::transaction& txn, const index_view& known,
                     std::uint64_t position, std::string_view record) {
        if (const auto fault = record_reader::check(record, position)) {
            found_.add({std::string(fault->kind), position, "",
                        fmt::format("{}; {}", fault->message, restore_advice)});
            tags_.skip(known, position);
            order_.skip();
            subjects_.skip();
            return;
        }
        const event_view e = record_reader::open(record, position);
        bool sound = true;
        check_mark(known.ids().contents(), e);
        if (indexes_readable_) {
            try {
                sound = check_id(txn, known, e);
                sound = check_stream(txn, known, e) && sound;
                subjects_.add(txn, known, e);
            } catch (const error& fault) {
                if (fault.code() != errc::corrupt) throw;
                indexes_readable_ = false;  // check_runs tells where
            }
        }
        if (!indexes_readable_) subjects_.skip();
        sound = tags_.check(known, e) && sound;
        sound = order_.check(txn, known, e) && sound;
        if (record_reader::is_sealed(e)) sound = check_seal(txn, e) && sound;
        if (sound) found_.count_event();
    }

    // That the data opens with its key, if that is here.
    bool check_seal(const storage::transaction& txn, const event_view& e) {
        try {
            if (!keys_begun_) unsealer_.begin();
            keys_begun_ = true;
            const auto data = unsealer_.look(txn, e);
            if (data == unsealer::kept::erased && unsealer_.is_key_left(e)) {
                found_.add({"key_left", e.position(), to_string(e.id()),
                            fmt::format("the data of the event at position {} was erased, and {} "
                                        "has its key, as an old copy would; erase it again",
                                        e.position(), tables_.subjects->keys().path().string())});
                return false;
            }
            found_.count_data(data == unsealer::kept::erased, data == unsealer::kept::sealed);
            return true;
        } catch (const error& fault) {
            if (fault.code() != errc::corrupt) throw;
            found_.add({"seal_damaged", e.position(), to_string(e.id()), fault.what()});
            return false;
        }
    }

    // A record that an index names; a damaged one is told of in its own place.
    std::optional<event_view> other_event(const storage::transaction& txn,
                                          std::uint64_t position) const {
        record_cursor records(txn, tables_.log, storage::kept::yes);
        const auto record = records.at(position);
        if (!record) return std::nullopt;
        return record_reader::open_if_sound(*record, position);
    }

    bool check_id(const storage::transaction& txn, const index_view& known, const event_view& e) {
        bool here = false;
        std::uint64_t elsewhere = 0;
        const uuid id = e.id();
        known.ids().backwards(tables_.indexes->ids.of(id_bytes(id)), query{}.to,
                              [&](std::uint64_t position) {
                                  here = here || position == e.position();
                                  if (position < e.position() && elsewhere == 0) {
                                      const auto other = other_event(txn, position);
                                      if (other && other->id() == id) elsewhere = position;
                                  }
                                  return true;
                              });
        if (!here) {
            found_.add({"id_missing", e.position(), to_string(id),
                        fmt::format("the id {} of position {} is not in the index of ids; {}",
                                    to_string(id), e.position(), rebuild_advice)});
        }
        if (elsewhere != 0) {
            found_.add({"id_repeated", e.position(), to_string(id),
                        fmt::format("the id {} of position {} is that of position {} too; {}",
                                    to_string(id), e.position(), elsewhere, restore_advice)});
        }
        return here && elsewhere == 0;
    }

    bool check_stream(const storage::transaction& txn, const index_view& known,
                      const event_view& e) {
        bool here = false;
        bool readable = true;
        std::optional<std::uint64_t> before;  // revision
        known.streams().backwards(tables_.indexes->streams.of(e.stream()), e.position(),
                                  [&](std::uint64_t position) {
                                      if (position == e.position()) {
                                          here = true;
                                          return true;
                                      }
                                      const auto other = other_event(txn, position);
                                      readable = other.has_value();
                                      if (!other) return false;
                                      if (other->stream() != e.stream()) return true;
                                      before = other->revision();
                                      return false;
                                  });
        if (!here) {
            found_.add(
                {"stream_missing", e.position(), std::string(e.stream()),
                 fmt::format("revision {} of stream {} at position {} is not in the index "
                             "of streams; {}",
                             e.revision(), text::shown(e.stream()), e.position(), rebuild_advice)});
            return false;
        }
        const std::uint64_t expected = before ? *before + 1 : 0;
        if (!readable || e.revision() == expected) return true;
        found_.add({"revision_gap", e.position(), std::string(e.stream()),
                    fmt::format("stream {} has revision {} at position {}, and by the events "
                                "before it should have revision {}; {}",
                                text::shown(e.stream()), e.revision(), e.position(), expected,
                                restore_advice)});
        return false;
    }

    void check_runs(storage::table index, const char* name) {
        if (found_.full()) return;
        const storage::read_transaction txn(env_);
        for (const auto& fault : index::check(txn, index, findings_of_runs_max)) {
            const std::uint64_t first = position_of(txn, index, fault.first);
            const std::uint64_t last = position_of(txn, index, fault.last);
            found_.add(
                {"index_damaged", first, name,
                 fmt::format("the index of {} is damaged among positions {} to {}{}: {}; {}", name,
                             first, last, fault.of_merge ? ", in a merge under way" : "",
                             fault.message, fault.of_merge ? merge_advice : rebuild_advice)});
        }
    }

    // The index of tags has ordinals instead.
    std::uint64_t position_of(const storage::transaction& txn, storage::table index,
                              std::uint64_t entry) const {
        if (!tables_.tags || index != tables_.tags->index) return entry;
        try {
            return tag_rows(txn, tables_.tags->rows).position(entry);
        } catch (const error& e) {
            if (e.code() != errc::corrupt) throw;
            return 0;  // told of already
        }
    }

    // An id that is greater than the mark and than all of the tail is taken for new without a look.
    void check_mark(const index::manifest& ids, const event_view& e) {
        if (e.position() > ids.flushed() || mark_told_of_) return;
        const uuid id = e.id();
        if (id_bytes(id) <= ids.mark) return;
        mark_told_of_ = true;
        found_.add({"index_damaged", e.position(), "ids",
                    fmt::format("the index of ids says that no id is greater than its mark, and "
                                "{} of position {} is; {}",
                                to_string(id), e.position(), rebuild_advice)});
    }

    storage::environment& env_;
    const log_tables tables_;
    finding_list& found_;
    tag_verifier tags_;
    order_verifier order_;
    subject_verifier subjects_;
    unsealer unsealer_;
    bool keys_begun_ = false;  // in this transaction
    std::uint64_t head_ = 0;
    std::uint64_t blocks_ = 0;
    std::uint64_t next_ = 1;  // position that should come
    std::uint64_t next_key_ = 0;
    std::uint64_t walked_ = 0;  // blocks
    bool indexes_readable_ = true;
    bool mark_told_of_ = false;
};

}  // namespace

void finding_list::add(finding f) {
    if (report_.findings.size() >= options_.findings_max) {
        report_.complete = false;
        return;
    }
    if (options_.report) options_.report(f);
    report_.findings.push_back(std::move(f));
}

void finding_list::progress(std::uint64_t position, std::uint64_t head) const {
    if (options_.progress) options_.progress(position, head);
}

std::uint64_t verify_log(storage::environment& env, const log_tables& tables, finding_list& found,
                         const stamp_notes& notes) {
    return log_verifier(env, tables, found, notes).run();
}

}  // namespace idem
