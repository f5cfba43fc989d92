#include "causality/sync_compare.hpp"

#include <algorithm>
#include <deque>

#include "causality/sync_wire.hpp"
#include "idem/error.hpp"

namespace idem::sync {
namespace {

constexpr std::uint64_t leaf_items = 8;  // listed rather than split
constexpr std::size_t together = 64;     // ranges of a message: what one path needs, many times
constexpr std::uint32_t depth_max = 64;  // of splits
constexpr std::uint64_t fruitless_max = 1000;
constexpr std::size_t page_items = 1024;

[[noreturn]] void refuse(const char* why) {
    throw error(errc::invalid_input,
                std::string("the other side of the sync ") + why +
                    "; check what it is, and run the sync again",
                {.field = "message"});
}

// A range that differs.
struct node {
    item_key low;
    item_key high;
    std::uint64_t there = 0;  // items, as was told
    std::uint32_t depth = 0;
    enum class state : std::uint8_t { to_split, to_list, listed, only_here, only_there };
    state is = state::to_split;
    std::vector<listed_item> items = {};  // listed

    bool is_open() const noexcept { return is == state::to_split || is == state::to_list; }
};

class comparison {
public:
    comparison(const item_set& here, const exchange& send, differences& found)
        : here_(here), send_(send), found_(found) {
        open_.push_back({item_key::lowest(), item_key::end()});
    }

    compare_result run() {
        while (!open_.empty()) {
            if (open_.front().is_open()) {
                ask();
            } else {
                tell(open_.front());
                open_.pop_front();
            }
        }
        return result_;
    }

private:
    // The lowest ranges that are open, so that differences come in order.
    void ask() {
        std::vector<std::size_t> which;
        std::vector<asked_range> asked;
        for (std::size_t i = 0; i < open_.size() && asked.size() < together; ++i) {
            const node& n = open_[i];
            if (!n.is_open()) continue;
            which.push_back(i);
            asked.push_back({n.low, n.high,
                             n.is == node::state::to_split ? asked_range::what::split
                                                           : asked_range::what::list});
        }
        const std::string message = encode(asked);
        const std::string reply = send_(message);
        ++result_.rounds;
        result_.bytes_out += message.size();
        result_.bytes_in += reply.size();
        auto told = decode_told(reply, asked);
        std::deque<node> next;
        std::size_t answered = 0;
        for (std::size_t i = 0; i < open_.size(); ++i) {
            if (answered == which.size() || which[answered] != i) {
                next.push_back(std::move(open_[i]));
            } else {
                take(std::move(open_[i]), std::move(told[answered++]), next);
            }
        }
        open_ = std::move(next);
    }

    void take(node n, told_range told, std::deque<node>& next) const {
        if (n.is == node::state::to_list && told.items) {
            n.items = std::move(*told.items);
            n.is = node::state::listed;
            next.push_back(std::move(n));
        } else if (n.is == node::state::to_list) {
            n.is = node::state::to_split;  // it has grown meanwhile
            if (++n.depth > depth_max) refuse("splits ranges without end");
            next.push_back(std::move(n));
        } else {
            take_parts(n, told.parts, next);
        }
    }

    void take_parts(const node& n, const std::vector<order_rows::part>& told,
                    std::deque<node>& next) const {
        if (n.depth == depth_max) refuse("splits ranges without end");
        item_key low = n.low;
        for (const auto& part : told) {
            const item_range own = here_.add_up(low, part.high);
            if (!agree(own, part.of)) {
                node child{low, part.high, part.of.count, n.depth + 1};
                if (part.of.count == 0) {
                    child.is = node::state::only_here;
                } else if (own.count == 0) {
                    child.is = node::state::only_there;
                } else if (part.of.count <= leaf_items) {
                    child.is = node::state::to_list;
                }
                next.push_back(std::move(child));
            }
            low = part.high;
        }
    }

    void tell(const node& n) {
        if (n.is == node::state::only_there) return found_.there_only(n.low, n.high, n.there);
        std::size_t listed_at = 0;
        bool any = false;
        const auto there_before = [&](const listed_item* limit) {
            while (listed_at < n.items.size() &&
                   (limit == nullptr || n.items[listed_at] < *limit)) {
                found_.there_only(n.items[listed_at++]);
                any = true;
            }
        };
        item_key from = n.low;
        for (bool more = true; more;) {
            const auto page = here_.list(from, n.high, page_items);
            for (const item_key& key : page) {
                const listed_item own = listed(key);
                there_before(&own);
                if (listed_at < n.items.size() && n.items[listed_at] == own) {
                    ++listed_at;
                } else {
                    found_.here_only(key);
                    any = true;
                }
            }
            more = page.size() == page_items;
            if (more) from = successor(page.back());
        }
        there_before(nullptr);
        if (!any && ++fruitless_ > fruitless_max) refuse("tells of differences that are none");
    }

    const item_set& here_;
    const exchange& send_;
    differences& found_;
    compare_result result_;
    std::deque<node> open_;
    std::uint64_t fruitless_ = 0;
};

}  // namespace

std::string answer(const item_set& here, std::string_view message) {
    const auto asked = decode_asked(message);
    std::vector<told_range> told(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        const auto& [low, high, is] = asked[i];
        if (is == asked_range::what::split) {
            const std::uint64_t count = here.add_up(low, high).count;
            told[i].parts =
                here.split(low, high, std::max<std::uint64_t>(1, (count + parts - 1) / parts));
            continue;
        }
        std::vector<listed_item> items;
        for (const item_key& key : here.list(low, high, listed_max + 1)) {
            items.push_back(listed(key));
        }
        if (items.size() <= listed_max) told[i].items = std::move(items);
    }
    return encode(asked, told);
}

compare_result compare(const item_set& here, const exchange& send, differences& found) {
    return comparison(here, send, found).run();
}

}  // namespace idem::sync
