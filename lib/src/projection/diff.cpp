#include <fmt/format.h>

#include "idem/error.hpp"
#include "idem/state.hpp"

namespace idem {
namespace {

// The rows of a state one after the other, page by page.
class row_walk {
public:
    explicit row_walk(const state& rows) : rows_(rows), page_(rows.rows()) {}

    bool at_end() const noexcept { return next_ == page_.rows.size(); }
    std::string_view key() const noexcept { return page_.rows[next_].first; }
    std::string_view row() const noexcept { return page_.rows[next_].second; }
    void go_on() {
        if (++next_ < page_.rows.size() || !page_.more) return;
        page_ = rows_.rows_after(page_);
        next_ = 0;
    }

private:
    const state& rows_;
    row_page page_;
    std::size_t next_ = 0;
};

}  // namespace

difference_count diff(const state& before, const state& after,
                      const std::function<bool(const row_difference&)>& visit) {
    if (before.keys() != after.keys()) {
        throw error(errc::invalid_input,
                    fmt::format("the keys of {}@{} and {}@{} are of different kinds, so their rows "
                                "cannot be compared",
                                before.name(), before.version(), after.name(), after.version()),
                    {.field = "key"});
    }
    difference_count count;
    const auto tell = [&](const row_difference& d) { return !visit || visit(d); };
    row_walk old(before);
    row_walk now(after);
    while (!old.at_end() || !now.at_end()) {
        bool go_on = true;
        if (now.at_end() || (!old.at_end() && old.key() < now.key())) {
            ++count.removed;
            go_on = tell({old.key(), old.row(), std::nullopt});
            old.go_on();
        } else if (old.at_end() || now.key() < old.key()) {
            ++count.added;
            go_on = tell({now.key(), std::nullopt, now.row()});
            now.go_on();
        } else {
            const bool same = old.row() == now.row();
            ++(same ? count.same : count.changed);
            go_on = same || tell({now.key(), old.row(), now.row()});
            old.go_on();
            now.go_on();
        }
        if (!go_on) break;
    }
    return count;
}

}  // namespace idem
