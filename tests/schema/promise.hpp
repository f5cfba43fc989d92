// What the schema room promises of any bytes whatever, as checks that tests can put to many.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/schema.hpp"

namespace promise {

// What the error says; nothing where the call works. Any other exception goes through and fails.
inline std::optional<std::string> refusal(const std::function<void()>& call) {
    try {
        call();
    } catch (const idem::error& e) {
        const std::string what = e.what();
        CHECK(e.code() == idem::errc::invalid_input);
        CHECK_MESSAGE(!e.place().field.empty(), what);
        CHECK_MESSAGE((!what.empty() && what.size() < 20'000), what.size());
        CHECK_MESSAGE((!idem::text::invalid_utf8(what) && !idem::text::has_control(what)), what);
        return what;
    }
    return std::nullopt;
}

inline void expect_refusal(const std::string& part, const std::function<void()>& call) {
    CAPTURE(part);
    const auto what = refusal(call);
    REQUIRE(what);
    CHECK_MESSAGE(what->find(part) != what->npos, *what);
}

// Bytes that end where their memory ends, so that the sanitizers see a read behind them.
class exact {
public:
    explicit exact(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
    std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

private:
    std::vector<char> bytes_;
};

// True where the payload is one: it prints as JSON that means the same.
inline bool keep_with_payload(const idem::schema& of, const std::string& table,
                              std::string_view payload) {
    const exact bytes(payload);
    const auto refused = refusal([&] { of.check(table, bytes.view()); });
    if (refused) {
        CHECK(refusal([&] { of.to_json(table, bytes.view()); }) == refused);
        return false;
    }
    const std::string json = of.to_json(table, bytes.view());
    CHECK_MESSAGE(!idem::json::check(json), json);
    const std::string again = of.from_json(table, json);
    CHECK_MESSAGE(of.to_json(table, again) == json, json);
    return true;
}

inline void keep_with_json(const idem::schema& of, const std::string& table,
                           std::string_view json) {
    std::string payload;
    if (refusal([&] { payload = of.from_json(table, exact(json).view()); })) return;
    CHECK_MESSAGE(keep_with_payload(of, table, payload), json);
}

// Nothing where it is no schema.
inline std::optional<idem::schema> keep_with_bfbs(std::string_view bfbs) {
    std::optional<idem::schema> loaded;
    const exact bytes(bfbs);
    if (refusal([&] { loaded = idem::schema::from_bfbs(bytes.view()); })) return std::nullopt;
    CHECK(loaded->bfbs() == bfbs);
    CHECK(compare(*loaded, *loaded).empty());
    for (const std::string& table : loaded->event_types()) {
        CHECK(loaded->has_table(table));
        keep_with_json(*loaded, table, "{}");
    }
    return loaded;
}

inline void keep_with_change(const idem::schema& before, const idem::schema& after) {
    for (const idem::schema_change& c : compare(before, after)) {
        CHECK(!c.rule.empty());
        CHECK_MESSAGE(!idem::text::invalid_utf8(c.message), c.message);
    }
}

// Calls `offer` with each of the systematic damages of the bytes.
inline void each_damage(const std::string& sound,
                        const std::function<void(const std::string& damaged)>& offer) {
    std::string bytes = sound;
    const auto put = [&](std::size_t at, std::string_view with) {
        if (at + with.size() > bytes.size() || sound.compare(at, with.size(), with) == 0) return;
        INFO("bytes ", at, " to ", at + with.size());
        bytes.replace(at, with.size(), with);
        offer(bytes);
        bytes.replace(at, with.size(), sound, at, with.size());
    };
    for (std::size_t i = 0; i < sound.size(); ++i) {
        put(i, std::string(1, '\0'));
        put(i, std::string(1, '\xff'));
        put(i, std::string(1, static_cast<char>(sound[i] ^ 0x80)));
    }
    for (std::size_t i = 0; i + 4 <= sound.size(); i += 4) {
        for (const std::uint32_t word :
             {0U, 1U, 4U, 8U, 12U, 20U, 0x7fffffffU, 0x80000000U, 0xfffffff0U, 0xffffffffU}) {
            put(i, {reinterpret_cast<const char*>(&word), 4});
        }
    }
    for (std::size_t i = 0; i < sound.size(); i += 64) put(i, std::string(64, '\0'));
    for (std::size_t size = 0; size < sound.size(); ++size) {
        INFO("cut to ", size);
        offer(sound.substr(0, size));
    }
    offer(sound + '\0');
    offer(sound + std::string(64, '\xff'));
    offer('\0' + sound);
}

}  // namespace promise
