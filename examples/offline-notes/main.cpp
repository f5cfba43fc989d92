// A phone, a laptop and a tablet edit the same notes while apart, and sync as it happens: in any
// order, by any line, some of them twice, and one is cut off. Then the same notes stand on all.
//
//     offline-notes [--seed N] [--edits N] [FOLDER]
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <idem/store.hpp>
#include <random>
#include <stdexcept>

#include "connection.hpp"
#include "notes.hpp"

namespace {

using namespace std::chrono_literals;

// What time it is, so that one seed always tells one story. A program in use has no such thing, and
// leaves open_options::clock alone.
class story_clock {
public:
    idem::timestamp now() const noexcept { return start_ + std::chrono::minutes(minutes_); }
    void pass(std::chrono::minutes some) noexcept { minutes_ += some.count(); }

private:
    idem::timestamp start_ = std::chrono::sys_days(std::chrono::year(2025) / 3 / 1) + 8h;
    std::atomic<std::int64_t> minutes_ = 0;
};

struct device {
    // Its clock is wrong by `off`, as clocks are.
    device(std::string called, const std::filesystem::path& folder, const story_clock& time,
           std::chrono::milliseconds off)
        : name(std::move(called)),
          store(folder / (name + ".idem"), {.clock = [&time, off] { return time.now() + off; }}) {
        store.run(notes::all, idem::projection_mode::inline_);
    }

    notes::note read(const std::string& note) const {
        return store.state(notes::all).find(note).row.value_or(notes::note{});
    }
    void append(const idem::event& edit) {
        if (!store.append(edit).accepted()) throw std::runtime_error(name + " takes no edit");
    }
    idem::version_vector frontier() { return store.replica().frontier(); }
    std::uint64_t edits() {
        std::uint64_t all = 0;
        const idem::version_vector known = frontier();
        for (const auto& [origin, counter] : known.counters()) all += counter;
        return all;
    }

