// What is written in the end: the shop's orders, the provider's account, and the e-mails, side by
// side.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace orders {

struct order_books {
    std::string item;
    std::uint64_t cents = 0;
    int placed = 0;  // events of the shop
    int confirmed = 0;
    int cancelled = 0;
    int charged = 0;          // events of the provider
    int refunded = 0;         // with money
    int charge_attempts = 0;  // calls that the shop began
    int mails = 0;
    std::uint64_t charged_cents = 0;
};

struct books {
    std::map<std::string, order_books> orders;
    std::uint64_t mails = 0;
    std::uint64_t effects = 0;  // declared
    std::map<std::string, int> pieces_held;
};

books read_books(const std::filesystem::path& folder);
void print(const books& b);

// Each order was placed once, and confirmed and charged once, or cancelled and nothing kept; of
// each there are two e-mails.
bool is_right(const books& b);

}  // namespace orders
