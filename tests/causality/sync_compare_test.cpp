// Two sets of items find what each lacks, with little said, whatever the other side answers.
#include "causality/sync_compare.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>

#include "idem/error.hpp"

namespace {

using namespace idem;

// Items in a sorted vector, with the sums of all before each.
class plain_items final : public sync::item_set {
public:
    explicit plain_items(std::vector<item_key> keys) : keys_(std::move(keys)) {
        std::sort(keys_.begin(), keys_.end());
        for (const auto& key : keys_) {
            item_sum next = sums_.back();
            next.add(key.hash);
            sums_.push_back(next);
        }
    }
    item_range add_up(const item_key& low, const item_key& high) const override {
        return between(at(low), at(high));
    }
    std::vector<order_rows::part> split(const item_key& low, const item_key& high,
                                        std::uint64_t part_items) const override {
        std::vector<order_rows::part> parts;
        const std::size_t end = at(high);
        std::size_t from = at(low);
        if (from == end) return {{high, {}}};
        do {
            const std::size_t to = std::min<std::size_t>(end, from + part_items);
            // as short as tells the next from the last
            const bool apart = to < end && keys_[to - 1].clock < keys_[to].clock;
            const item_key next = apart ? item_key{keys_[to].clock, {}} : keys_[to % keys_.size()];
            parts.push_back({to == end ? high : next, between(from, to)});
            from = to;
        } while (from < end);
        return parts;
    }
    std::vector<item_key> list(const item_key& low, const item_key& high,
                               std::size_t max) const override {
        const std::size_t from = at(low);
        const std::size_t to = std::min(at(high), from + max);
        return {keys_.begin() + static_cast<std::ptrdiff_t>(from),
                keys_.begin() + static_cast<std::ptrdiff_t>(to)};
    }
    const std::vector<item_key>& keys() const { return keys_; }

private:
    std::size_t at(const item_key& key) const {
        return static_cast<std::size_t>(std::lower_bound(keys_.begin(), keys_.end(), key) -
                                        keys_.begin());
    }
    item_range between(std::size_t from, std::size_t to) const {
        item_range range{to - from, {}};
        // the difference modulo 2^128
        const item_sum& a = sums_[from];
        const item_sum& b = sums_[to];
        range.sum = {b.low - a.low, b.high - a.high - (b.low < a.low ? 1 : 0)};
        return range;
    }
    std::vector<item_key> keys_;
    std::vector<item_sum> sums_{{}};
};

struct gathered final : sync::differences {
    explicit gathered(const plain_items& other_side) : there(other_side) {}
    void here_only(const item_key& key) override { here.push_back(key); }
    void there_only(const sync::listed_item& item) override {
        for (const auto& key : there.list({item.clock, {}}, {item.clock + 1, {}}, ~0U)) {
            if (sync::listed(key) == item) other.push_back(key);
        }
    }
    void there_only(const item_key& low, const item_key& high, std::uint64_t count) override {
        const auto keys = there.list(low, high, ~0U);
        CHECK(keys.size() == count);
        other.insert(other.end(), keys.begin(), keys.end());
    }
    const plain_items& there;
    std::vector<item_key> here;
    std::vector<item_key> other;
};

item_key random_item(std::mt19937_64& random, std::uint64_t clock) {
    item_key key{clock, {}};
    for (auto& byte : key.hash) byte = static_cast<std::uint8_t>(random());
    return key;
}

sync::compare_result compare_and_check(const std::vector<item_key>& a,
                                       const std::vector<item_key>& b) {
    const plain_items here(a);
    const plain_items there(b);
    gathered found(there);
    const auto result = sync::compare(
        here, [&](const std::string& m) { return sync::answer(there, m); }, found);
    std::vector<item_key> lacks_there;
    std::vector<item_key> lacks_here;
    std::set_difference(here.keys().begin(), here.keys().end(), there.keys().begin(),
                        there.keys().end(), std::back_inserter(lacks_there));
    std::set_difference(there.keys().begin(), there.keys().end(), here.keys().begin(),
                        here.keys().end(), std::back_inserter(lacks_here));
    CHECK(found.here == lacks_there);
    CHECK(found.other == lacks_here);
    return result;
}

}  // namespace

