// idem bisect: the first event after which a condition on the rows does not hold.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "progress.hpp"
#include "row_condition.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

// Rows as the condition sees them: JSON.
class condition_keeper {
public:
    condition_keeper(row_condition condition, const projection& p)
        : condition_(std::move(condition)), fold_(p) {}

    void take(std::span<const row_difference> rows) {
        for (const row_difference& d : rows) {
            const auto before = parsed(d.before);
            const auto after = parsed(d.after);
            condition_.change(print_key(fold_.keys, d.key), before ? &*before : nullptr,
                              after ? &*after : nullptr);
        }
    }
    const row_condition& get() const noexcept { return condition_; }

private:
    std::optional<json> parsed(const std::optional<std::string_view>& row) const {
        if (!row) return std::nullopt;
        const std::string text = fold_.row_to_json ? fold_.row_to_json(*row) : std::string(*row);
        return parse_json(text, repeated_members::last_counts);
    }

    row_condition condition_;
    const projection& fold_;
};

struct answer {
    std::optional<recorded_event> event;  // none: it did not hold at the start
    std::string why;
};

void print(const answer& a, std::uint64_t start, const store& from, session& s) {
    if (!a.event) {
        if (s.json) {
            json_line line;
            line.flag("holds", false).number("position", start).text("why", a.why).null("event");
            s.out.write(line.str());
        } else {
            s.out.write(fmt::format("it does not hold at position {} already: {}\n", start, a.why));
        }
        return;
    }
    const auto json = data_printer(from, data_form::json).to_json(*a.event);
    if (s.json) {
        json_line line;
        line.flag("holds", false).number("position", a.event->position).text("why", a.why);
        line.json("event", to_cloudevent(*a.event, json));
        s.out.write(line.str());
        return;
    }
    print_fields(s, {{"first not after", std::to_string(a.event->position)},
                     {"why", a.why},
                     {"event", to_string(a.event->id)},
                     {"stream", a.event->stream},
                     {"type", a.event->type},
                     {"data", json ? *json : shown_data(*a.event)}});
}

}  // namespace

int run(const bisect_options& options, session& s) {
    const store from = open_to_read(options.store);
    const known_projection p = find_projection(s, from, options.name);
    require_definition(p);
    condition_keeper keeper(row_condition::parse(options.condition), p.fold);
    const std::uint64_t start = options.from.value_or(0);
    const std::uint64_t head = from.head();
    if (start > head) {
        throw error(errc::invalid_input,
                    fmt::format("--from {} lies beyond the last position, {}", start, head));
    }
    std::optional<answer> found;
    progress shown("bisect");
    bool started = false;
    from.trace(p.fold, start, [&](const event_view* e, std::span<const row_difference> rows) {
        // The rows that were there come in parts, and only all of them are a state.
        if (e && !started && !keeper.get().holds()) {
            found = answer{std::nullopt, keeper.get().why_not()};
            return false;
        }
        started = e != nullptr;
        keeper.take(rows);
        if (!e) return true;
        shown.update({e->position(), head, e->position() - start});
        if (keeper.get().holds()) return true;
        found = answer{e->to_owned(), keeper.get().why_not()};
        return false;
    });
    if (!found && !started && !keeper.get().holds()) {
        found = answer{std::nullopt, keeper.get().why_not()};
    }
    shown.clear();
    if (found) {
        print(*found, start, from, s);
    } else if (s.json) {
        json_line line;
        s.out.write(line.flag("holds", true).number("position", from.head()).str());
    } else {
        s.out.write(fmt::format("it holds after every event up to position {}\n", from.head()));
    }
    for (const auto& name : keeper.get().never_found()) {
        s.tell(
            fmt::format("none of the rows up to there had {}: is it spelt as in the rows?", name));
    }
    return found ? findings : success;
}

}  // namespace idem::cli
