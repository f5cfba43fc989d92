#include "erase.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "projection/checkpoints.hpp"

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
    if (given.outcome == outcome::duplicate) destroy_again(statement);
    subjects_.complete_erasures();
    clear_dropped_checkpoints(env_);
    return {given.position, given.outcome == outcome::duplicate};
}

// The keys of what was erased before: they are there if somebody has put an old file back.
void eraser::destroy_again(const erasure_statement& statement) const {
    std::set<std::uint64_t> slots;
    reader_.read_sealed([&](const event_view& e, const event_seal& seal) {
        if (statement.what == kind::event) {
            if (e.id() == statement.id) slots.insert(seal.event_slot);
        } else if (e.data_subject() == statement.subject && e.erased()) {
            slots.insert(seal.subject_slot);
        }
    });
    subjects_.keys().destroy(std::vector<std::uint64_t>(slots.begin(), slots.end()));
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
    if (row.erased <= row.readmitted) return record(statement, append);
    destroy_again(statement);
    subjects_.complete_erasures();
    return {row.erased, true};
}

bool eraser::readmit_subject(std::string_view name, const append_event& append) const {
    const auto row = erasure_of(name);
    if (row.erased <= row.readmitted) return false;
    append(make_erasure({kind::readmission, uuid::nil(), std::string(name)}));
    return true;
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
    std::vector<subject_info> result;
    for (auto& [name, info] : found) {
        const auto row = erasure_of(name);
        info.is_erased = row.erased > row.readmitted;
        result.push_back(std::move(info));
    }
    return result;
}

}  // namespace idem
