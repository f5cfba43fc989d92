#include "idempotency/effect_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idempotency/effect_fold.hpp"

namespace idem {
namespace {

bool concerns(const effect_rule& rule, const event_view& e) {
    return rule.types.empty() ||
           std::find(rule.types.begin(), rule.types.end(), e.type()) != rule.types.end();
}

[[noreturn]] void fail(const effect_rule& rule, const event_view& e, const char* why) {
    throw error(errc::handler_failed, fmt::format("the effect rule {} failed at event {} ({}): {}",
                                                  rule.name, to_string(e.id()), e.type(), why));
}

bool is_declaration(const event_view& e) {
    return e.stream() == effects_stream && e.type() == "idem.EffectDeclared";
}

}  // namespace

bool is_declared(const open_log& log, const uuid& id, std::string_view name) {
    bool declared = false;
    log.known.show_id(id, [&](const event_view& e) {
        declared = is_declaration(e);
        if (declared) return;
        throw error(
            errc::invalid_input,
            fmt::format("the effect {} would have the id {}, which the event at position "
                        "{} ({}) has; give the event that it is declared of another id, or "
                        "the effect another name",
                        text::shown(name), to_string(id), e.position(), text::shown(e.type())),
            {.field = "id"});
    });
    return declared;
}

effect_sink::state::state(const open_log& l, std::span<const event_view> fresh, timestamp now)
    : log_(l), now_(now) {
    for (const auto& e : fresh) {
        if (is_declaration(e)) in_batch_.insert(e.id());
    }
}

uuid effect_sink::state::declare(const effect& e) {
    std::uint32_t& index = indexes_[{event_, e.name}];
    event declared = declare_effect(event_, e, index, now_);
    ++index;
    const uuid id = declared.id;
    const bool known = in_batch_.contains(id) || is_declared(log_, id, e.name);
    if (!known) declared_.push_back(std::move(declared));
    return id;
}

uuid effect_sink::declare(effect e) {
    return state_.declare(e);
}

void effect_rules::add(const effect_rule& rule) {
    if (rule.name.empty() || !rule.declare) {
        throw error(errc::invalid_input,
                    fmt::format("the effect rule {} has no {}", text::shown(rule.name),
                                rule.name.empty() ? "name" : "function"),
                    {.field = rule.name.empty() ? "name" : "declare"});
    }
    const std::scoped_lock lock(mutex_);
    const auto same = [&](const effect_rule& other) { return other.name == rule.name; };
    if (std::any_of(rules_->begin(), rules_->end(), same)) {
        throw error(
            errc::invalid_input,
            fmt::format("the effect rule {} runs on this handle already", text::shown(rule.name)),
            {.field = "name"});
    }
    auto longer = std::make_shared<list>(*rules_);
    longer->push_back(rule);
    rules_ = std::move(longer);
}

std::shared_ptr<const effect_rules::list> effect_rules::rules() const {
    const std::scoped_lock lock(mutex_);
    return rules_;
}

std::vector<event> effect_rules::derive(const open_log& log,
                                        std::span<const event_view> fresh) const {
    const auto rules = this->rules();
    if (rules->empty()) return {};
    effect_sink::state found(log, fresh, clock_.now());
    effect_sink sink(found);
    for (const auto& e : fresh) {
        if (e.stream().starts_with('$')) continue;
        found.turn_to(e.id());
        for (const auto& rule : *rules) {
            if (!concerns(rule, e)) continue;
            try {
                rule.declare(e, sink);
            } catch (const std::exception& why) {
                fail(rule, e, why.what());
            } catch (...) {
                fail(rule, e, "it threw what is no exception");
            }
        }
    }
    return std::move(found).take();
}

}  // namespace idem
