#include "books.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <idem/store.hpp>
#include <nlohmann/json.hpp>

namespace orders {
namespace {

using nlohmann::json;

void read_shop(const std::filesystem::path& folder, books& b) {
    const idem::store shop(folder / "shop.idem", {.read_only = true});
    shop.read({}, [&b](const idem::event_view& e) {
        const std::string stream(e.stream());
        if (e.type() == "OrderPlaced") {
            const json placed = json::parse(e.data());
            order_books& order = b.orders[stream];
            order.item = placed.at("item");
            order.cents = placed.at("cents");
            ++order.placed;
        }
        if (e.type() == "OrderConfirmed") ++b.orders[stream].confirmed;
        if (e.type() == "OrderCancelled") ++b.orders[stream].cancelled;
        if (e.type() == "StockReserved") ++b.pieces_held[stream];
        if (e.type() == "StockReleased") --b.pieces_held[stream];
        if (e.type() == "idem.EffectDeclared") ++b.effects;
        if (e.type() == "idem.StepBegun") {
            const json begun = json::parse(e.data());
            if (begun.at("name") == "charge") ++b.orders[begun.at("saga")].charge_attempts;
        }
    });
}

void read_provider(const std::filesystem::path& folder, books& b) {
    const idem::store provider(folder / "provider.idem", {.read_only = true});
    provider.read({}, [&b](const idem::event_view& e) {
        const std::string order(e.stream());
        if (e.type() == "Charged") {
            ++b.orders[order].charged;
            b.orders[order].charged_cents += json::parse(e.data()).at("cents").get<std::uint64_t>();
        }
        if (e.type() == "Refunded" && json::parse(e.data()).at("money")) ++b.orders[order].refunded;
    });
}

void read_mails(const std::filesystem::path& folder, books& b) {
    for (const auto& file : std::filesystem::directory_iterator(folder / "mails")) {
        if (file.path().extension() != ".json") continue;  // the draft of somebody who was killed
        std::string text(std::filesystem::file_size(file), '\0');
        std::FILE* const opened = std::fopen(file.path().c_str(), "rb");
        if (!opened) continue;
        text.resize(std::fread(text.data(), 1, text.size(), opened));
        std::fclose(opened);
        ++b.mails;
        ++b.orders[json::parse(text).at("order")].mails;
    }
}

bool is_right(const order_books& o) {
    const bool kept = o.charged == 1 && o.refunded == 0 && o.charged_cents == o.cents;
    const bool given_back = o.charged == o.refunded && o.charged <= 1;
    const bool ended_once = o.confirmed + o.cancelled == 1;
    return o.placed == 1 && ended_once && o.mails == 2 && (o.confirmed == 1 ? kept : given_back);
}

}  // namespace

books read_books(const std::filesystem::path& folder) {
    books b;
    read_shop(folder, b);
    read_provider(folder, b);
    read_mails(folder, b);
    return b;
}

void print(const books& b) {
    fmt::print("{:<12}{:<12}{:>10}  {:<10}{:>7}{:>9}{:>10}{:>7}\n", "order", "item", "price",
               "ended", "asked", "charged", "refunded", "mails");
    std::uint64_t confirmed = 0;
    std::uint64_t cents = 0;
    for (const auto& [name, o] : b.orders) {
        fmt::print("{:<12}{:<12}{:>10.2f}  {:<10}{:>7}{:>9}{:>10}{:>7}{}\n", name, o.item,
                   static_cast<double>(o.cents) / 100, o.confirmed ? "confirmed" : "cancelled",
                   o.charge_attempts, o.charged, o.refunded, o.mails, is_right(o) ? "" : "  WRONG");
        confirmed += static_cast<std::uint64_t>(o.confirmed);
        if (o.confirmed) cents += o.cents;
    }
    fmt::print("{} of {} orders confirmed, for {:.2f}; {} e-mails of {} declared\n", confirmed,
               b.orders.size(), static_cast<double>(cents) / 100, b.mails, b.effects);
}

bool is_right(const books& b) {
    std::map<std::string, int> confirmed;
    for (const auto& [name, o] : b.orders) {
        if (o.confirmed) ++confirmed["stock-" + o.item];
    }
    for (const auto& [stock, pieces] : b.pieces_held) {
        if (pieces != confirmed[stock]) return false;
    }
    return b.mails == b.effects && std::all_of(b.orders.begin(), b.orders.end(),
                                               [](const auto& o) { return is_right(o.second); });
}

}  // namespace orders
