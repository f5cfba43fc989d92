#include "index/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "index/chunk.hpp"
#include "index/run.hpp"

namespace idem::index {
namespace {

class run_checker {
public:
    run_checker(const storage::transaction& txn, storage::table t, const run_info& info)
        : txn_(txn), table_(t), info_(info), seen_(info.entries()) {}

    // What is wrong; empty: nothing.
    std::string run() {
        std::vector<entry> firsts;
        std::string wrong = check_chunks(firsts);
        if (!wrong.empty()) return wrong;
        if (entries_ != info_.entries()) {
            return fmt::format("has {} entries for {} positions", entries_, info_.entries());
        }
        const auto directory = txn_.peek(table_, row_key(info_.number, directory_row));
        const bool fits = directory && *directory == encode_directory(firsts, info_.first);
        return info_.chunks == 1 || fits ? "" : differing_directory;
    }

    // Of a merge under way: its full chunks so far, and a directory of those that were checked.
    std::string merge(std::uint32_t chunk_entries) {
        std::vector<entry> firsts;
        std::string wrong = check_chunks(firsts);
        if (!wrong.empty()) return wrong;
        const std::uint64_t expected =
            std::min<std::uint64_t>(info_.entries(), std::uint64_t{info_.chunks} * chunk_entries);
        if (entries_ != expected) {
            return fmt::format("has {} entries in {} chunks", entries_, info_.chunks);
        }
        const auto directory = txn_.peek(table_, row_key(info_.number, directory_row));
        if (!directory) return "";
        const auto listed = decode_directory(*directory, info_.first);
        const bool fits = listed && listed->size() <= firsts.size() &&
                          std::equal(listed->begin(), listed->end(), firsts.begin());
        return fits ? "" : differing_directory;
    }

private:
    static constexpr const char* differing_directory = "the directory differs from the chunks";

    std::string check_chunks(std::vector<entry>& firsts) {
        for (std::uint32_t i = 0; i < info_.chunks; ++i) {
            const auto bytes = txn_.peek(table_, row_key(info_.number, i));
            if (!bytes) return fmt::format("chunk {} is missing", i);
            const std::string wrong = check_chunk(*bytes);
            if (!wrong.empty()) return fmt::format("chunk {} {}", i, wrong);
            firsts.push_back(chunk_.front());
        }
        return "";
    }

    // A chunk is a function of its entries: made again, it has the same bytes, filter and all.
    std::string check_chunk(std::string_view bytes) {
        const chunk_view view(bytes);
        chunk_.clear();
        for (std::uint32_t i = 0; i < view.size(); ++i) {
            const entry e{view.key(i), info_.first + view.offset(i)};
            if (e.position > info_.last || seen_[view.offset(i)]) {
                return fmt::format("has an entry too many, of position {}", e.position);
            }
            if (e < last_) return "is out of order";
            seen_[view.offset(i)] = true;
            last_ = e;
            chunk_.push_back(e);
        }
        entries_ += view.size();
        encode_chunk(again_, chunk_, info_.first);
        return again_ == bytes ? "" : "does not match its checksum or its filter";
    }

    const storage::transaction& txn_;
    const storage::table table_;
    const run_info info_;
    std::vector<bool> seen_;  // by offset
    std::uint64_t entries_ = 0;
    entry last_;
    std::vector<entry> chunk_;
    std::string again_;
};

// What `look` says is wrong; damage that ends it is wrong too.
template <class Look>
std::string wrong_by(Look&& look) {
    try {
        return look();
    } catch (const error& e) {
        if (e.code() != errc::corrupt) throw;
        return e.what();
    }
}

}  // namespace

std::vector<fault> check(const storage::transaction& txn, storage::table t,
                         std::size_t faults_max) {
    std::vector<fault> faults;
    const manifest m = read_manifest(txn, t);
    const auto note = [&](const run_info& info, std::string wrong, bool of_merge) {
        if (wrong.empty() || faults.size() >= faults_max) return;
        faults.push_back({info.first, info.last, std::move(wrong), of_merge});
    };
    for (const run_info& info : m.runs) {
        if (faults.size() >= faults_max) break;
        note(info, wrong_by([&] { return run_checker(txn, t, info).run(); }), false);
    }
    for (const run_info& info : m.merges) {
        if (faults.size() >= faults_max) break;
        note(info, wrong_by([&] { return run_checker(txn, t, info).merge(m.chunk_entries); }),
             true);
    }
    return faults;
}

}  // namespace idem::index
