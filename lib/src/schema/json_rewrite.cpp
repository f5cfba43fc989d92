#include "schema/json_rewrite.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/limits.hpp"
#include "schema/scalar.hpp"

namespace idem {
namespace {

bool is_container(json::kind kind) noexcept {
    return kind == json::kind::object || kind == json::kind::array;
}

}  // namespace

void json_rewrite::object::mark() noexcept {
    for (object* o = this; o != nullptr && !o->changed; o = o->parent) o->changed = true;
}

json_rewrite::json_rewrite(std::string_view data) : data_(data) {
    take_apart(objects_.emplace_back(), data);
}

std::string_view json_rewrite::keep(std::string text) {
    return kept_.emplace_back(std::move(text));
}

void json_rewrite::take_apart(object& into, std::string_view raw) {
    const char* last_end = raw.data();
    json::each_member(raw, [&](std::string_view name, json::kind kind, std::string_view content) {
        // Between two values there are, besides white space, a comma, the name and a colon.
        const std::string_view between(last_end,
                                       static_cast<std::size_t>(content.data() - last_end));
        last_end = content.data() + content.size();
        const std::size_t quote = between.find('"');
        const std::string_view spelled = between.substr(quote, between.rfind('"') - quote + 1);
        const std::string_view within = spelled.substr(1, spelled.size() - 2);
        const bool has_escapes =
            within.size() != name.size();  // which are longer than what they mean
        into.members.push_back(
            {has_escapes ? keep(std::string(name)) : within, spelled, {kind, content}});
    });
}

json_rewrite::object& json_rewrite::open(value& of, object& holder) {
    if (of.opened == nullptr) {
        of.opened = &objects_.emplace_back();
        of.opened->parent = &holder;
        take_apart(*of.opened, of.raw);
    }
    return *of.opened;
}

std::optional<std::size_t> json_rewrite::index_of(const object& holder, const json_path& path,
                                                  std::size_t depth) {
    const std::string_view name = path.name(depth);
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < holder.members.size(); ++i) {
        const member& m = holder.members[i];
        if (m.gone || m.name != name) continue;
        // Readers differ in which of the two they take, so neither is the one that was meant.
        if (found) {
            throw unfit_member{path.shown(depth),
                               fmt::format("has the member {} twice", text::shown(name))};
        }
        found = i;
    }
    return found;
}

// The object that would hold the member; nullptr where that is absent or null.
json_rewrite::object* json_rewrite::holder_of(const json_path& path) {
    object* here = &objects_.front();
    for (std::size_t i = 0; i + 1 < path.depth(); ++i) {
        const auto index = index_of(*here, path, i);
        if (!index) return nullptr;
        value& content = here->members[*index].content;
        if (content.kind == json::kind::null) return nullptr;
        if (content.kind != json::kind::object) {
            throw unfit_member{path.shown(i + 1),
                               says_wrong_kind(content.kind, json::kind::object)};
        }
        here = &open(content, *here);
    }
    return here;
}

json_rewrite::place json_rewrite::find(const json_path& path) {
    object* holder = holder_of(path);
    if (holder == nullptr) return {};
    const auto index = index_of(*holder, path, path.depth() - 1);
    return index ? place{holder, *index} : place{};
}

const json_rewrite::value& json_rewrite::at(const place& where) const {
    return where.holder->members[where.index].content;
}

void json_rewrite::set(const place& where, value made) {
    where.holder->members[where.index].content = made;
    where.holder->mark();
}

json_rewrite::value json_rewrite::take(const place& where) {
    member& taken = where.holder->members[where.index];
    taken.gone = true;
    where.holder->mark();
    return taken.content;
}

json_rewrite::place json_rewrite::insert(object& holder, const json_path& path, std::size_t depth,
                                         value made, place near) {
    if (made.opened != nullptr) made.opened->parent = &holder;
    holder.mark();
    const member added{path.name(depth), path.spelled(depth), made};
    auto& members = holder.members;
    if (near.holder != &holder) {
        members.push_back(added);
    } else if (members[near.index].gone) {
        members[near.index] = added;
    } else {
        ++near.index;
        members.insert(members.begin() + static_cast<std::ptrdiff_t>(near.index), added);
    }
    return near;
}

json_rewrite::place json_rewrite::put(const json_path& path, value made, place near) {
    object* here = &objects_.front();
    for (std::size_t i = 0; i + 1 < path.depth(); ++i) {
        if (const auto index = index_of(*here, path, i)) {
            value& content = here->members[*index].content;
            if (content.kind != json::kind::object) {
                throw unfit_member{path.shown(i + 1),
                                   says_wrong_kind(content.kind, json::kind::object)};
            }
            here = &open(content, *here);
        } else {
            object& around = objects_.emplace_back();
            around.changed = true;  // it has no text to be carried over
            near = insert(*here, path, i, {json::kind::object, {}, &around}, near);
            here = &around;
        }
    }
    const std::size_t last = path.depth() - 1;
    if (index_of(*here, path, last)) {
        throw unfit_member{path.shown(), "is there already; drop it first, or choose another name"};
    }
    may_be_deeper_ = may_be_deeper_ || (last > 0 && is_container(made.kind));
    return insert(*here, path, last, made, near);
}

void json_rewrite::put_if_absent(const json_path& path, value made) {
    object* holder = holder_of(path);
    const std::size_t last = path.depth() - 1;
    if (holder == nullptr || index_of(*holder, path, last)) return;
    may_be_deeper_ = may_be_deeper_ || (last > 0 && is_container(made.kind));
    insert(*holder, path, last, made, {});
}

json_rewrite::value json_rewrite::make_text(std::string_view decoded) {
    return {json::kind::string, keep(to_json_string(decoded))};
}

json_rewrite::value json_rewrite::make_number(std::string spelled) {
    return {json::kind::number, keep(std::move(spelled))};
}

std::string json_rewrite::print_changed() const {
    struct level {
        const object* of;
        std::size_t next = 0;
    };
    // A stack of our own, as renames can nest objects deeper than any one path is long.
    std::vector<level> levels{{&objects_.front()}};
    std::string out = "{";
    out.reserve(data_.size() + 64);
    while (!levels.empty()) {
        level& here = levels.back();
        if (here.next == here.of->members.size()) {
            out += '}';
            levels.pop_back();
            continue;
        }
        const member& m = here.of->members[here.next++];
        if (m.gone) continue;
        if (out.back() != '{') out += ',';
        out += m.spelled;
        out += ':';
        if (m.content.opened != nullptr && m.content.opened->changed) {
            out += '{';
            levels.push_back({m.content.opened});
        } else {
            out += m.content.raw;
        }
    }
    return out;
}

std::string json_rewrite::print() const {
    std::string out = objects_.front().changed ? print_changed() : std::string(data_);
    if (out.size() > limits::event_bytes_max) {
        throw unfit_member{"data",
                           fmt::format("would have {} bytes; the limit, event_bytes_max, is {}",
                                       out.size(), limits::event_bytes_max)};
    }
    if (may_be_deeper_ && json::check(out)) {
        throw unfit_member{"data", fmt::format("would nest deeper than json_depth_max, {}",
                                               limits::json_depth_max)};
    }
    return out;
}

}  // namespace idem
