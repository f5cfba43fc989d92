#include "shop.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>

namespace orders {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr int pieces_in_stock = 3;  // of each item
constexpr std::string_view unshippable = "anvil";

// Pieces of an item that orders hold.
const idem::stream_fold<std::int64_t> held{
    .name = "held", .apply = [](std::int64_t pieces, const idem::event_view& e) {
        return pieces + (e.type() == "StockReserved" ? 1 : -1);
    }};

std::string stock_of(const std::string& item) {
    return "stock-" + item;
}

// An event that a saga's step makes: always the same one, so that it is never there twice.
idem::event make_event(const idem::step_context& step, const std::string& stream,
                       const std::string& type) {
    idem::event e;
    e.id = idem::make_uuid_v5(step.key, type);
    e.stream = stream;
    e.type = type;
    e.data = json{{"order", step.saga}}.dump();
    e.correlation_id = step.saga;
    return e;
}

// What the customer is told, and when.
idem::effect_rule mails_to_customers() {
    return {.name = "mails",
            .types = {"OrderPlaced", "OrderConfirmed", "OrderCancelled"},
            .declare = [](const idem::event_view& e, idem::effect_sink& effects) {
                const json text{{"order", e.stream()}, {"about", e.type()}};
                effects.declare({.name = "mail",
                                 .payload = text.dump(),
                                 .order_key = std::string(e.stream()),
                                 .backoff_first = 5ms,
                                 .backoff_max = 50ms});
            }};
}

[[noreturn]] void fail(const std::string& path) {
    throw std::system_error(errno, std::generic_category(), path);
}

// A file under a name of its own until it is published; whoever is killed before leaves it behind.
class draft {
public:
    explicit draft(const std::filesystem::path& folder)
        : folder_(folder),
          path_(folder / ".draft-XXXXXX"),
          file_(::mkostemp(path_.data(), O_CLOEXEC)) {
        if (file_ < 0) fail(path_);
    }
    ~draft() {
        ::unlink(path_.c_str());
        ::close(file_);
    }
    draft(const draft&) = delete;
    draft& operator=(const draft&) = delete;

    void write(std::string_view text) const {
        while (!text.empty()) {
            const auto written = ::write(file_, text.data(), text.size());
            if (written < 0 && errno != EINTR) fail(path_);
            if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
        }
        if (::fsync(file_) != 0) fail(path_);
    }

