// Upcasters: what events of older schema versions become when they are read. The log is never
// rewritten; a projection that reads version 3 of a type is given an event of version 1 as the
// upcasters from 1 and from 2 leave it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace idem {

// Pure functions by type and version, each from one version to the next. A value. Upcasters written
// in JSON are not here: the store keeps them (store::add_schema). A step that only adds optional
// fields to a registered schema needs none.
class upcasters {
public:
    // From the data of an event to that of the next version, in the same form: FlatBuffers stays
    // FlatBuffers, JSON stays JSON. `data` starts at a multiple of 8. What is returned may live
    // until the next call on the same thread. May be called from several threads at once. Throws
    // what it likes where the data is not what it takes: the reader stops before that event.
    // upcast_from() of flatbuffers.hpp makes one of a function on typed tables.
    using function = std::function<std::string_view(std::string_view data)>;

    // Throws invalid_input where the type has one from that version, or versions start at 0.
    upcasters add(std::string type, std::uint32_t from, function f) &&;

    const function* find(std::string_view type, std::uint32_t from) const noexcept;
    bool empty() const noexcept { return steps_.empty(); }

private:
    std::map<std::string, std::map<std::uint32_t, function>, std::less<>> steps_;
};

}  // namespace idem
