// JSON data with some of its members changed, and the spelling of all others kept.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "schema/json_path.hpp"

namespace idem {

// What stands in the way of an operation.
struct unfit_member {
    std::string place;  // "data.owner.name"
    std::string why;    // "is a list where it must be text"
};

// An object over its text, which must outlive this. Only objects that a path leads through are
// taken apart; the rest is carried over byte by byte. One thread. After a throw, throw it away.
//
// Every function that takes a path throws unfit_member where the path leads through something that
// is no object, or through a name that its object has twice.
class json_rewrite {
    struct object;

public:
    struct value {
        json::kind kind = json::kind::null;
        std::string_view raw = "null";
        object* opened = nullptr;  // the same, taken apart
    };
    // Of a member. Holds until the next put.
    struct place {
        object* holder = nullptr;  // nullptr: it is absent
        std::size_t index = 0;

        explicit operator bool() const noexcept { return holder != nullptr; }
    };

    explicit json_rewrite(std::string_view data);  // checked JSON, an object
    json_rewrite(const json_rewrite&) = delete;
    json_rewrite& operator=(const json_rewrite&) = delete;

    // Nothing lies within null, so a member of it is absent.
    place find(const json_path& path);
    const value& at(const place& where) const;
    void set(const place& where, value made);
    value take(const place& where);  // removes it

    // Adds the member, and the objects around it that are absent. It comes to stand where `near`
    // was taken from or last put, if that is in the same object, else at the end. Returns the place
    // to put its neighbour near to. Throws unfit_member where there is one, or where null is in the
    // way.
    place put(const json_path& path, value made, place near);
    // Adds the member at the end of its object, unless it is there or its object is not.
    void put_if_absent(const json_path& path, value made);

    value make_text(std::string_view decoded);
    value make_number(std::string spelled);

    // The data as it is now; the very bytes that were given where nothing has changed. Throws
    // unfit_member where it is larger or nests deeper than the data of an event may.
    std::string print() const;

private:
    struct member {
        std::string_view name;     // decoded
        std::string_view spelled;  // with quotes and escapes
        value content;
        bool gone = false;  // a gap, so that the places of the others hold
    };
    struct object {
        object* parent = nullptr;
        std::vector<member> members;
        bool changed = false;  // it, or an object within; then all around it are marked too

        void mark() noexcept;
    };

    void take_apart(object& into, std::string_view raw);
    object& open(value& of, object& holder);
    object* holder_of(const json_path& path);
    static std::optional<std::size_t> index_of(const object& holder, const json_path& path,
                                               std::size_t depth);
    place insert(object& holder, const json_path& path, std::size_t depth, value made, place near);
    std::string_view keep(std::string text);
    std::string print_changed() const;

    std::string_view data_;
    std::deque<object> objects_;  // the first is the data itself; addresses hold
    std::deque<std::string> kept_;
    bool may_be_deeper_ = false;
};

}  // namespace idem
