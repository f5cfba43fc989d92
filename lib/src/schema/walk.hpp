// Walks a payload by its schema, verifying as it goes: nothing is read before its place was
// checked. No recursion, and a bound on all that a payload comes to when shared parts are counted
// each time they are met.
#pragma once

#include <string_view>

#include "schema/model.hpp"

namespace idem {

// Is told of every value, in the order of the fields.
class payload_sink {
public:
    virtual void begin_object() {}
    virtual void end_object() {}
    virtual void begin_list() {}
    virtual void end_list() {}
    virtual void member(const schema_field&) {}
    virtual void absent(const schema_field&) {}
    virtual void text(std::string_view) {}
    // `bytes` may be misaligned. Not told of any where reads_scalars() is false.
    virtual void scalar(const field_type&, base_type, const char* bytes) { (void)bytes; }
    virtual bool reads_scalars() const noexcept { return false; }
    virtual std::size_t bytes() const noexcept { return 0; }  // that it has printed

protected:
    ~payload_sink() = default;
};

struct walk_options {
    std::string_view name = "data";  // of the root, in messages
    bool skip_unknown = false;  // fields that the schema does not know, rather than refuse them
    std::size_t steps_max = schema_limits::payload_steps_max;
};

// Throws invalid_input that names the field.
void walk_payload(const schema::model& model, const schema_object& root, std::string_view payload,
                  payload_sink& sink, const walk_options& options = {});

}  // namespace idem
