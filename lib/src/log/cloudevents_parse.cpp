#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "log/content.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(std::string_view attribute, std::string_view why) {
    throw error(errc::invalid_input, fmt::format("attribute '{}' {}", attribute, why),
                {.field = std::string(attribute)});
}

class parser {
public:
    event run(std::string_view line) {
        if (const auto fault = json::check(line)) {
            throw error(errc::invalid_input,
                        fmt::format("not JSON at byte {}: {}", fault->offset, fault->reason));
        }
        if (json::kind_of(line) != json::kind::object) {
            throw error(errc::invalid_input, "not a JSON object; a CloudEvent is one");
        }
        try {
            take_members(line);
        } catch (const error&) {
            // Of other JSON the first odd member is not what is wrong with it.
            if (!has_specversion(line)) refuse_missing("specversion");
            throw;
        }
        complete();
        return std::move(event_);
    }

    // Of the line that was read. It must live still.
    idem::stamp stamp() const {
        idem::stamp read{.clock = count_of("clock"), .counter = count_of("counter")};
        const auto origin = uuid::parse(stamp_text("origin"));
        if (!origin || origin->is_nil()) refuse("origin", "is not the UUID of an origin");
        read.origin = *origin;
        return read;
    }

private:
    static constexpr std::size_t attributes_max = 128;  // all metadata and more

    void take_members(std::string_view line) {
        seen_.reserve(20);
        json::each_member(
            line, [this](std::string_view name, json::kind type, std::string_view raw) {
                if (seen(name)) refuse(name, "is given twice");
                if (seen_.size() == attributes_max) {
                    refuse(name,
                           fmt::format("is one too many: an event has at most {}", attributes_max));
                }
                seen_.emplace_back(name);
                if (type != json::kind::null || name == "data") take(name, type, raw);
            });
    }

    static bool has_specversion(std::string_view line) {
        bool found = false;
        json::each_member(line, [&found](std::string_view name, json::kind, std::string_view) {
            found = found || name == "specversion";
        });
        return found;
    }

    [[noreturn]] static void refuse_missing(std::string_view name) {
        if (name == "specversion") {
            refuse(name,
                   "is missing: this is no CloudEvent; one has specversion 1.0, id, source and "
                   "type");
        }
        refuse(name, "is missing: a CloudEvent has specversion, id, source and type");
    }

    bool seen(std::string_view name) const {
        return std::find(seen_.begin(), seen_.end(), name) != seen_.end();
    }

    void take(std::string_view name, json::kind type, std::string_view raw) {
        if (name == "data") {
            data_ = raw;
            data_kind_ = type;
        } else if (name == "tags") {
            take_tags(type, raw);
        } else if (name == "position" || name == "revision") {
            return;  // of the store it was exported from; this one assigns its own
        } else if (name == "clock" || name == "origin" || name == "counter") {
            stamp_.push_back(
                {std::string(name), type, raw});  // looked at only where it is asked for
        } else if (type == json::kind::boolean && (name == "erased" || name == "sealed")) {
            (name == "erased" ? event_.erased : event_.sealed) = raw == "true";
        } else if (name == "schemaversion") {
            take_schema_version(type, raw);
        } else {
            take_text(name, text_of(name, type, raw));
        }
    }

    void take_text(std::string_view name, std::string text) {
        if (name == "specversion") {
            if (text != "1.0")
                refuse(name, fmt::format("is {}; this reads 1.0", text::shown(text)));
        } else if (name == "id") {
            id_ = std::move(text);
        } else if (name == "source") {
            source_ = text;
            if (text != "idem") event_.metadata.emplace_back(name, std::move(text));
        } else if (name == "subject") {
            event_.stream = std::move(text);
        } else if (name == "type") {
            event_.type = std::move(text);
        } else if (name == "time") {
            try {
                event_.time = parse_timestamp(text);
            } catch (const error& fault) {
                refuse(name, fmt::format("is no time: {}", fault.what()));
            }
        } else if (name == "datacontenttype") {
            event_.content_type = std::move(text);
        } else if (name == "correlationid") {
            event_.correlation_id = std::move(text);
        } else if (name == "datasubject") {
            event_.data_subject = std::move(text);
        } else if (name == "causationid") {
            event_.causation_id = std::move(text);
        } else if (name == "data_base64") {
            auto bytes = text::decode_base64(text);
            if (!bytes) refuse(name, "is not base64");
            event_.data = std::move(*bytes);
            base64_ = true;
        } else if (name == "metadata") {
            take_metadata(text);
        } else {
            event_.metadata.emplace_back(name, std::move(text));
        }
    }

