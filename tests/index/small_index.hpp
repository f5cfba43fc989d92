// The whole index over small chunks, so that a few thousand entries reach several levels, with what
// it should hold beside it.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "index/check.hpp"
#include "index/upkeep.hpp"
#include "index/view.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

class small_index {
public:
    using chains = idem::index::chains;
    using fingerprint = idem::index::fingerprint;
    using tail = idem::index::tail;
    using search_order = idem::index::search_order;
    using view = idem::index::view;
    static constexpr std::uint32_t chunk_entries = 64;

    explicit small_index(std::uint32_t phase)
        : env_(idem::storage::environment::scratch(folder_.path())) {
        idem::storage::write(*env_, [&](auto& txn) {
            table_ = txn.open_table("index", idem::storage::key_order::integer);
            idem::index::create(txn, table_, 7, chunk_entries, phase);
        });
        const idem::storage::read_transaction txn(*env_);
        recent_ = std::make_unique<tail>(idem::index::read_manifest(txn, table_));
    }

    void append(const std::vector<fingerprint>& keys) {
        chains added;
        for (const fingerprint key : keys) added.push(key);
        idem::storage::write(*env_, [&](auto& txn) {
            auto m = idem::index::read_manifest(txn, table_);
            idem::index::keep_up(txn, table_, m, *recent_, added, all_.size(),
                                 all_.size() + keys.size());
        });
        recent_->add(all_.size() + 1, keys);
        recent_->drop_old();
        all_.insert(all_.end(), keys.begin(), keys.end());
    }

    idem::index::read_fingerprints from_log() const {
        return [this](std::uint64_t above, std::uint64_t up_to) {
            return std::vector<fingerprint>(all_.begin() + static_cast<std::ptrdiff_t>(above),
                                            all_.begin() + static_cast<std::ptrdiff_t>(up_to));
        };
    }

    // Every answer for every key that is there, and for some that are not.
    void check(std::mt19937_64& random) const {
        const idem::storage::read_transaction txn(*env_);
        const view known(txn, table_, *recent_, all_.size(), from_log());
        check_view(known, all_.size(), random);
        CHECK(idem::index::check(txn, table_, 10).empty());
    }

    void check_view(const view& known, std::uint64_t head, std::mt19937_64& random) const {
        std::map<fingerprint, std::vector<std::uint64_t>> expected;
        for (std::uint64_t p = 1; p <= head; ++p) expected[all_[p - 1]].push_back(p);
        std::vector<fingerprint> keys;
        for (const auto& [key, positions] : expected) keys.push_back(key);
        const std::size_t there = keys.size();
        for (int i = 0; i < 50; ++i) keys.push_back(random());

        std::vector<char> done(keys.size());
        std::map<fingerprint, std::vector<std::uint64_t>> newest_first;
        std::map<fingerprint, std::set<std::uint64_t>> any_order;
        const auto search = [&](search_order order, const auto& take) {
            known.search(
                keys, done,
                [&](std::size_t i, std::uint64_t position) {
                    take(keys[i], position);
                    return false;
                },
                order);
        };
        search(search_order::newest_first,
               [&](fingerprint key, std::uint64_t p) { newest_first[key].push_back(p); });
        search(search_order::likeliest_first,
               [&](fingerprint key, std::uint64_t p) { any_order[key].insert(p); });
        CHECK(newest_first.size() == there);
        CHECK(any_order.size() == there);
        const auto first_found = [&](std::size_t i, std::uint64_t p) {
            return newest_first[keys[i]].back() == p;
        };
        known.search(keys, done, first_found, search_order::likeliest_first);
        CHECK(std::count(done.begin(), done.end(), 1) == static_cast<std::ptrdiff_t>(there));
        std::size_t wrong = 0;
        for (const auto& [key, positions] : expected) {
            auto reversed = positions;
            std::reverse(reversed.begin(), reversed.end());
            if (newest_first[key] != reversed) ++wrong;
            if (!std::equal(positions.begin(), positions.end(), any_order[key].begin(),
                            any_order[key].end())) {
                ++wrong;
            }
            const std::uint64_t from = 1 + random() % head;
            std::vector<std::uint64_t> up;
            known.forwards(key, from, [&](std::uint64_t p) {
                up.push_back(p);
                return true;
            });
            const auto at = std::lower_bound(positions.begin(), positions.end(), from);
            if (!std::equal(up.begin(), up.end(), at, positions.end())) ++wrong;
            std::optional<std::uint64_t> below;
            known.backwards(key, from, [&](std::uint64_t p) {
                below = p;
                return false;
            });
            const auto above = std::upper_bound(positions.begin(), positions.end(), from);
            const auto last =
                above == positions.begin() ? std::nullopt : std::optional(*std::prev(above));
            if (below != last) ++wrong;
        }
        CHECK(wrong == 0);

        auto next = expected.begin();
        known.each_key(0, [&](fingerprint key, std::uint64_t newest, std::uint64_t entries) {
            CHECK(next != expected.end());
            const bool same = key == next->first && newest == next->second.back() &&
                              entries == next->second.size();
            CHECK(same);
            return ++next != expected.end() && same;
        });
        CHECK(next == expected.end());
    }

    idem::storage::environment& env() const { return *env_; }
    idem::storage::table table() const { return table_; }
    tail& recent() const { return *recent_; }
    std::uint64_t head() const { return all_.size(); }
    std::uint32_t levels() const {
        const idem::storage::read_transaction txn(*env_);
        std::uint32_t highest = 0;
        for (const auto& r : idem::index::read_manifest(txn, table_).runs) {
            highest = std::max(highest, r.level);
        }
        return highest;
    }
    idem::index::manifest contents() const {
        const idem::storage::read_transaction txn(*env_);
        return idem::index::read_manifest(txn, table_);
    }
    // Another process: its tail begins with nothing.
    void start_again() {
        recent_ = std::make_unique<tail>(contents());
        recent_->skip_to(contents().flushed());
        recent_->add(contents().flushed() + 1, from_log()(contents().flushed(), all_.size()));
    }

private:
    scratch_folder folder_;
    std::shared_ptr<idem::storage::environment> env_;
    idem::storage::table table_;
    std::unique_ptr<tail> recent_;
    std::vector<fingerprint> all_;
};
