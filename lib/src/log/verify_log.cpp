#include "log/verify_log.hpp"

#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/decide.hpp"
#include "log/pass.hpp"
#include "log/reader.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view restore_advice = "restore a backup";
constexpr std::string_view rebuild_advice = "export the store and import it into a new one";

// Visits so many entries and no more, whatever their keys are: what follows was added since. Reads
// in short transactions, so that a verification of a store in use does not pin it.
template <class Step>
void walk(storage::environment& env, storage::table table, bool integer_keys, std::uint64_t entries,
          Step&& step) {
    std::string resume;
    bool more = true;
    while (more) {
        const storage::read_transaction txn(env);
        storage::cursor cursor(txn, table);
        read_slice slice;
        std::optional<storage::entry> entry;
        if (resume.empty()) {
            entry = cursor.first();
        } else {
            entry = integer_keys ? cursor.seek(storage::integer_key(resume)) : cursor.seek(resume);
            if (entry && entry->first == resume) entry = cursor.next();
        }
        more = false;
        for (; entry; entry = cursor.next()) {
            if (entries-- == 0 || !step(txn, *entry)) return;
            if (slice.over()) {
                resume = entry->first;
                more = true;
                break;
            }
        }
    }
}

class log_verifier {
public:
    log_verifier(storage::environment& env, const log_tables& tables, finding_list& found)
        : env_(env), tables_(tables), found_(found) {}

    std::uint64_t run() {
        {
            const storage::read_transaction txn(env_);
            head_ = head_of(txn, tables_);
        }
        walk(env_, tables_.log, true, head_, [&](const auto& txn, const storage::entry& entry) {
            const std::uint64_t position = storage::integer_key(entry.first);
            check_order(position);
            check_seek(txn, position, entry.second);
            check_event(txn, position, entry.second);
            if (position % 4096 == 0) found_.progress(position, head_);
            return !found_.full();
        });
        if (!found_.full() && next_ != head_ + 1) {
            found_.add({"position_gap", next_, "",
                        fmt::format("the log ends at position {}, and should at {}; {}", next_ - 1,
                                    head_, restore_advice)});
        }
        // Each event was found in each index under its own key, so an index of as many entries as
        // there are events holds nothing else. Only where that does not add up is it searched.
        if (!found_.full()) find_orphans(tables_.ids, "id_orphan");
        if (!found_.full()) find_orphans(tables_.streams, "stream_orphan");
        found_.progress(head_, head_);
        return head_;
    }

private:
    void check_order(std::uint64_t position) {
        if (position != next_) {
            found_.add({"position_gap", next_, "",
                        fmt::format("the log goes from position {} to {}; {}", next_ - 1, position,
                                    restore_advice)});
        }
        next_ = position + 1;
    }

    // Those who read the log from some position on do not come from the record before.
    void check_seek(const storage::transaction& txn, std::uint64_t position,
                    std::string_view record) {
        const auto found = txn.get(tables_.log, position);
        if (found && found->data() == record.data()) return;
        found_.add({"position_gap", position, "",
                    fmt::format("the record of position {} is there and is not found by its "
                                "position; {}",
                                position, rebuild_advice)});
    }

    void check_event(const storage::transaction& txn, std::uint64_t position,
                     std::string_view record) {
        if (const auto fault = record_reader::check(record, position)) {
            found_.add({std::string(fault->kind), position, "",
                        fmt::format("{}; {}", fault->message, restore_advice)});
            return;
        }
        const event_view e = record_reader::open(record, position);
        bool sound = check_id(txn, e);
        sound = check_stream(txn, e) && sound;
        if (sound) found_.count_event();
    }

    bool check_id(const storage::transaction& txn, const event_view& e) {
        const auto indexed = txn.get(tables_.ids, id_bytes(e.id()));
        if (indexed && *indexed == position_bytes(e.position())) return true;
        found_.add({"id_missing", e.position(), to_string(e.id()),
                    fmt::format("the id {} of position {} is {} in the index of ids; {}",
                                to_string(e.id()), e.position(),
                                indexed ? "at another position" : "not", rebuild_advice)});
        return false;
    }

    bool check_stream(const storage::transaction& txn, const event_view& e) {
        const auto position = e.position();
        const auto indexed = txn.get(tables_.streams, stream_key(e.stream(), e.revision()));
        if (!indexed || *indexed != position_bytes(position)) {
            found_.add({"stream_missing", position, std::string(e.stream()),
                        fmt::format("revision {} of stream {} at position {} is {} in the index of "
                                    "streams; {}",
                                    e.revision(), text::shown(e.stream()), position,
                                    indexed ? "at another position" : "not", rebuild_advice)});
            return false;
        }
        if (e.revision() == 0) return true;
        const auto before = txn.get(tables_.streams, stream_key(e.stream(), e.revision() - 1));
        if (before && before->size() == 8 && read_position(*before) < position) return true;
        found_.add(
            {"revision_gap", position, std::string(e.stream()),
             fmt::format("stream {} has revision {} at position {} and no revision {} before "
                         "it; {}",
                         text::shown(e.stream()), e.revision(), position, e.revision() - 1,
                         restore_advice)});
        return false;
    }

    void find_orphans(storage::table index, const char* kind) {
        std::uint64_t entries = 0;
        {
            const storage::read_transaction txn(env_);
            entries = txn.stats(index).entries;
            if (entries == txn.stats(tables_.log).entries) return;
        }
        walk(env_, index, false, entries, [&](const auto& txn, const storage::entry& entry) {
            if (!points_to_its_event(txn, index, entry)) {
                found_.add({kind, std::nullopt, text::shown(entry.first),
                            fmt::format("the index entry {} names no event; {}",
                                        text::shown(entry.first), rebuild_advice)});
            }
            return !found_.full();
        });
    }

    bool points_to_its_event(const storage::transaction& txn, storage::table index,
                             const storage::entry& entry) const {
        if (entry.second.size() != 8) return false;
        const std::uint64_t position = read_position(entry.second);
        const auto record = txn.get(tables_.log, position);
        if (!record) return false;
        if (record_reader::check(*record, position)) return true;  // reported with its event
        const event_view e = record_reader::open(*record, position);
        const uuid id = e.id();
        return entry.first ==
               (index == tables_.ids ? id_bytes(id) : stream_key(e.stream(), e.revision()));
    }

    storage::environment& env_;
    const log_tables& tables_;
    finding_list& found_;
    std::uint64_t head_ = 0;
    std::uint64_t next_ = 1;
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

std::uint64_t verify_log(storage::environment& env, const log_tables& tables, finding_list& found) {
    return log_verifier(env, tables, found).run();
}

}  // namespace idem