    static std::string text_of(std::string_view name, json::kind type, std::string_view raw) {
        switch (type) {
            case json::kind::string:
                return json::decode_string(raw);
            case json::kind::number:
            case json::kind::boolean:
                return std::string(raw);
            default:
                refuse(name, "is neither a string, a number nor a boolean");
        }
    }

    std::string stamp_text(std::string_view name) const {
        for (const auto& part : stamp_) {
            if (part.name == name) return text_of(name, part.type, part.raw);
        }
        refuse(name,
               "is missing: an event of another store brings its stamp, which is clock, origin and "
               "counter as that store prints them; one without a stamp is to be appended");
    }

    std::uint64_t count_of(std::string_view name) const {
        const std::string text = stamp_text(name);
        std::uint64_t number = 0;
        const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (fault != std::errc() || end != text.data() + text.size() || number == 0) {
            refuse(name, "is not a whole number from 1 to 2^64 - 1");
        }
        return number;
    }

    void take_schema_version(json::kind type, std::string_view raw) {
        const std::string text = text_of("schemaversion", type, raw);
        const auto [end, fault] =
            std::from_chars(text.data(), text.data() + text.size(), event_.schema_version);
        if (fault != std::errc() || end != text.data() + text.size() ||
            event_.schema_version == 0) {
            refuse("schemaversion", "is not a whole number from 1 to 4294967295");
        }
    }

    void take_tags(json::kind type, std::string_view raw) {
        if (type == json::kind::array) {
            json::each_item(raw, [this](json::kind item, std::string_view text) {
                if (item == json::kind::object || item == json::kind::array ||
                    item == json::kind::null) {
                    refuse("tags", "is a list with something in it that is no string");
                }
                event_.tags.push_back(text_of("tags", item, text));
            });
            return;
        }
        if (type == json::kind::object) {
            refuse("tags", "is neither a list of strings nor a string with commas between them");
        }
        const std::string text = text_of("tags", type, raw);
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = std::min(text.find(',', at), text.size());
            event_.tags.push_back(text.substr(at, end - at));
            at = end + 1;
        }
    }

    // What to_cloudevent() wrote because it could not be attributes: a list of pairs. It is all
    // metadata.
    void take_metadata(std::string_view text) {
        const auto bad = [] { refuse("metadata", "is not a JSON list of [name, value] pairs"); };
        if (json::check(text) || json::kind_of(text) != json::kind::array) bad();
        std::vector<std::pair<std::string, std::string>> pairs;
        json::each_item(text, [&](json::kind type, std::string_view raw) {
            if (type != json::kind::array) bad();
            std::vector<std::string> pair;
            json::each_item(raw, [&](json::kind item, std::string_view part) {
                if (item != json::kind::string) bad();
                pair.push_back(json::decode_string(part));
            });
            if (pair.size() != 2) bad();
            pairs.emplace_back(std::move(pair[0]), std::move(pair[1]));
        });
        all_metadata_ = std::move(pairs);
    }

    void complete() {
        for (const char* required : {"specversion", "id", "source", "type"}) {
            if (!seen(required)) refuse_missing(required);
        }
        if (id_.empty()) refuse("id", "is empty");
        if (source_.empty()) refuse("source", "is empty");
        if (event_.type.empty()) refuse("type", "is empty");
        if (!seen("subject") || event_.stream.empty()) event_.stream = source_;
        if (const auto id = uuid::parse(id_)) {
            event_.id = *id;
        } else {
            event_.id = make_uuid_from_source(source_, id_);
            event_.metadata.emplace_back("sourceid", id_);
        }
        if (all_metadata_) event_.metadata = std::move(*all_metadata_);
        complete_data();
    }

    void complete_data() {
        if (!data_) return;
        if (base64_) refuse("data_base64", "stands beside 'data'; an event has one of them");
        if (is_json_content_type(event_.content_type) || data_kind_ != json::kind::string) {
            event_.data = *data_;
        } else {
            event_.data = json::decode_string(*data_);
        }
    }

    event event_{.id = uuid::nil(), .schema_version = 0};
    struct member {
        std::string name;
        json::kind type;
        std::string_view raw;
    };
    std::vector<member> stamp_;
    std::vector<std::string> seen_;
    std::string id_;
    std::string source_;
    std::optional<std::string_view> data_;
    json::kind data_kind_ = json::kind::null;
    bool base64_ = false;
    std::optional<std::vector<std::pair<std::string, std::string>>> all_metadata_;
};

}  // namespace

event parse_cloudevent(std::string_view line) {
    return parser().run(line);
}

recorded_event parse_recorded_cloudevent(std::string_view line) {
    parser reading;
    recorded_event e;
    static_cast<event&>(e) = reading.run(line);
    if (e.schema_version == 0) e.schema_version = 1;
    e.stamp = reading.stamp();
    return e;
}

}  // namespace idem
