#include "index/check.hpp"

#include <fmt/format.h>

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
        for (std::uint32_t i = 0; i < info_.chunks; ++i) {
            const auto bytes = txn_.peek(table_, row_key(info_.number, i));
            if (!bytes) return fmt::format("chunk {} is missing", i);
            const std::string wrong = check_chunk(*bytes);
            if (!wrong.empty()) return fmt::format("chunk {} {}", i, wrong);
            firsts.push_back(chunk_.front());
        }
        if (entries_ != info_.entries()) {
            return fmt::format("has {} entries for {} positions", entries_, info_.entries());
        }
        if (info_.chunks > 1) {
            const auto bytes = txn_.peek(table_, row_key(info_.number, directory_row));
            if (!bytes || *bytes != encode_directory(firsts, info_.first)) {
                return "the directory differs from the chunks";
            }
        }
        return "";
    }

private:
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

}  // namespace

std::vector<fault> check(const storage::transaction& txn, storage::table t,
                         std::size_t faults_max) {
    std::vector<fault> faults;
    for (const run_info& info : read_manifest(txn, t).runs) {
        if (faults.size() >= faults_max) break;
        std::string wrong;
        try {
            wrong = run_checker(txn, t, info).run();
        } catch (const error& e) {
            if (e.code() != errc::corrupt) throw;
            wrong = e.what();
        }
        if (!wrong.empty()) faults.push_back({info.first, info.last, std::move(wrong)});
    }
    return faults;
}

}  // namespace idem::index
