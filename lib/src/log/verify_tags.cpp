#include "log/verify_tags.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view rebuild_advice = "export the store and import it into a new one";

}  // namespace

tag_verifier::tag_verifier(storage::environment& env, const log_tables& tables, finding_list& found)
    : env_(env), tables_(tables), found_(found), types_(env.find_table(types_name)) {
    const storage::read_transaction txn(env);
    const index::manifest ids = index::read_manifest(txn, tables.indexes->ids.table);
    covered_ = read_coverage(ids);
    known_ = covered_.reaches(ids);
    if (!known_) return;
    if (covered_.tags > 0 && !tables.tags) {
        damaged("the tables `tags` and `tagged` are missing");
        known_ = false;
        return;
    }
    check_rows(txn);
    check_heads(txn);
}

void tag_verifier::damaged(std::string message) {
    found_.add({"index_damaged", std::nullopt, "tags",
                fmt::format("the index of tags is damaged: {}; {}", message, rebuild_advice)});
}

void tag_verifier::check_rows(const storage::transaction& txn) {
    if (covered_.tags == 0) return;
    try {
        std::uint64_t before = 0;
        for (const auto& tag : tag_rows(txn, tables_.tags->rows).read(0, covered_.tags)) {
            if (tag.position >= before && covers(tag.position)) {
                before = tag.position;
                continue;
            }
            damaged(fmt::format("the table `tagged` goes from position {} to {}", before,
                                tag.position));
            return;
        }
    } catch (const error& e) {
        if (e.code() != errc::corrupt) throw;
        damaged(e.what());
        known_ = false;  // nothing can be looked up
    }
}

void tag_verifier::check_heads(const storage::transaction& txn) {
    if (!types_) return;
    storage::cursor cursor(txn, *types_);
    for (auto entry = cursor.first(); entry; entry = cursor.next()) {
        std::uint64_t position = 0;
        if (entry->second.size() == sizeof position) {
            std::memcpy(&position, entry->second.data(), sizeof position);
        }
        heads_[std::string(entry->first)].position = position;
    }
}

bool tag_verifier::check(const index_view& known, const event_view& e) {
    if (!known_ || !known.knows_tags()) return true;
    bool whole = true;
    try {
        for (std::size_t i = 0; i < e.tag_count(); ++i) {
            whole = check_tag(known, e, e.tag(i)) && whole;
        }
    } catch (const error& fault) {
        if (fault.code() != errc::corrupt) throw;
        known_ = false;  // whoever looks at the runs tells where
        return false;
    }
    if (e.position() == covered_.position && sound_ && ordinal_ != covered_.tags) {
        damaged(fmt::format("up to position {} the log has {} tags, and the table `tagged` has {}",
                            e.position(), ordinal_, covered_.tags));
    }
    return (!covers(e.position()) || check_head(e)) && whole;
}

bool tag_verifier::check_head(const event_view& e) {
    auto found = heads_.find(e.type());
    if (found == heads_.end()) found = heads_.emplace(e.type(), head{}).first;
    head& h = found->second;
    h.met = h.met || h.position == e.position();
    if (h.position >= e.position() || h.told_of) return true;
    h.told_of = true;
    found_.add({"type_head", e.position(), std::string(e.type()),
                fmt::format("the table `types` says that the last event of type {} up to position "
                            "{} is at {}, and there is one at {}; {}",
                            text::shown(e.type()), covered_.position, h.position, e.position(),
                            rebuild_advice)});
    return false;
}

bool tag_verifier::check_tag(const index_view& known, const event_view& e, std::string_view tag) {
    ++ordinal_;
    const index::fingerprint key = tables_.indexes->tags.of(tag);
    const tag_view& tags = known.tags();
    bool here = ordinal_ <= tags.last() && tags.position(ordinal_) == e.position();
    if (here && ordinal_ <= tags.in_rows())
        here = tags.rows().row_of(ordinal_).key(ordinal_) == key;
    bool listed = false;
    tags.entries().backwards(key, ordinal_, [&](std::uint64_t ordinal) {
        listed = ordinal == ordinal_;
        return false;
    });
    if (here && listed) return true;
    found_.add({"tag_missing", e.position(), std::string(tag),
                fmt::format("the tag {} of position {} is not in the index of tags; {}",
                            text::shown(tag), e.position(), rebuild_advice)});
    return false;
}

void tag_verifier::skip(const index_view& known, std::uint64_t position) {
    sound_ = false;
    if (known_ && known.knows_tags()) ordinal_ = known.tags().first_from(position + 1) - 1;
}

void tag_verifier::finish() {
    if (!known_ || !sound_) return;
    for (const auto& [type, h] : heads_) {
        if (h.met || h.told_of) continue;
        found_.add({"type_head", h.position, type,
                    fmt::format("the table `types` says that the last event of type {} is at "
                                "position {}, where there is none; {}",
                                text::shown(type), h.position, rebuild_advice)});
    }
}

}  // namespace idem
