#include <map>
#include <set>
#include <utility>

#include "testing/checks.hpp"
#include "testing/outcome.hpp"

namespace idem::testing {
namespace {

class memory_table final : public state_table {
public:
    slot& at(std::string_view key) override {
        touched_.emplace(key);
        return rows_[std::string(key)];
    }
    slot& look_at(const std::string& key) { return rows_[key]; }
    std::set<std::string> take_touched() { return std::exchange(touched_, {}); }

private:
    std::map<std::string, slot> rows_;
    std::set<std::string> touched_;
};

class listed_keys final : public key_sink {
public:
    void take(std::string_view key) override { keys.emplace_back(key); }
    std::vector<std::string> keys;
};

template <class Work>
std::string failure_of(Work&& work) {
    try {
        work();
        return {};
    } catch (const std::exception& e) {
        return *e.what() == '\0' ? "an exception without words" : e.what();
    } catch (...) {
        return "something that is not a std::exception";
    }
}

class side_by_side {
public:
    explicit side_by_side(const projection& p) : p_(p) {}

    void apply(const event_view& e) {
        if (over_) return;
        listed_keys listed;
        const auto whole = failure_of([&] { p_.apply(e, by_apply_); });
        const auto parts = failure_of([&] {
            p_.keys_of(e, listed);
            for (const auto& key : listed.keys) p_.apply_row(e, key, by_rows_.at(key));
        });
        if (!whole.empty() || !parts.empty()) {
            over_ = true;
            if (whole.empty() == parts.empty()) return;
            found_ = {finding_kind::rows_disagree,
                      describe(e) + (whole.empty() ? ": keys_of() or apply_row() throws, and "
                                                     "apply() does not: " +
                                                         parts
                                                   : ": apply() throws, and keys_of() with "
                                                     "apply_row() does not: " +
                                                         whole)};
            return;
        }
        compare(e, listed);
    }
    fault take() { return std::move(found_); }

private:
    static std::string describe(const event_view& e) {
        return "event " + to_string(e.id()) + " (" + std::string(e.type()) + ")";
    }
    void compare(const event_view& e, const listed_keys& listed) {
        auto keys = by_apply_.take_touched();
        const auto touched = keys;
        keys.merge(by_rows_.take_touched());
        outcome wanted;
        outcome other;
        for (const auto& key : keys) {
            const auto& a = by_apply_.look_at(key);
            const auto& b = by_rows_.look_at(key);
            if (a.present) wanted.rows[key] = a.bytes;
            if (b.present) other.rows[key] = b.bytes;
        }
        if (wanted.rows == other.rows) return;
        over_ = true;
        const auto print = [&](const auto& names) {
            std::string all;
            for (const auto& key : names) {
                all += (all.empty() ? "" : ", ") + print_key(p_.keys, key);
            }
            return all.empty() ? std::string("no row") : all;
        };
        found_ = {finding_kind::rows_disagree,
                  describe(e) + ": apply() touches " + print(touched) + ", keys_of() names " +
                      print(listed.keys) +
                      ", and the rows are not the same; a replay calls the one, an append the "
                      "other",
                  differing_rows(p_, wanted, other)};
    }

    const projection& p_;
    memory_table by_apply_;
    memory_table by_rows_;
    bool over_ = false;
    fault found_;
};

}  // namespace

fault check_rows(const store& from, const projection& p) {
    if (!p.keys_of || !p.apply_row) return {};
    side_by_side both(p);
    projection probe = p;  // sees the events as they are upcast
    probe.order = fold_order::arrival;
    probe.keys_of = {};
    probe.apply_row = {};
    probe.apply = [&both](const event_view& e, state_table&) { both.apply(e); };
    (void)from.replay(probe);
    return both.take();
}

}  // namespace idem::testing
