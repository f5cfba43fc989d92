// Any history of appends, against a model that fits on a page; and any redelivery of it.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <random>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::expected_revision;
using idem::outcome;

struct model_event {
    std::uint64_t number;
    std::uint64_t variant;  // of content
    std::uint64_t position;
    std::uint64_t revision;
};

// What the store promises, in the plainest words.
class model {
public:
    struct answer {
        outcome what;
        std::vector<std::pair<outcome, std::uint64_t>> receipts;  // outcome, position
    };

    answer append(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& batch,
                  std::optional<std::optional<std::uint64_t>> expected) {
        std::map<std::uint64_t, model_event> fresh;
        std::vector<std::pair<outcome, std::uint64_t>> receipts;
        bool any_known = false;
        std::uint64_t position = log_.size();
        std::map<std::string, std::uint64_t> next = next_;
        for (const auto& [number, variant] : batch) {
            const auto known = log_.find(number);
            const auto again = fresh.find(number);
            const model_event* seen = known != log_.end()    ? &known->second
                                      : again != fresh.end() ? &again->second
                                                             : nullptr;
            if (seen && seen->variant != variant) return {outcome::id_conflict, {}};
            any_known = any_known || known != log_.end();
            if (seen) {
                receipts.emplace_back(outcome::duplicate, seen->position);
                continue;
            }
            fresh[number] = {number, variant, ++position, next[stream_of(number)]++};
            receipts.emplace_back(outcome::appended, position);
        }
        if (expected && !fresh.empty()) {
            if (any_known) return {outcome::partial_duplicate, {}};
            const auto last = next_.find("stream");
            const std::optional<std::uint64_t> actual =
                last == next_.end() ? std::nullopt : std::optional(last->second - 1);
            if (actual != *expected) return {outcome::wrong_revision, {}};
        }
        const bool wrote = !fresh.empty();
        log_.merge(fresh);
        next_ = next;
        return {wrote ? outcome::appended : outcome::duplicate, receipts};
    }

    static std::string stream_of(std::uint64_t number) { return number % 3 ? "stream" : "other"; }
    std::uint64_t size() const { return log_.size(); }

private:
    std::map<std::uint64_t, model_event> log_;  // by number
    std::map<std::string, std::uint64_t> next_;
};

idem::event event_of(std::uint64_t number, std::uint64_t variant, const std::string& stream) {
    idem::event e = numbered_event(number, stream);
    if (variant) e.type = "Variant" + std::to_string(variant);
    return e;
}

auto count_by_stream() {
    return idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
}

}  // namespace

TEST_CASE("any history of appends is answered as the model says") {
    CHECK(rc::check("model", [] {
        const scratch_folder folder;
        auto store = std::make_unique<idem::store>(folder / "s.idem");
        store->run(count_by_stream(), idem::projection_mode::inline_);
        model expected_answers;
        const int steps = *rc::gen::inRange(1, 25);
        for (int step = 0; step < steps; ++step) {
            if (*rc::gen::inRange(0, 8) == 0) {
                store.reset();
                store = std::make_unique<idem::store>(folder / "s.idem");
                store->run(count_by_stream(), idem::projection_mode::inline_);
            }
            const bool expects = *rc::gen::arbitrary<bool>();
            std::optional<std::optional<std::uint64_t>> wanted;
            auto expected = expected_revision::any();
            if (expects) {
                const auto revision = *rc::gen::inRange<std::uint64_t>(0, 6);
                wanted = revision == 0 ? std::nullopt : std::optional(revision - 1);
                expected = revision == 0 ? expected_revision::no_stream()
                                         : expected_revision::exactly(revision - 1);
            }
            std::vector<std::pair<std::uint64_t, std::uint64_t>> numbers;
            std::vector<idem::event> batch;
            const int size = *rc::gen::inRange(0, 5);
            for (int i = 0; i < size; ++i) {
                auto number = *rc::gen::inRange<std::uint64_t>(0, 12);
                if (expects) number = number / 3 * 3 + 1;  // one stream
                const std::uint64_t variant = *rc::gen::inRange(0, 10) == 0 ? 1 : 0;
                numbers.emplace_back(number, variant);
                batch.push_back(event_of(number, variant, model::stream_of(number)));
            }
            const auto result = store->append(batch, expected);
            const auto answer = expected_answers.append(numbers, wanted);
            RC_ASSERT(result.outcome() == answer.what);
            RC_ASSERT(result.receipts.size() == answer.receipts.size());
            for (std::size_t i = 0; i < answer.receipts.size(); ++i) {
                RC_ASSERT(result.receipts[i].outcome == answer.receipts[i].first);
                RC_ASSERT(result.receipts[i].position == answer.receipts[i].second);
            }
            RC_ASSERT(store->head() == expected_answers.size());
        }
        const auto fold = count_by_stream();
        RC_ASSERT(store->state("counts").digest() == store->replay(fold).digest());
        RC_ASSERT(idem::verify(folder / "s.idem").sound());
    }));
}

TEST_CASE("any redelivery, shuffled and cut anew, leaves the same log and state") {
    CHECK(rc::check("redelivery", [](std::uint32_t seed) {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        store.run(count_by_stream(), idem::projection_mode::inline_);
        std::vector<idem::event> events;
        for (std::uint64_t i = 0; i < 200; ++i) {
            events.push_back(numbered_event(i, "s" + std::to_string(i % 7)));
        }
        store.append(events);
        const auto digest = store.state("counts").digest();
        std::mt19937 random(seed);
        for (int delivery = 0; delivery < 3; ++delivery) {
            std::shuffle(events.begin(), events.end(), random);
            for (std::size_t at = 0; at < events.size();) {
                const std::size_t size =
                    std::min<std::size_t>(1 + random() % 50, events.size() - at);
                const auto result =
                    store.append(std::span<const idem::event>(events).subspan(at, size));
                RC_ASSERT(result.outcome() == outcome::duplicate);
                at += size;
            }
        }
        RC_ASSERT(store.head() == 200U);
        RC_ASSERT(store.state("counts").digest() == digest);
    }));
}
