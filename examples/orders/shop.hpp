// A shop that takes orders, charges them and writes e-mails, and may be killed at any moment.
//
//     POST /orders  ->  OrderPlaced and the saga "payment" in one commit, under the caller's key
//     saga          ->  reserve, charge, ship, confirm; undone in reverse where a step fails
//     each event    ->  an e-mail, declared in the commit of the event
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <idem/store.hpp>
#include <random>
#include <string>
#include <vector>

#include "provider.hpp"

namespace orders {

struct order_request {
    std::string customer;
    std::string idempotency_key;
    std::string item;
    std::uint64_t cents = 0;
};

struct http_answer {
    int status = 0;  // 201: placed, now or before; 409: the key is another request's
    std::string body;
};

// Where e-mails go: one file each, named by the key of its effect. As a mail service does that
// takes an idempotency key, it takes a second one of the same key for the first.
class mailbox {
public:
    explicit mailbox(std::filesystem::path folder);
    bool deliver(const std::string& key, const std::string& text) const;  // false: was there

private:
    std::filesystem::path folder_;
};

class shop {
public:
    // `told` is called before and after each call that leaves the process.
    using observe = std::function<void(const std::string& call, bool answered)>;
    // `lease` is how long one attempt may take, and others wait for a shop that has died.
    shop(const std::filesystem::path& folder, std::uint16_t provider_port, observe told = {},
         std::chrono::milliseconds lease = std::chrono::milliseconds(500));

    http_answer place_order(const order_request& asked);

    // Does what is due: steps of sagas, e-mails. Returns when every order has come to its end.
    void work_off();

    idem::store& store() noexcept { return store_; }

private:
    idem::step_result reserve(const idem::step_context& step);
    idem::step_result charge(const idem::step_context& step) const;
    idem::step_result refund(const idem::step_context& step) const;
    std::vector<idem::saga_definition> definitions();
    idem::effect_outcome send(const idem::effect_delivery& mail) const;

    idem::store store_;
    provider_client provider_;
    mailbox mails_;
    observe told_;
    const std::chrono::milliseconds lease_;
};

}  // namespace orders
