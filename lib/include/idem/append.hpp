// What an append asks and what it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/convergent/version_vector.hpp"
#include "idem/uuid.hpp"

namespace idem {

enum class outcome : std::uint8_t {
    appended,           // the id was new; the event is on disk
    duplicate,          // the id is known with the same content; the receipt is the original one
    id_conflict,        // the id is known with other content
    wrong_revision,     // the stream does not stand where the caller expected it
    partial_duplicate,  // an all-or-nothing batch holds known and new ids
    condition_failed,   // an event or a row stands against the append condition
    erased,             // the id is known, and its data was erased since; or the event is new, and
                        // one that was erased, or of a subject that was
};

// "appended", "duplicate", and so on.
std::string_view to_string(outcome value) noexcept;

// Where the caller believes the stream to stand. Anything but `any` makes the batch all-or-nothing
// and bound to one stream.
class expected_revision {
public:
    static constexpr expected_revision any() noexcept { return {kind::any, 0}; }
    static constexpr expected_revision no_stream() noexcept { return {kind::no_stream, 0}; }
    static constexpr expected_revision stream_exists() noexcept { return {kind::stream_exists, 0}; }
    static constexpr expected_revision exactly(std::uint64_t last) noexcept {
        return {kind::exactly, last};
    }

    constexpr bool is_any() const noexcept { return kind_ == kind::any; }
    bool holds_for(std::optional<std::uint64_t> actual) const noexcept;

    friend constexpr bool operator==(expected_revision, expected_revision) = default;
    friend std::string to_string(expected_revision expected);

private:
    enum class kind : std::uint8_t { any, no_stream, stream_exists, exactly };
    constexpr expected_revision(kind k, std::uint64_t last) noexcept : kind_(k), last_(last) {}
    kind kind_;
    std::uint64_t last_;
};

// The answer for one event. For `duplicate` position and revision are those of the first append.
struct receipt {
    uuid id = {};
    idem::outcome outcome = outcome::appended;
    std::uint64_t position = 0;
    std::uint64_t revision = 0;

    friend bool operator==(const receipt&, const receipt&) = default;
};

// Why a batch was rejected. Nothing of it was written.
struct rejection {
    idem::outcome outcome = outcome::id_conflict;
    std::size_t index = 0;      // of the event that decided, within the batch
    std::string field = {};     // id_conflict: the first field that differs; erased: data_subject
                                // where that was erased
    std::string stream = {};    // wrong_revision: of it
    std::string expected = {};  // wrong_revision: as asked
    // wrong_revision: the last revision; absent: no such stream
    std::optional<std::uint64_t> actual = {};
    std::vector<receipt> known = {};  // id_conflict, erased: the original, if it is in the log;
                                      // partial_duplicate: the originals of every known id
    // condition_failed: the newest event that matches; absent: the row of this projection and key
    // is another.
    std::optional<std::uint64_t> match = {};
    std::string projection = {};
    std::string key = {};  // encoded; erased: the data subject
    std::string message() const;
};

// Either every event has a receipt, in the order of the batch, or the batch was rejected.
struct append_result {
    std::vector<receipt> receipts = {};
    std::optional<idem::rejection> rejection = {};
    // Covers every event that has a receipt. A store whose frontier covers this one has them all:
    // see replica::wait_for().
    version_vector frontier = {};

    bool accepted() const noexcept { return !rejection; }
    // The batch in one word: the rejection's outcome; else `appended` if anything is new; else
    // `duplicate`. An empty batch is `duplicate`: nothing was written.
    idem::outcome outcome() const noexcept;
};

}  // namespace idem
