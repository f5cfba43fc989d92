// Lists of texts through a pipe: "COUNT;" and, for each text, "BYTES:text".
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace idem::cli {

std::string encode_record(const std::vector<std::string>& fields);

// Takes bytes as they come, gives records as they are whole. What its writer left half-written when
// it died is never given.
class record_decoder {
public:
    void feed(std::string_view bytes) { buffer_ += bytes; }
    std::optional<std::vector<std::string>> next();

private:
    std::string buffer_;
};

}  // namespace idem::cli
