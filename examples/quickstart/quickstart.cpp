// The whole idea: deliver twice, count once.
#include <idem/store.hpp>
#include <iostream>

int main() {
    idem::store store("orders.idem");

    // Rows are totals in cents, by customer; the fold is pure, so it can be replayed at any time.
    const auto totals = idem::keyed_fold<std::string, std::int64_t>("totals").on(
        "Paid", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::int64_t cents, const idem::event_view& e) {
            return cents + std::stoll(std::string(e.data()));
        });
    store.run(totals, idem::projection_mode::inline_);

    idem::event paid{.id = *idem::uuid::parse("0190a5c4-7b1e-7c3a-9f00-3d2b1a6c5e4f")};
    paid.stream = "ann";
    paid.type = "Paid";
    paid.data = "1250";
    for (int delivery = 1; delivery <= 3; ++delivery) {
        const auto receipt = store.append(paid).receipts.front();
        std::cout << to_string(receipt.outcome) << " at position " << receipt.position << ", total "
                  << *store.state(totals).find("ann").row << '\n';
    }
}