    // False: the name is taken. Who took it may have died before it was on the disk, so that it is
    // brought there either way.
    bool publish(const std::string& name) const {
        const bool first = ::link(path_.c_str(), (folder_ / name).c_str()) == 0;
        if (!first && errno != EEXIST) fail(folder_ / name);
        const int folder = ::open(folder_.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (folder < 0) fail(folder_);
        const int synced = ::fsync(folder);
        ::close(folder);
        if (synced != 0) fail(folder_);
        return first;
    }

private:
    const std::filesystem::path folder_;
    std::string path_;
    const int file_;
};

}  // namespace

mailbox::mailbox(std::filesystem::path folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
}

// A name in the box stands for a whole mail, whenever the process is killed or the power goes.
bool mailbox::deliver(const std::string& key, const std::string& text) const {
    const draft mail(folder_);
    mail.write(text);
    return mail.publish(key + ".json");
}

shop::shop(const std::filesystem::path& folder, std::uint16_t provider_port, observe told,
           std::chrono::milliseconds lease)
    : store_(folder / "shop.idem"),
      provider_(provider_port, told),
      mails_(folder / "mails"),
      told_(std::move(told)),
      lease_(lease) {
    store_.run(mails_to_customers());
}

http_answer shop::place_order(const order_request& asked) {
    const auto answer = store_.once(
        {asked.customer, "POST /orders"}, asked.idempotency_key,
        idem::request().with("item", asked.item).with("cents", asked.cents),
        [&](idem::transaction& t) {
            const std::string order = "order-" + asked.idempotency_key;
            const json body{
                {"customer", asked.customer}, {"item", asked.item}, {"cents", asked.cents}};
            t.append({.stream = order, .type = "OrderPlaced", .data = body.dump()});
            t.start_saga("payment", 1, order, body.dump());
            return order;
        });
    if (answer.completed()) return {201, answer.result};
    return {409, std::string(idem::to_string(answer.outcome))};
}

// The last piece is not sold twice, for what is decided on stands when the event joins the log.
idem::step_result shop::reserve(const idem::step_context& step) {
    const std::string stock = stock_of(json::parse(step.input).at("item"));
    const auto reserved = store_.once({"payment", "reserve"}, to_string(step.key), {},
                                      [&](idem::transaction& t) -> idem::command_result {
                                          if (t.fold(held, stock).value >= pieces_in_stock) {
                                              return idem::command_result::reject("out of stock");
                                          }
                                          t.append(make_event(step, stock, "StockReserved"));
                                          return "reserved";
                                      });
    if (reserved.completed()) return idem::step_result::done(reserved.result);
    return idem::step_result::fail(reserved.result);
}

idem::step_result shop::charge(const idem::step_context& step) const {
    try {
        const std::uint64_t cents = json::parse(step.input).at("cents");
        return idem::step_result::done(provider_.charge(to_string(step.key), step.saga, cents));
    } catch (const declined& why) {
        return idem::step_result::fail(why.what());
    } catch (const no_answer& why) {
        return idem::step_result::retry(why.what());
    }
}

idem::step_result shop::refund(const idem::step_context& step) const {
    try {
        provider_.refund(to_string(step.key), step.saga);
        return idem::step_result::done();
    } catch (const no_answer& why) {
        return idem::step_result::retry(why.what());
    }
}

std::vector<idem::saga_definition> shop::definitions() {
    using idem::step_context;
    using idem::step_result;
    const idem::step_backoff soon{.first = 2ms, .longest = 20ms};
    constexpr std::uint32_t attempts = 30;
    const idem::saga_step accept{.name = "accept",
                                 .action = [](step_context&) { return step_result::done(); },
                                 .compensation =
                                     [](step_context& step) {
                                         step.append(make_event(step, step.saga, "OrderCancelled"));
                                         return step_result::done();
                                     }};
    const idem::saga_step stock{
        .name = "reserve",
        .action = [this](step_context& step) { return reserve(step); },
        .compensation =
            [](step_context& step) {
                if (step.action == idem::step_state::done) {
                    const auto item = json::parse(step.input).at("item");
                    step.append(make_event(step, stock_of(item), "StockReleased"));
                }
                return step_result::done();
            }};
    const idem::saga_step money{.name = "charge",
                                .action = [this](step_context& step) { return charge(step); },
                                .compensation = [this](step_context& step) { return refund(step); },
                                .attempts_max = attempts,
                                .backoff = soon};
    const idem::saga_step parcel{.name = "ship", .action = [](step_context& step) {
                                     const std::string item = json::parse(step.input).at("item");
                                     const bool can = !item.starts_with(unshippable);
                                     return can ? step_result::done()
                                                : step_result::fail("too heavy for the post");
                                 }};
    const idem::saga_step confirm{
        .name = "confirm",
        .action =
            [](step_context& step) {
                step.append(make_event(step, step.saga, "OrderConfirmed"));
                return step_result::done();
            },
        .point_of_no_return = true};
    return {{.name = "payment", .version = 1, .steps = {accept, stock, money, parcel, confirm}}};
}

idem::effect_outcome shop::send(const idem::effect_delivery& mail) const {
    const std::string key = to_string(mail.id);
    if (told_) told_("mail " + key, false);
    const bool first = mails_.deliver(key, mail.payload);
    if (told_) told_("mail " + key, true);
    return idem::effect_outcome::done(first ? "sent" : "was sent before");
}

void shop::work_off() {
    const auto known = definitions();
    const auto is_open = [this] {
        const auto effects = store_.effects().stats();
        return store_.sagas().stats().all.open() + effects.due + effects.attempted +
                   effects.failed >
               0;
    };
    std::stop_source done;
    const std::jthread payments(
        [&] { store_.sagas().run(known, {.lease = lease_}, done.get_token()); });
    const std::jthread post([&] {
        store_.effects().run([this](const idem::effect_delivery& mail) { return send(mail); },
                             {.lease = lease_, .stop = done.get_token()});
    });
    store_.follow(
        {}, [&](const idem::recorded_event& e) { return e.position < store_.head() || is_open(); });
    done.request_stop();
}

}  // namespace orders
