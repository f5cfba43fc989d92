// Notes that people edit on several devices while apart: what an edit is, and what notes become of
// all edits, in whatever order these come.
#pragma once

#include <idem/convergent.hpp>
#include <idem/keyed_fold.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>

namespace notes {

struct note {
    idem::lww_register<std::string> title;  // of two titles the later stands
    idem::mv_register<std::string> body;    // of two texts both stand, until somebody settles it
    idem::or_set<std::string> tags;         // added here and removed there: it stays
    idem::pn_counter likes;

    static constexpr auto members() {
        return std::tuple(idem::field("title", &note::title), idem::field("body", &note::body),
                          idem::field("tags", &note::tags), idem::field("likes", &note::likes));
    }
    friend bool operator==(const note&, const note&) = default;
};

// ---- edits: each is an event. Where it depends on what its writer has read, it says so in `seen`.

inline idem::event edit(const std::string& name, const char* type, const nlohmann::json& data) {
    idem::event e;
    e.stream = name;
    e.type = type;
    e.data = data.dump();
    return e;
}
inline idem::event give_title(const std::string& name, const std::string& title) {
    return edit(name, "Titled", {{"title", title}});
}
inline idem::event write(const std::string& name, const note& read, const std::string& body) {
    return edit(name, "Written", {{"body", body}, {"seen", to_string(read.body.observed())}});
}
inline idem::event add_tag(const std::string& name, const std::string& tag) {
    return edit(name, "Tagged", {{"tag", tag}});
}
inline idem::event remove_tag(const std::string& name, const note& read, const std::string& tag) {
    return edit(name, "Untagged", {{"tag", tag}, {"seen", to_string(read.tags.observed(tag))}});
}
inline idem::event like(const std::string& name, int step) {  // 1, or -1 to take it back
    return edit(name, "Liked", {{"step", step}});
}

// ---- and what becomes of them

inline std::string member(const nlohmann::json& data, const char* name) {
    return data.at(name).get<std::string>();
}

// An edit of a note: it touches the row of that note, and `change(row, data, event)` says how.
template <class Change>
auto row_change(Change change) {
    return [change](note row, const idem::event_view& e) {
        change(row, nlohmann::json::parse(e.data()), e);
        return row;
    };
}

inline std::string name_of(const idem::event_view& e) {
    return std::string(e.stream());
}

inline const auto all =
    idem::keyed_fold<std::string, note>("notes")
        .on("Titled", name_of, row_change([](note& row, const auto& data, const auto& e) {
                row.title.set(member(data, "title"), idem::at(e));
            }))
        .on("Written", name_of, row_change([](note& row, const auto& data, const auto& e) {
                row.body.set(member(data, "body"), idem::at(e),
                             idem::version_vector::parse(member(data, "seen")));
            }))
        .on("Tagged", name_of, row_change([](note& row, const auto& data, const auto& e) {
                row.tags.add(member(data, "tag"), idem::at(e));
            }))
        .on("Untagged", name_of, row_change([](note& row, const auto& data, const auto&) {
                row.tags.remove(member(data, "tag"),
                                idem::version_vector::parse(member(data, "seen")));
            }))
        .on("Liked", name_of, row_change([](note& row, const auto& data, const auto& e) {
                row.likes.add(data.at("step").template get<int>(), idem::at(e));
            }))
        .canonical();  // an edit that was appended on two devices is folded by one stamp everywhere

}  // namespace notes
