// Erasing the data of events and of data subjects, and bringing a subject back.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/erasure.hpp"
#include "idem/event.hpp"
#include "log/reader.hpp"
#include "log/subjects.hpp"

namespace idem {

// Of an open store, which it refers to. Any thread.
class eraser {
public:
    using append_event = std::function<append_result(const event&)>;
    eraser(storage::environment& env, const log_tables& tables, const log_reader& reader)
        : env_(env), subjects_(*tables.subjects), reader_(reader) {}

    erasure erase(const uuid& id, const append_event& append) const;
    erasure erase_subject(std::string_view name, const append_event& append) const;
    bool readmit_subject(std::string_view name, const append_event& append) const;
    std::vector<subject_info> subjects() const;
    bool keys_missing() const;

private:
    erasure record(const erasure_statement& statement, const append_event& append) const;
    erasure destroyed(const erasure_statement& statement, erasure done) const;
    void clear_copies() const;
    subject_erasure_row erasure_of(std::string_view subject) const;
    std::vector<uuid> open_erasures(std::string_view subject) const;

    storage::environment& env_;
    subject_store& subjects_;
    const log_reader& reader_;
};

}  // namespace idem