    std::string name;
    idem::store store;
};
using devices = std::array<device, 3>;

constexpr std::array note_names{"garden", "journey", "party", "shopping"};

template <class Items>
const auto& pick(const Items& items, std::mt19937& random) {
    return items[random() % items.size()];
}

// One edit, by somebody who looks at the note first. `number` tells it from all others.
idem::event random_edit(const device& at, unsigned number, std::mt19937& random) {
    constexpr std::array titles{"Soon", "This week", "For Ann", "Ideas", "Do not forget"};
    constexpr std::array words{"apples", "maps", "rope", "seeds", "candles", "tickets", "tea"};
    constexpr std::array tags{"home", "money", "urgent", "friends", "later"};
    const std::string name = pick(note_names, random);
    const notes::note read = at.read(name);
    const auto present = read.tags.elements();
    switch (random() % 8) {
        case 0:
            return notes::give_title(name, pick(titles, random));
        case 1:
        case 2: {
            const std::string first = pick(words, random);
            const std::string second = pick(words, random);
            return notes::write(
                name, read, fmt::format("{}, {} (edit {}, {})", first, second, number, at.name));
        }
        case 3:
            if (!present.empty()) return notes::remove_tag(name, read, pick(present, random));
            [[fallthrough]];
        case 4:
        case 5:
            return notes::add_tag(name, pick(tags, random));
        default:
            return notes::like(name, random() % 4 == 0 ? -1 : 1);
    }
}

std::string describe(const std::string& name, const notes::note& n) {
    auto bodies = n.body.values();  // in the order of origins, which are drawn at random
    std::sort(bodies.begin(), bodies.end());
    return fmt::format("  {:<9} {}, likes {}, tags [{}]\n            {}{}\n", name, n.title.value(),
                       n.likes.value(), fmt::join(n.tags.elements(), ", "),
                       n.body.in_conflict() ? "CONFLICT " : "", fmt::join(bodies, " | "));
}

// The notes of each; those who have the same together.
void print(const std::string& when, devices& all) {
    std::vector<std::pair<std::string, std::string>> groups;  // the notes, and who has them
    for (device& d : all) {
        std::string notes = fmt::format("{} edits, rows {}\n", d.edits(),
                                        to_string(d.store.state(notes::all).digest()));
        d.store.state(notes::all).for_each([&](const std::string& name, const notes::note& n) {
            notes += describe(name, n);
        });
        const auto same = std::find_if(groups.begin(), groups.end(),
                                       [&](const auto& group) { return group.first == notes; });
        if (same == groups.end()) {
            groups.emplace_back(std::move(notes), d.name);
        } else {
            same->second += ", " + d.name;
        }
    }
    fmt::print("\n== {}\n", when);
    for (const auto& [notes, who] : groups) fmt::print("{}: {}", who, notes);
}

void sync(device& here, device& there, notes::way by, story_clock& time) {
    const std::uint64_t before = here.edits();
    const auto result = notes::sync(here.store, there.store, by);
    time.pass(1h);
    fmt::print("{:<6} with {:<6} {:<15} ", here.name, there.name,
               by == notes::way::together ? "in one process" : "by a line");
    if (!result) {
        fmt::print("broken off, with {} received\n", here.edits() - before);
    } else if (!result->in_sync()) {
        throw std::runtime_error("the stores do not get in sync");
    } else {
        fmt::print("received {}, sent {}\n", result->received, result->sent);
    }
}

bool are_level(devices& all) {
    const auto first = all[0].frontier();
    return std::all_of(all.begin(), all.end(), [&](device& d) { return d.frontier() == first; });
}

// Whoever meets whom, until everybody has everything.
void sync_at_random(devices& all, story_clock& time, std::mt19937& random) {
    fmt::print("\n== They meet\n");
    const std::size_t first = random() % all.size();
    sync(all[first], all[(first + 1) % all.size()], notes::way::broken_line, time);
    for (int meetings = 0; !are_level(all); ++meetings) {
        if (meetings == 1000) throw std::runtime_error("the devices do not get level");
        const std::size_t here = random() % all.size();
        const std::size_t there = (here + 1 + random() % (all.size() - 1)) % all.size();
        sync(all[here], all[there], random() % 2 == 0 ? notes::way::together : notes::way::line,
             time);
    }
    sync(all[0], all[2], notes::way::line, time);
}

// Somebody reads what stands in conflict, and writes what is right: that has seen both.
unsigned settle_conflicts(device& at) {
    std::vector<idem::event> edits;
    at.store.state(notes::all).for_each([&](const std::string& name, const notes::note& n) {
        if (!n.body.in_conflict()) return;
        auto bodies = n.body.values();
        std::sort(bodies.begin(), bodies.end());
        edits.push_back(notes::write(name, n, fmt::format("{}", fmt::join(bodies, " and "))));
    });
    for (const auto& edit : edits) at.append(edit);
    return static_cast<unsigned>(edits.size());
}

// Edits that stand on all devices: none is lost, and none is counted twice.
void check(devices& all, std::uint64_t edits, std::int64_t likes) {
    const auto first = all[0].store.state(notes::all).digest();
    for (device& d : all) {
        std::int64_t counted = 0;
        bool in_conflict = false;
        d.store.state(notes::all).for_each([&](const std::string&, const notes::note& n) {
            counted += n.likes.value();
            in_conflict = in_conflict || n.body.in_conflict();
        });
        if (d.store.state(notes::all).digest() != first || d.edits() != edits || counted != likes ||
            in_conflict || !d.store.replica().parked().empty()) {
            throw std::runtime_error("the notes on " + d.name + " are not as they should be");
        }
    }
}

struct options {
    std::filesystem::path folder = {};
    unsigned seed = 7;
    unsigned edits = 12;  // of each device while apart
};

void run(const options& asked) {
    std::mt19937 random(asked.seed);
    story_clock time;
    devices all{device("phone", asked.folder, time, 2min + 1ms),
                device("laptop", asked.folder, time, 2ms),
                device("tablet", asked.folder, time, -3min)};
    auto& [phone, laptop, tablet] = all;
    std::uint64_t edits = 0;
    for (const std::string name : note_names) {
        phone.append(notes::give_title(name, "New"));
        phone.append(notes::write(name, {}, "nothing yet"));
        edits += 2;
    }
    fmt::print("== The phone shares its notes\n");
    sync(phone, laptop, notes::way::together, time);
    sync(laptop, tablet, notes::way::line, time);

    std::vector<device*> turns;
    for (device& d : all) turns.insert(turns.end(), asked.edits, &d);
    std::shuffle(turns.begin(), turns.end(), random);
    std::int64_t likes = 0;
    for (unsigned number = 1; device * d : turns) {
        const idem::event edit = random_edit(*d, number++, random);
        if (edit.type == "Liked") likes += nlohmann::json::parse(edit.data).at("step").get<int>();
        d->append(edit);
        time.pass(1min);
        ++edits;
    }
    print(fmt::format("Before: each was edited {} times, apart from the others", asked.edits), all);
    sync_at_random(all, time, random);
    print("After", all);

    const unsigned settled = settle_conflicts(laptop);
    fmt::print("\n== The laptop settles {} conflicts, and they meet in a ring\n", settled);
    sync(laptop, tablet, notes::way::together, time);
    sync(tablet, phone, notes::way::line, time);
    sync(phone, laptop, notes::way::together, time);
    print("At the end", all);
    check(all, edits + settled, likes);
    fmt::print("\ndigest {} on phone, laptop and tablet\n",
               to_string(laptop.store.state(notes::all).digest()));
}

unsigned number(std::string_view given, unsigned most) {
    unsigned value = 0;
    const auto [end, fault] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (fault != std::errc() || end != given.data() + given.size() || value > most) {
        throw std::runtime_error(fmt::format("{}: give a number up to {}", given, most));
    }
    return value;
}

std::filesystem::path new_folder() {
    std::string name = std::filesystem::temp_directory_path() / "offline-notes-XXXXXX";
    if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make " + name);
    return name;
}

std::optional<options> parse(int argc, char** argv) {
    options asked;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--seed" && i + 1 < argc) {
            asked.seed = number(argv[++i], 1'000'000'000);
        } else if (word == "--edits" && i + 1 < argc) {
            asked.edits = number(argv[++i], 100'000);
        } else if (!word.starts_with('-') && asked.folder.empty()) {
            asked.folder = word;
        } else {
            return std::nullopt;
        }
    }
    return asked;
}

}  // namespace

int main(int argc, char** argv) try {
    auto asked = parse(argc, argv);
    if (!asked) {
        fmt::print(stderr, "usage: offline-notes [--seed N] [--edits N] [FOLDER]\n");
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);  // a line that is cut is an error of the sync, not the end of all
    if (asked->folder.empty()) asked->folder = new_folder();
    if (std::filesystem::exists(asked->folder / "phone.idem")) {
        throw std::runtime_error(asked->folder.string() + " has notes: name a folder without");
    }
    std::filesystem::create_directories(asked->folder);
    fmt::print("the stores are in {}; seed {}\n\n", asked->folder.string(), asked->seed);
    run(*asked);
    return 0;
} catch (const std::exception& e) {
    fmt::print(stderr, "offline-notes: {}\n", e.what());
    return 1;
}
