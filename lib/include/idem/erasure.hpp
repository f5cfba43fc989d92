// Erasing the data of a person from a log that never forgets.
//
// The data of an event with a data_subject is stored sealed (XChaCha20-Poly1305). Its key is
// derived from two secrets that lie in a file beside the log, `subjects.keys`: one of the subject,
// one of the event. To erase is to overwrite one of them. Id, position and all other fields stay,
// so that a redelivery is answered `erased`, whatever its content.
#pragma once

#include <cstdint>
#include <string>

namespace idem {

// What an erasure was recorded as, in the reserved stream "$erasures": idem.EventErased or
// idem.SubjectErased, which travels with exports, backups and copies.
struct erasure {
    std::uint64_t position = 0;  // of that event
    bool repeated = false;       // it had been erased before
    std::uint64_t events = 0;  // whose data is gone, now or since before; 0: none names the subject

    friend bool operator==(const erasure&, const erasure&) = default;
};

// The events of a data subject; none of one that was erased before anything of it had come.
struct subject_info {
    std::string name;
    std::uint64_t events = 0;
    std::uint64_t erased = 0;  // of them, those whose data was erased
    std::uint64_t sealed = 0;  // those whose key is not in this copy of the store
    bool is_erased = false;    // new events are refused

    friend bool operator==(const subject_info&, const subject_info&) = default;
};

struct backup_options {
    bool with_keys = false;  // without them the copy cannot show the data of any data subject
};

}  // namespace idem
