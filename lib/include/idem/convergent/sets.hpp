// Sets and maps from which can be removed what the remover had seen.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "idem/convergent/element.hpp"
#include "idem/convergent/value.hpp"
#include "idem/convergent/version_vector.hpp"

namespace idem {

namespace detail {

// Items in the order of their keys, each at least so many bytes; `read(key)` reads the rest of one.
template <ordered_element Key, class Map, class Read>
void decode_sorted(byte_reader& in, Map& items, Read&& read) {
    constexpr std::size_t item_bytes_min = 3;
    for (std::size_t left = in.count(item_bytes_min); left > 0; --left) {
        Key key = decode_element<Key>(in);
        if (!items.empty() && !(items.rbegin()->first < key)) {
            in.damaged("its elements are not in their order");
        }
        items.emplace_hint(items.end(), std::move(key), read());
    }
}

}  // namespace detail

// A set in which an addition wins over a removal that had not seen it (observed-remove set; Shapiro
// et al. 2011, 3.3.5, with version vectors in the place of tags as Bieniusa et al. 2012 do). The
// event of a removal carries what its writer had seen of the element:
//
//     payload["seen"] = to_string(row.labels.observed(label));                  // the remover
//     row.labels.remove(e.label, idem::version_vector::parse(e.seen));          // the fold
//
// The remover must have read the row in a store, or in a state that took the events of each origin
// in their order. One event may add and remove any number of elements. It may come in any order,
// so a removal is kept: about 18 bytes beside the element for each origin that had added it,
// however often the element comes and goes.
template <ordered_element T>
class or_set {
public:
    void add(const T& value, const event_mark& mark) {
        detail::check_mark(mark);
        elements_[value].add(mark.dot());
    }
    // Of an element that the remover had not seen: nothing.
    void remove(const T& value, const version_vector& seen) {
        if (!seen.empty()) elements_[value].remove(seen);
    }

    bool contains(const T& value) const {
        const auto found = elements_.find(value);
        return found != elements_.end() && found->second.present();
    }
    std::vector<T> elements() const {  // rising
        std::vector<T> all;
        for (const auto& [value, where] : elements_) {
            if (where.present()) all.push_back(value);
        }
        return all;
    }
    // What a remover who reads the set now has seen of the element; empty where it is not in it.
    version_vector observed(const T& value) const {
        const auto found = elements_.find(value);
        return found == elements_.end() ? version_vector{} : found->second.observed();
    }

    void merge(const or_set& other) {
        for (const auto& [value, where] : other.elements_) elements_[value].merge(where);
    }

    void encode(byte_writer& out) const {
        out.kind(value_kind::or_set);
        out.number(elements_.size());
        for (const auto& [value, where] : elements_) {
            detail::encode_element(value, out);
            where.encode(out);
        }
    }
    static or_set decode(byte_reader& in) {
        in.expect(value_kind::or_set);
        or_set s;
        detail::decode_sorted<T>(in, s.elements_, [&in] { return detail::presence::decode(in); });
        return s;
    }
    std::string to_json() const {
        std::string items;
        for (const T& value : elements()) {
            detail::append_item(items, detail::element_to_json(value));
        }
        return "[" + items + "]";
    }

    friend bool operator==(const or_set&, const or_set&) = default;

private:
    std::map<T, detail::presence> elements_;  // none is blank
};

// Convergent values under keys. A key is there as an element of an or_set is: removing it loses to
// an update that the remover had not seen. The key then has all that its value ever took, which is
// kept, for an edit that meets a removal is worth little without what was edited. So a key that is
// removed and used again has its old value: give new things new keys.
template <ordered_element Key, class Value>
class or_map {
public:
    // The value to be updated; from then on the key is there. Valid until the next change of keys.
    Value& update(const Key& key, const event_mark& mark) {
        detail::check_mark(mark);
        entry& e = entries_[key];
        e.where.add(mark.dot());
        return e.value;
    }
    void remove(const Key& key, const version_vector& seen) {
        if (!seen.empty()) entries_[key].where.remove(seen);
    }

    // Null where the key is not there.
    const Value* find(const Key& key) const {
        const auto found = entries_.find(key);
        return found != entries_.end() && found->second.where.present() ? &found->second.value
                                                                        : nullptr;
    }
    std::vector<Key> keys() const {  // rising
        std::vector<Key> all;
        for (const auto& [key, e] : entries_) {
            if (e.where.present()) all.push_back(key);
        }
        return all;
    }
    // What a remover who reads the map now has seen of the key; empty where it is not there.
    version_vector observed(const Key& key) const {
        const auto found = entries_.find(key);
        return found == entries_.end() ? version_vector{} : found->second.where.observed();
    }

    void merge(const or_map& other) {
        for (const auto& [key, theirs] : other.entries_) {
            entry& ours = entries_[key];
            ours.where.merge(theirs.where);
            idem::merge(ours.value, theirs.value);
        }
    }

    void encode(byte_writer& out) const {
        out.kind(value_kind::or_map);
        out.number(entries_.size());
        for (const auto& [key, e] : entries_) {
            detail::encode_element(key, out);
            e.where.encode(out);
            detail::encode_value(e.value, out);
        }
    }
    static or_map decode(byte_reader& in) {
        static_assert(convergent<Value>, "a map's values are convergent, or structs of such");
        in.expect(value_kind::or_map);
        or_map m;
        detail::decode_sorted<Key>(in, m.entries_, [&in] {
            entry e;
            e.where = detail::presence::decode(in);
            e.value = detail::decode_value<Value>(in);
            return e;
        });
        return m;
    }
    // An object; the name of a member is the key as text.
    std::string to_json() const {
        std::string object;
        for (const auto& [key, e] : entries_) {
            if (!e.where.present()) continue;
            detail::append_member(object, detail::key_text(key), idem::to_json(e.value));
        }
        return "{" + object + "}";
    }

    friend bool operator==(const or_map&, const or_map&) = default;

private:
    struct entry {
        detail::presence where;
        Value value = {};

        friend bool operator==(const entry&, const entry&) = default;
    };

    std::map<Key, entry> entries_;  // none is blank
};

}  // namespace idem
