// Events as CloudEvents 1.0 in the JSON format (github.com/cloudevents/spec, cloudevents/formats/
// json-format.md), one object a line.
//
//   id                  id; where it is no UUID, version 5 of source and id, and the original is
//                       kept as metadata "sourceid"
//   source              metadata "source"
//   subject             stream; where absent, source is the stream
//   type                type
//   time                time; where absent, that of the append
//   datacontenttype     content_type; where absent, application/json
//   dataschema          metadata "dataschema"
//   data, data_base64   data: with a JSON content type, or where it is no string, the value's own
//                       spelling, else the text of a JSON string
//
// and of the extensions:
//
//   schemaversion       schema_version; where absent, it is not stated
//   tags                tags, joined by commas; a list of strings is read too
//   correlationid, causationid
//                       correlation_id, causation_id
//   datasubject         data_subject
//   erased, sealed      true: the data was erased, or is not here, and there is none
//   position, revision  written, and ignored when read: the store assigns them
//   clock, origin, counter
//                       the stamp: written, and read where events of other stores are taken in;
//                       ignored where events are appended, which get one of the store
//   any other           metadata; strings, numbers and booleans, as their text
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "idem/event.hpp"

namespace idem {

// Throws invalid_input naming the attribute, or the byte where the JSON ends to be well-formed.
event parse_cloudevent(std::string_view line);

// An event of another store, with the stamp that this one printed: its clock and counter are whole
// numbers from 1, or text of the same, and its origin is a UUID. A schema version that is not
// stated is 1, for this store is not to choose one. Throws as parse_cloudevent(); invalid_input,
// too, where the stamp is missing or is none.
recorded_event parse_recorded_cloudevent(std::string_view line);

// One line without its end. Reads back as the same event. `json`: the data as JSON where it is not
// of a JSON content type, as schema_set::to_json() tells it; printed instead of base64.
std::string to_cloudevent(const recorded_event& e,
                          const std::optional<std::string>& json = std::nullopt);
void append_cloudevent(const event_view& e, std::string& out,
                       const std::optional<std::string>& json = std::nullopt);

// RFC 3339 in UTC with as many decimals as needed, and back. Throws invalid_input.
std::string to_string(timestamp time);
timestamp parse_timestamp(std::string_view text);

// JSON helpers for tools that print: a string with quotes and escapes; invalid UTF-8 becomes
// U+FFFD.
std::string to_json_string(std::string_view text);
std::string to_base64(std::string_view bytes);

}  // namespace idem
