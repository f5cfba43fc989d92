// Convergent values as rows of a projection: the example of lib/EMBEDDING.md, at work.
#include <doctest/doctest.h>

#include <algorithm>

#include "base/json_object.hpp"
#include "idem/convergent.hpp"
#include "idem/store.hpp"
#include "scratch_folder.hpp"

namespace {

struct note {
    idem::lww_register<std::string> title;
    idem::or_set<std::string> labels;
    idem::pn_counter likes;

    static constexpr auto members() {
        return std::tuple(idem::field("title", &note::title), idem::field("labels", &note::labels),
                          idem::field("likes", &note::likes));
    }
    friend bool operator==(const note&, const note&) = default;
};

std::string member(const idem::event_view& e, std::string_view name) {
    return idem::json::object_reader(e.data()).text(name).value_or("");
}

std::string stream_of(const idem::event_view& e) {
    return std::string(e.stream());
}

note titled(note row, const idem::event_view& e) {
    row.title.set(member(e, "text"), idem::at(e));
    return row;
}
note labelled(note row, const idem::event_view& e) {
    row.labels.add(member(e, "label"), idem::at(e));
    return row;
}
note unlabelled(note row, const idem::event_view& e) {
    row.labels.remove(member(e, "label"), idem::version_vector::parse(member(e, "seen")));
    return row;
}
note liked(note row, const idem::event_view& e) {
    row.likes.add(1, idem::at(e));
    return row;
}

const auto notes = idem::keyed_fold<std::string, note>("notes")
                       .on("Titled", stream_of, titled)
                       .on("Labelled", stream_of, labelled)
                       .on("Unlabelled", stream_of, unlabelled)
                       .on("Liked", stream_of, liked);

idem::event event_of(const char* type, const std::string& data, const std::string& stream = "n") {
    idem::event e;
    e.stream = stream;
    e.type = type;
    e.data = data;
    return e;
}

idem::event unlabel(const idem::store& store, const std::string& label) {
    const note row = store.state(notes).find("n").row.value();
    return event_of("Unlabelled", idem::json::object_writer()
                                      .text("label", label)
                                      .text("seen", to_string(row.labels.observed(label)))
                                      .str());
}

}  // namespace

TEST_CASE("a projection of convergent rows is kept, printed, replayed, and folds in any order") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem", {.replay_threads = 2});
    store.run(notes, idem::projection_mode::inline_);
    store.append({event_of("Titled", R"({"text":"one"})"), event_of("Liked", "{}"),
                  event_of("Labelled", R"({"label":"red"})"),
                  event_of("Labelled", R"({"label":"blue"})"), event_of("Liked", "{}", "other")});
    const idem::event removal = unlabel(store, "red");
    store.append({event_of("Titled", R"({"text":"two"})"), event_of("Liked", "{}"), removal});

    const auto kept = store.state(notes);
    const note row = kept.find("n").row.value();
    CHECK(row.title.value() == "two");
    CHECK(row.labels.elements() == std::vector<std::string>{"blue"});
    CHECK(row.likes.value() == 2);
    const auto raw = store.state("notes");
    std::string bytes;
    idem::row_codec<note>::encode(row, bytes);
    CHECK(raw.row_to_json(bytes) == R"({"title":"two","labels":["blue"],"likes":2})");
    CHECK(store.replay(idem::projection(notes)).digest() == raw.digest());

    // The same events backwards, each twice, and then merged with the row.
    note backwards;
    const idem::query newest_first{.stream = "n", .direction = idem::direction::backwards};
    store.read(newest_first, [&](const idem::event_view& e) {
        for (int repeat = 0; repeat < 2; ++repeat) {
            if (e.type() == "Titled") backwards = titled(backwards, e);
            if (e.type() == "Labelled") backwards = labelled(backwards, e);
            if (e.type() == "Unlabelled") backwards = unlabelled(backwards, e);
            if (e.type() == "Liked") backwards = liked(backwards, e);
        }
    });
    CHECK(backwards == row);
    idem::merge(backwards, row);
    CHECK(backwards == row);
    CHECK(idem::at(*store.at(1)).counter == store.at(1)->stamp.counter);
}