TEST_CASE("a comparison finds just what each side lacks, in the order of the clocks") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const std::uint64_t clocks = 1 + random() % 3000;
        const std::uint64_t mix = 1 + random() % 40;
        std::vector<item_key> a;
        std::vector<item_key> b;
        for (std::uint64_t i = 0, n = random() % 3000; i < n; ++i) {
            const item_key key = random_item(random, random() % clocks);
            const auto side = random() % mix;
            if (side != 1) a.push_back(key);
            if (side != 2) b.push_back(key);
        }
        if (seed % 7 == 0) a.clear();
        if (seed % 11 == 0) b.clear();
        compare_and_check(a, b);
    }
}

TEST_CASE("what is said grows with the difference, not with the sets") {
    std::mt19937_64 random(1);
    std::vector<item_key> all;
    for (std::uint64_t i = 0; i < 1'000'000; ++i) {
        all.push_back(random_item(random, (1'700'000'000'000 + i * 20) << 16 | random() % 4));
    }
    const auto said = [&](std::size_t differences) {
        auto a = all;
        auto b = all;
        for (std::size_t i = 0; i < differences; ++i) {
            auto& from = i % 2 == 0 ? a : b;
            from.erase(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
        }
        const auto result = compare_and_check(a, b);
        MESSAGE(differences << " differences in 1 M: " << result.bytes_in + result.bytes_out
                            << " bytes, " << result.rounds << " rounds");
        return result.bytes_in + result.bytes_out;
    };
    CHECK(said(0) < 200);
    CHECK(said(10) < 12 << 10);
    CHECK(said(100) < 70 << 10);  // the events come on top
    CHECK(said(10'000) < 6 << 20);
}

TEST_CASE("a message that is changed is refused or answered, and never read beyond its end") {
    std::mt19937_64 random(5);
    std::vector<item_key> a;
    std::vector<item_key> b;
    for (std::uint64_t i = 0; i < 2000; ++i) {
        a.push_back(random_item(random, i));
        if (i % 9 != 0) b.push_back(a.back());
    }
    const plain_items here(a);
    const plain_items there(b);
    struct ignored final : sync::differences {
        void here_only(const item_key&) override {}
        void there_only(const sync::listed_item&) override {}
        void there_only(const item_key&, const item_key&, std::uint64_t) override {}
    } found;
    int refused = 0;
    for (int run = 0; run < 2000; ++run) {
        std::uint64_t rounds = 0;
        const auto damage = [&](std::string m) {
            if (random() % 4 != 0 || m.empty()) return m;
            const std::size_t at = random() % m.size();
            switch (random() % 3) {
                case 0:
                    m[at] ^= static_cast<char>(1 << random() % 8);
                    break;
                case 1:
                    m.resize(at);
                    break;
                default:
                    m.insert(at, 1 + random() % 9, static_cast<char>(random()));
            }
            return m;
        };
        try {
            sync::compare(
                here,
                [&](const std::string& m) {
                    CHECK(++rounds < 2000);
                    return damage(sync::answer(there, damage(m)));
                },
                found);
        } catch (const error& e) {
            CHECK(e.code() == errc::invalid_input);
            ++refused;
        }
    }
    CHECK(refused > 500);
}

TEST_CASE("a side that splits without end is left") {
    const plain_items here({{1, {1}}, {1ULL << 40, {1}}});
    struct ignored final : sync::differences {
        void here_only(const item_key&) override {}
        void there_only(const sync::listed_item&) override {}
        void there_only(const item_key&, const item_key&, std::uint64_t) override {}
    } found;
    const auto lie = [](const std::string& m) {
        const auto asked = sync::decode_asked(m);
        std::vector<sync::told_range> told(asked.size());
        for (std::size_t i = 0; i < asked.size(); ++i) {
            if (asked[i].is == sync::asked_range::what::list) continue;  // too many to list
            told[i].parts = {{asked[i].high, {~0ULL, {7, 7}}}};
        }
        return sync::encode(asked, told);
    };
    CHECK_THROWS_AS(sync::compare(here, lie, found), error);
}
