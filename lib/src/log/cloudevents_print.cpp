#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "log/content.hpp"

namespace idem {
namespace {

constexpr std::array<std::string_view, 23> taken_names = {"specversion",   "id",
                                                          "source",        "subject",
                                                          "type",          "time",
                                                          "tags",          "datacontenttype",
                                                          "dataschema",    "schemaversion",
                                                          "correlationid", "causationid",
                                                          "data",          "data_base64",
                                                          "metadata",      "position",
                                                          "revision",      "clock",
                                                          "origin",        "counter",
                                                          "datasubject",   "erased",
                                                          "sealed"};

// Attribute names are lower-case letters and digits (CloudEvents 1.0, "Naming conventions").
bool can_be_attribute(std::string_view name) {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    return std::all_of(name.begin(), name.end(), allowed) &&
           std::find(taken_names.begin(), taken_names.end(), name) == taken_names.end();
}

// Writes members of one object.
class printer {
public:
    explicit printer(std::string& out) : out_(out) { out_.push_back('{'); }

    void text(std::string_view name, std::string_view value) {
        member(name);
        json::append_string(out_, value);
    }
    void number(std::string_view name, std::uint64_t value) {
        member(name);
        out_ += std::to_string(value);
    }
    // A value's own spelling on one line: line ends can only be white space between tokens.
    void raw(std::string_view name, std::string_view value) {
        member(name);
        const std::size_t start = out_.size();
        out_ += value;
        std::replace(out_.begin() + static_cast<std::ptrdiff_t>(start), out_.end(), '\n', ' ');
        std::replace(out_.begin() + static_cast<std::ptrdiff_t>(start), out_.end(), '\r', ' ');
    }
    void end() { out_.push_back('}'); }

private:
    void member(std::string_view name) {
        if (out_.back() != '{') out_.push_back(',');
        json::append_string(out_, name);
        out_.push_back(':');
    }

    std::string& out_;
};

// The same accessors for an event in place and an owned one.
struct owned_access {
    const recorded_event& e;
    const uuid& id() const { return e.id; }
    std::uint64_t position() const { return e.position; }
    std::uint64_t revision() const { return e.revision; }
    std::string_view stream() const { return e.stream; }
    std::string_view type() const { return e.type; }
    std::uint32_t schema_version() const { return e.schema_version; }
    std::string_view content_type() const { return e.content_type; }
    std::string_view data() const { return e.data; }
    timestamp time() const { return e.time.value_or(timestamp()); }
    stamp get_stamp() const { return e.stamp; }
    std::string_view correlation_id() const { return e.correlation_id; }
    std::string_view causation_id() const { return e.causation_id; }
    std::string_view data_subject() const { return e.data_subject; }
    bool erased() const { return e.erased; }
    bool sealed() const { return e.sealed; }
    std::size_t tag_count() const { return e.tags.size(); }
    std::string_view tag(std::size_t i) const { return e.tags[i]; }
    std::size_t metadata_count() const { return e.metadata.size(); }
    std::pair<std::string_view, std::string_view> metadata(std::size_t i) const {
        return e.metadata[i];
    }
};
stamp stamp_of(const event_view& e) {
    return e.stamp();
}
stamp stamp_of(const owned_access& e) {
    return e.get_stamp();
}

// Whether metadata can be attributes and come back in the same order: source, dataschema, then
// names that stand for nothing else, each once.
template <class Event>
bool metadata_fits(const Event& e) {
    std::vector<std::string_view> seen;
    for (std::size_t i = 0; i < e.metadata_count(); ++i) {
        const auto [name, value] = e.metadata(i);
        const bool leads = (name == "source" && i == 0 && !value.empty() && value != "idem") ||
                           (name == "dataschema" && (i == 0 || (i == 1 && seen[0] == "source")));
        if (!leads && !can_be_attribute(name)) return false;
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) return false;
        seen.push_back(name);
    }
    return true;
}

template <class Event>
void print_metadata(printer& p, const Event& e) {
    if (metadata_fits(e)) {
        for (std::size_t i = 0; i < e.metadata_count(); ++i) {
            const auto [name, value] = e.metadata(i);
            if (name != "source") p.text(name, value);
        }
        return;
    }
    std::string pairs = "[";
    for (std::size_t i = 0; i < e.metadata_count(); ++i) {
        const auto [name, value] = e.metadata(i);
        pairs += i == 0 ? "[" : ",[";
        json::append_string(pairs, name);
        pairs += ",";
        json::append_string(pairs, value);
        pairs += "]";
    }
    p.text("metadata", pairs + "]");
}

template <class Event>
void print_data(printer& p, const Event& e, const std::optional<std::string>& json) {
    const std::string_view data = e.data();
    const std::string_view type = e.content_type();
    if (e.erased() || e.sealed()) {
        p.raw(e.erased() ? "erased" : "sealed", "true");
    } else if (json) {
        p.raw("data", *json);
    } else if (is_json_content_type(type)) {
        if (!data.empty()) p.raw("data", data);
    } else if (type.starts_with("text/") && !text::invalid_utf8(data)) {
        p.text("data", data);
    } else {
        p.text("data_base64", text::encode_base64(data));
    }
}

template <class Event>
void print(std::string& out, const Event& e, const std::optional<std::string>& json) {
    printer p(out);
    p.text("specversion", "1.0");
    p.text("id", to_string(e.id()));
    std::string_view source = "idem";
    for (std::size_t i = 0; i < e.metadata_count(); ++i) {
        if (e.metadata(i).first == "source" && !e.metadata(i).second.empty()) {
            source = e.metadata(i).second;
            break;
        }
    }
    p.text("source", source);
    p.text("subject", e.stream());
    p.text("type", e.type());
    p.text("time", to_string(e.time()));
    p.text("datacontenttype", e.content_type());
    p.number("schemaversion", e.schema_version());
    if (e.tag_count() > 0) {
        std::string tags(e.tag(0));
        for (std::size_t i = 1; i < e.tag_count(); ++i) (tags += ",") += e.tag(i);
        p.text("tags", tags);
    }
    if (!e.correlation_id().empty()) p.text("correlationid", e.correlation_id());
    if (!e.causation_id().empty()) p.text("causationid", e.causation_id());
    if (!e.data_subject().empty()) p.text("datasubject", e.data_subject());
    print_metadata(p, e);
    p.number("position", e.position());
    p.number("revision", e.revision());
    const stamp s = stamp_of(e);
    p.number("clock", s.clock);
    p.text("origin", to_string(s.origin));
    p.number("counter", s.counter);
    print_data(p, e, json);
    p.end();
}

}  // namespace

std::string to_cloudevent(const recorded_event& e, const std::optional<std::string>& json) {
    std::string out;
    print(out, owned_access{e}, json);
    return out;
}

void append_cloudevent(const event_view& e, std::string& out,
                       const std::optional<std::string>& json) {
    std::string line;
    print(line, e, json);
    out += line;
}

std::string to_json_string(std::string_view text) {
    std::string out;
    json::append_string(out, text);
    return out;
}

std::string to_base64(std::string_view bytes) {
    return text::encode_base64(bytes);
}

}  // namespace idem
