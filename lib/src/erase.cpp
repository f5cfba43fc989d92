#include "erase.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "projection/checkpoints.hpp"
#include "projection/rebuild.hpp"

namespace idem {
namespace {

using kind = erasure_statement::kind;

void check_statement(const erasure_statement& statement) {
    const event e = make_erasure(statement);
    if (read_erasure(e.type, e.data)) return;
    throw error(errc::invalid_input,
                fmt::format("{} is no name of a data subject: 1 to {} bytes",
                            text::shown(statement.subject), limits::name_bytes_max),
                {.field = "data_subject"});
}

}  // namespace

erasure eraser::record(const erasure_statement& statement, const append_event& append) const {
    check_statement(statement);
    const append_result done = append(make_erasure(statement));
    const receipt& given = done.receipts.at(0);
    return destroyed(statement, {given.position, given.outcome == outcome::duplicate});
}

// By the log, whatever the table has: keys that were destroyed before are there if somebody has put
// an old file back, and a subject whose key was not here once has several.
erasure eraser::destroyed(const erasure_statement& statement, erasure done) const {
    subjects_.complete_erasures();
    if (statement.what == kind::event && !done.repeated) {
        done.events = 1;
        clear_copies();
        return done;
    }
    std::set<std::uint64_t> slots;
    reader_.read_sealed([&](const event_view& e, const event_seal& seal) {
        const bool named = statement.what == kind::event ? e.id() == statement.id
                                                         : e.data_subject() == statement.subject;
        if (!named || !e.erased()) return;
        ++done.events;
        // Behind the erasure another thread may have readmitted the subject, under a new key.
        if (seal.is != event_seal::state::sealed || e.position() > done.position) return;
        slots.insert(statement.what == kind::event ? seal.event_slot : seal.subject_slot);
    });
    subjects_.keys().destroy(std::vector<std::uint64_t>(slots.begin(), slots.end()));
    clear_copies();
    return done;
}

// What was folded from the data and that nobody needs.
void eraser::clear_copies() const {
    clear_dropped_checkpoints(env_);
    remove_abandoned_rebuilds(env_.folder());
}

subject_erasure_row eraser::erasure_of(std::string_view subject) const {
    const auto table = subjects_.find_table();
    if (!table || subject.empty() || subject.size() > limits::name_bytes_max) return {};
    const storage::read_transaction txn(env_);
    return subject_rows::erasure_of(txn, *table, subject);
}

erasure eraser::erase(const uuid& id, const append_event& append) const {
    const auto found = reader_.find(id);
    if (!found) {
        throw error(errc::not_found,
                    fmt::format("there is no event with the id {}", to_string(id)));
    }
    if (found->data_subject.empty() && !found->erased) {
        throw error(
            errc::invalid_input,
            fmt::format("event {} at position {} was stored without a data subject, so its data "
                        "stands in the log as it is, and in every copy: export the store without "
                        "that event, or with its subject, import that into a new store, and "
                        "remove the old one",
                        to_string(id), found->position),
            {.field = "data_subject", .position = found->position});
    }
    return record({kind::event, id}, append);
}

erasure eraser::erase_subject(std::string_view name, const append_event& append) const {
    const erasure_statement statement{kind::subject, uuid::nil(), std::string(name)};
    const auto row = erasure_of(name);
    if (!row.is_erased()) return record(statement, append);
    return destroyed(statement, {row.erased, true});
}

bool eraser::readmit_subject(std::string_view name, const append_event& append) const {
    if (!erasure_of(name).is_erased()) return false;
    // In the second round, what the row of an older idem did not tell of.
    constexpr int rounds = 2;
    for (int round = 0; round < rounds && erasure_of(name).is_erased(); ++round) {
        for (const auto& erasure : open_erasures(name)) {
            append(make_erasure({kind::readmission, erasure, std::string(name)}));
        }
    }
    return true;
}

std::vector<uuid> eraser::open_erasures(std::string_view name) const {
    const auto table = subjects_.find_table();
    if (!table) return {};
    {
        const storage::read_transaction txn(env_);
        auto found = subject_rows::open_erasures(txn, *table, name);
        if (!found.empty()) return found;
    }
    const auto last = reader_.at(erasure_of(name).erased);  // of an older idem
    return last ? std::vector{last->id} : std::vector<uuid>();
}

bool eraser::keys_missing() const {
    const auto table = subjects_.find_table();
    if (!table || subjects_.keys().refresh()) return false;
    const storage::read_transaction txn(env_);
    return subject_rows::next_slot(txn, *table) > 1;
}

std::vector<subject_info> eraser::subjects() const {
    std::map<std::string, subject_info, std::less<>> found;
    reader_.read({}, [&](const event_view& e) {
        const auto name = e.data_subject();
        if (name.empty()) return true;
        auto at = found.find(name);
        if (at == found.end()) at = found.emplace(name, subject_info{std::string(name)}).first;
        ++at->second.events;
        if (e.erased()) ++at->second.erased;
        if (e.sealed()) ++at->second.sealed;
        return true;
    });
    if (const auto table = subjects_.find_table()) {  // those that no event here names
        const storage::read_transaction txn(env_);
        for (auto& name : subject_rows::erased_subjects(txn, *table)) {
            found.try_emplace(name, subject_info{name});
        }
    }
    std::vector<subject_info> result;
    for (auto& [name, info] : found) {
        const auto row = erasure_of(name);
        info.is_erased = row.is_erased();
        result.push_back(std::move(info));
    }
    return result;
}

}  // namespace idem
