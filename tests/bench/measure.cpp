#include "measure.hpp"

#include <fmt/format.h>
#include <fmt/os.h>

namespace bench {

idem::event sample_event(std::uint64_t index, std::uint64_t streams) {
    idem::event e;
    e.stream = fmt::format("stream-{}", index % streams);
    e.type = "Measured";
    e.content_type = "application/octet-stream";
    e.data.resize(payload_bytes);
    std::uint64_t state = index * 0x9e3779b97f4a7c15ULL + 1;
    for (char& c : e.data) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        c = static_cast<char>(state >> 56);
    }
    return e;
}

void print(const std::vector<figure>& figures) {
    fmt::print("{:<58} {:>12} {:>12} {:>7} {:>9}\n", "what", "idem/s", "peer/s", "ratio",
               "at least");
    for (const figure& f : figures) {
        fmt::print("{:<58} {:>12.0f} {:>12.0f} {:>7.2f} {:>9.2f}{}\n", f.what, f.ours, f.peer,
                   f.ratio, f.at_least, f.ratio < f.at_least ? "  MISSED" : "");
    }
}

void write_json(const std::vector<figure>& figures, const std::filesystem::path& file) {
    auto out = fmt::output_file(file.string());
    for (const figure& f : figures) {
        out.print(
            "{{\"what\":\"{}\",\"ours\":{:.1f},\"peer\":{:.1f},\"ratio\":{:.4f},\"at_least\":{}}}"
            "\n",
            f.what, f.ours, f.peer, f.ratio, f.at_least);
    }
}

}  // namespace bench
