#include "projection/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/kept_state.hpp"

namespace idem {
namespace {

// Some keys, every one as likely as another.
std::set<std::string, std::less<>> sample_keys(const state& rows, std::size_t size) {
    std::mt19937_64 random(std::random_device{}());
    std::vector<std::string> chosen;
    std::uint64_t seen = 0;
    rows.for_each([&](std::string_view key, std::string_view) {
        ++seen;
        if (chosen.size() < size) {
            chosen.emplace_back(key);
        } else if (const std::uint64_t at = random() % seen; at < size) {
            chosen[at] = key;
        }
    });
    return {chosen.begin(), chosen.end()};
}

// The same projection of those rows alone.
projection only_rows(const projection& p, const std::set<std::string, std::less<>>& keys) {
    class filter final : public key_sink {
    public:
        filter(const std::set<std::string, std::less<>>& keys, key_sink& next)
            : keys_(keys), next_(next) {}
        void take(std::string_view key) override {
            if (keys_.contains(key)) next_.take(key);
        }

    private:
        const std::set<std::string, std::less<>>& keys_;
        key_sink& next_;
    };
    class collector final : public key_sink {
    public:
        void take(std::string_view key) override { keys.emplace_back(key); }
        std::vector<std::string> keys;
    };
    projection some = p;
    some.keys_of = [keys_of = p.keys_of, keys](const event_view& e, key_sink& sink) {
        filter wanted(keys, sink);
        keys_of(e, wanted);
    };
    some.apply = [keys_of = some.keys_of, apply_row = p.apply_row](const event_view& e,
                                                                   state_table& table) {
        collector touched;
        keys_of(e, touched);
        for (const auto& key : touched.keys) apply_row(e, key, table.at(key));
    };
    return some;
}

}  // namespace

std::vector<std::string> rows_kept_otherwise(const event_source& source, const projection& p,
                                             std::size_t sample, unsigned threads) {
    const auto catalog = source.env->find_table(catalog_name);
    std::optional<projection_record> record;
    if (catalog) {
        const storage::read_transaction txn(*source.env);
        record = read_projection(txn, *catalog, catalog_key(p.name, p.version));
    }
    if (!record) {
        throw error(errc::not_found, fmt::format("the store keeps no projection {}",
                                                 text::shown(versioned(p.name, p.version))));
    }
    if (record->walk_to != 0) return {};  // they are not all there yet
    const state kept = make_state(source.env, *catalog, *record, p.row_to_json);
    std::vector<std::string> differ;
    if (!p.keys_of) {
        const state replayed = replay_log(source, p, kept.position(), threads);
        diff(kept, replayed, [&](const row_difference& d) {
            differ.emplace_back(d.key);
            return false;
        });
        return differ;
    }
    const auto keys = sample_keys(kept, sample);
    for (int attempt = 0;; ++attempt) {
        constexpr int attempts_max = 10;  // while appends move the rows on
        const std::uint64_t position = kept.position();
        const state replayed = replay_log(source, only_rows(p, keys), position, threads);
        differ.clear();
        bool same_moment = true;
        for (const auto& key : keys) {
            const auto now = kept.find(key);
            same_moment = same_moment && now.position == position;
            if (now.row != replayed.find(key).row) differ.push_back(key);
        }
        if (same_moment || attempt == attempts_max) return differ;
    }
}

}  // namespace idem
