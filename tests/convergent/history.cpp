#include "history.hpp"

#include <algorithm>

namespace {

idem::uuid origin_of(std::size_t replica) {
    idem::uuid origin{};
    origin.bytes[0] = static_cast<std::uint8_t>(0x10 * (4 - replica));  // not in their order
    origin.bytes[15] = static_cast<std::uint8_t>(replica + 1);
    return origin;
}

idem::uuid some_id(random_source& random) {
    idem::uuid id{};
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    return id;
}

bool may_repeat(change what) {
    return what == change::add_label || what == change::remove_label || what == change::remove_line;
}

update some_update(const note& row, random_source& random) {
    static const std::vector<std::string> words{"", "a", "b", "c", "\"\xff\n", "tag"};
    update u;
    u.what = static_cast<change>(random() % changes_count);
    u.text = words[random() % words.size()];
    u.number = static_cast<std::int64_t>(random() % 9) - 4;
    if (u.what == change::view) u.number += 4;
    if (u.what == change::text) u.seen = row.text.observed();
    if (u.what == change::remove_label) u.seen = row.labels.observed(u.text);
    if (u.what == change::remove_line) u.seen = row.lines.observed(u.text);
    return u;
}

// The place of an event among those of its kind that a removal or a write covers.
change covered_kind(change what) {
    return what == change::remove_label  ? change::add_label
           : what == change::remove_line ? change::change_line
                                         : change::text;
}

bool same_thing(const update& a, const update& b) {
    return a.what == change::text || a.text == b.text;
}

// Of the events known, those whose additions or writes `u` covers.
std::set<std::size_t> covered_by(const update& u, const std::set<std::size_t>& known,
                                 const std::vector<written_event>& events) {
    std::set<std::size_t> covers;
    std::set<std::size_t> covered_before;
    for (const std::size_t place : known) {
        for (const update& other : events[place].updates) {
            if (!same_thing(u, other)) continue;
            if (other.what == covered_kind(u.what)) covers.insert(place);
            if (other.what == u.what) {
                covered_before.insert(other.covers.begin(), other.covers.end());
            }
        }
    }
    if (u.what == change::text) {
        covers.insert(covered_before.begin(), covered_before.end());
    } else {
        // What stands, and of its writer what came before.
        std::erase_if(covers, [&](std::size_t place) {
            return std::none_of(covers.begin(), covers.end(), [&](std::size_t standing) {
                return standing >= place && !covered_before.contains(standing) &&
                       events[standing].mark.origin == events[place].mark.origin;
            });
        });
    }
    return covers;
}

class replica {
public:
    // Dense: this row takes a like of each event of its origin, so that counters have no gaps.
    replica(std::size_t number, std::size_t count, bool dense)
        : origin_(origin_of(number)), heard_(count), dense_(dense) {}

    written_event write(random_source& random, const std::vector<written_event>& events) {
        written_event e;
        clock_ += random() % 2;  // equal clocks are common
        // Other rows have events too.
        counter_ += !dense_ && random() % 3 == 0 ? 1 + random() % 200 : 1;
        e.mark = {clock_, origin_, some_id(random), counter_};
        std::set<change> done;
        if (dense_) {
            done.insert(change::like);
            e.updates.push_back(
                {.what = change::like, .number = 1 + static_cast<std::int64_t>(random() % 5)});
        }
        for (std::size_t n = 1 + random() % 3; n > 0; --n) {
            update u = some_update(row, random);
            if (u.what == change::text || u.what == change::remove_label ||
                u.what == change::remove_line) {
                u.covers = covered_by(u, known_, events);
            }
            if (may_repeat(u.what) || done.insert(u.what).second) e.updates.push_back(u);
        }
        return e;
    }

    void take(const written_event& e, std::size_t place) {
        clock_ = std::max(clock_, e.mark.clock);
        known_.insert(place);
        apply(row, e);
    }

    // Hears the next events of one other, as many as it is told.
    void hear(std::size_t from, const std::vector<std::size_t>& written, std::size_t most,
              const std::vector<written_event>& events) {
        for (; most > 0 && heard_[from] < written.size(); --most) {
            const std::size_t place = written[heard_[from]++];
            take(events[place], place);
        }
    }

    note row;

private:
    idem::uuid origin_;
    std::vector<std::size_t> heard_;  // how many events of each other
    std::set<std::size_t> known_;
    std::uint64_t clock_ = 1;
    std::uint64_t counter_ = 0;
    bool dense_;
};

bool has(const written_event& e, change what, const std::string& text) {
    return std::any_of(e.updates.begin(), e.updates.end(),
                       [&](const update& u) { return u.what == what && u.text == text; });
}

bool covers(const written_event& e, change what, const std::optional<std::string>& text,
            std::size_t place) {
    return std::any_of(e.updates.begin(), e.updates.end(), [&](const update& u) {
        return u.what == what && (!text || u.text == *text) && u.covers.contains(place);
    });
}

// Was it put in by an event that no applied removal knew of?
bool survives(const history& h, const std::set<std::size_t>& applied, const std::string& text,
              change add, change remove) {
    return std::any_of(applied.begin(), applied.end(), [&](std::size_t added) {
        if (!has(h.events[added], add, text)) return false;
        return std::none_of(applied.begin(), applied.end(), [&](std::size_t removed) {
            return covers(h.events[removed], remove, text, added);
        });
    });
}

// Adds what the events alone tell: the plain sums and extremes.
void expect_plain(const update& u, expected_row& row) {
    switch (u.what) {
        case change::view:
            row.views += static_cast<std::uint64_t>(u.number);
            break;
        case change::like:
            row.likes += u.number;
            break;
        case change::longest:
            row.longest = std::max(row.longest.value_or(u.number), u.number);
            break;
        case change::rank: {
            const auto rank = static_cast<std::uint8_t>(u.number + 4);
            row.rank = std::min(row.rank.value_or(rank), rank);
            break;
        }
        default:
            break;
    }
}

bool overwritten(const history& h, const std::set<std::size_t>& applied, std::size_t place) {
    return std::any_of(applied.begin(), applied.end(), [&](std::size_t later) {
        return covers(h.events[later], change::text, std::nullopt, place);
    });
}

}  // namespace

void apply(note& row, const written_event& e) {
    for (const update& u : e.updates) {
        switch (u.what) {
            case change::title:
                row.title.set(u.text, e.mark);
                break;
            case change::text:
                row.text.set(u.text, e.mark, u.seen);
                break;
            case change::add_label:
                row.labels.add(u.text, e.mark);
                break;
            case change::remove_label:
                row.labels.remove(u.text, u.seen);
                break;
            case change::view:
                row.views.add(static_cast<std::uint64_t>(u.number), e.mark);
                break;
            case change::like:
                row.likes.add(u.number, e.mark);
                break;
            case change::longest:
                row.longest.include(u.number);
                break;
            case change::rank:
                row.rank.include(static_cast<std::uint8_t>(u.number + 4));
                break;
            case change::change_line: {
                order_line& line = row.lines.update(u.text, e.mark);
                line.amount.set(static_cast<std::int32_t>(u.number), e.mark);
                line.changes.add(1, e.mark);
                break;
            }
            case change::remove_line:
                row.lines.remove(u.text, u.seen);
                break;
        }
    }
}

history make_history(std::uint64_t seed, std::size_t steps) {
    random_source random(seed);
    history h;
    const std::size_t count = 1 + random() % 4;
    std::vector<replica> replicas;
    std::vector<std::vector<std::size_t>> written(count);
    for (std::size_t i = 0; i < count; ++i) replicas.emplace_back(i, count, random() % 2 == 0);
    for (; steps > 0; --steps) {
        const std::size_t who = random() % count;
        const std::size_t from = random() % count;
        if (from != who && random() % 2 == 0) {
            replicas[who].hear(from, written[from], 1 + random() % 4, h.events);
            continue;
        }
        const std::size_t place = h.events.size();
        h.events.push_back(replicas[who].write(random, h.events));
        written[who].push_back(place);
        replicas[who].take(h.events[place], place);
    }
    for (const auto& r : replicas) h.replicas.push_back(r.row);
    return h;
}

expected_row expect(const history& h, const std::set<std::size_t>& applied) {
    expected_row row;
    std::set<std::string> labels;
    std::map<std::string, idem::event_mark> latest;
    idem::event_mark titled;
    for (const std::size_t place : applied) {
        const auto& e = h.events[place];
        for (const update& u : e.updates) {
            expect_plain(u, row);
            if (u.what == change::title && titled < e.mark) {
                titled = e.mark;
                row.title = u.text;
            }
            if (u.what == change::text && !overwritten(h, applied, place)) row.texts.insert(u.text);
            if (u.what == change::add_label) labels.insert(u.text);
            if (u.what == change::change_line) {
                auto& [amount, changes] = row.lines[u.text];
                ++changes;
                if (latest[u.text] < e.mark) {
                    latest[u.text] = e.mark;
                    amount = static_cast<std::int32_t>(u.number);
                }
            }
        }
    }
    for (const auto& label : labels) {
        if (survives(h, applied, label, change::add_label, change::remove_label)) {
            row.labels.push_back(label);
        }
    }
    std::erase_if(row.lines, [&](const auto& line) {
        return !survives(h, applied, line.first, change::change_line, change::remove_line);
    });
    return row;
}

expected_row read(const note& row) {
    expected_row r;
    r.title = row.title.value();
    for (const auto& text : row.text.values()) r.texts.insert(text);
    r.labels = row.labels.elements();
    r.views = row.views.value();
    r.likes = row.likes.value();
    r.longest = row.longest.value();
    r.rank = row.rank.value();
    for (const auto& key : row.lines.keys()) {
        const order_line& line = *row.lines.find(key);
        r.lines[key] = {line.amount.value(), line.changes.value()};
    }
    return r;
}

note fold(const history& h, const std::set<std::size_t>& applied) {
    note row;
    for (const std::size_t place : applied) apply(row, h.events[place]);
    return row;
}

std::set<std::size_t> all_of(const history& h) {
    std::set<std::size_t> all;
    for (std::size_t i = 0; i < h.events.size(); ++i) all.insert(i);
    return all;
}

std::set<std::size_t> some_of(const history& h, random_source& random) {
    std::set<std::size_t> some;
    const auto share = random() % 4;
    for (std::size_t i = 0; i < h.events.size(); ++i) {
        if (random() % 4 <= share) some.insert(i);
    }
    return some;
}

std::string bytes_of(const note& row) {
    std::string bytes;
    idem::row_codec<note>::encode(row, bytes);
    return bytes;
}
