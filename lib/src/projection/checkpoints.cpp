#include "projection/checkpoints.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "base/big_endian.hpp"
#include "base/hash.hpp"
#include "catalog_generated.h"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/catalog.hpp"
#include "projection/kept_state.hpp"
#include "storage/cursor.hpp"
#include "storage/folder_lock.hpp"

namespace idem {
namespace {

using hash::operator+;

constexpr std::string_view prefix = "checkpoint/";
constexpr std::size_t step_bytes = 2 << 20;  // written in one commit
constexpr std::size_t step_rows = 4096;

struct checkpoint {
    std::string key;  // in the catalog
    std::uint32_t id = 0;
    checkpoint_info info;
    state_digest digest;
    std::string fingerprint;
    key_kind keys = key_kind::text;
};

// What all keys of its rows begin with.
std::string row_prefix(std::uint32_t id) {
    std::string bytes;
    append_big_endian(bytes, id, 4);
    return bytes;
}

std::uint32_t id_of(std::string_view row_key) {
    return static_cast<std::uint32_t>(from_big_endian(row_key.substr(0, 4)));
}

std::string key_of(std::string_view name, std::uint32_t version, std::uint32_t id) {
    return fmt::format("{}{}/{}", prefix, versioned(name, version), id);
}

// Of all that an entry says, so that a damaged one is not believed.
std::uint64_t checksum_of(const checkpoint& c) {
    const std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", c.key, c.id,
                                         c.info.position, c.digest.high, c.digest.low, c.info.rows,
                                         c.info.bytes, c.fingerprint, static_cast<int>(c.keys));
    return hash::of_bytes(text);
}

// Of what made the rows: the code, and the log as of the last erasure in it. A definition may
// change before its version is ever kept.
std::string maker_of(const projection& p, const registered_schemas& known, std::uint64_t erasures) {
    std::string code = fingerprint_of(identity_of(p, known));
    if (erasures != 0) code += fmt::format("\nerasures {}", erasures);
    return to_string(hash::of_row(code, p.definition));
}

// Those whose entries are sound; the keys of the others, of no use and of no harm, go to `unsound`.
std::vector<checkpoint> read_all(const storage::transaction& txn, storage::table catalog,
                                 std::vector<std::string>* unsound = nullptr) {
    std::vector<checkpoint> found;
    storage::cursor cursor(txn, catalog);
    for (auto entry = cursor.seek(prefix); entry && entry->first.starts_with(prefix);
         entry = cursor.next()) {
        const std::string bytes(entry->second);  // LMDB aligns to 2 bytes only
        flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                       bytes.size());
        const std::string_view named = entry->first.substr(prefix.size());
        const auto slash = named.rfind('/');
        const auto at = named.rfind('@', slash);
        if (!verifier.VerifyBuffer<wire::CheckpointInfo>(nullptr) ||
            slash == std::string_view::npos || at == std::string_view::npos) {
            if (unsound) unsound->emplace_back(entry->first);
            continue;
        }
        const auto& read = *flatbuffers::GetRoot<wire::CheckpointInfo>(bytes.data());
        checkpoint c;
        c.key = entry->first;
        c.id = read.id();
        c.info.name = named.substr(0, at);
        c.info.version = static_cast<std::uint32_t>(
            std::strtoul(std::string(named.substr(at + 1, slash - at - 1)).c_str(), nullptr, 10));
        c.info.position = read.position();
        c.info.rows = read.rows();
        c.info.bytes = read.bytes();
        c.digest = {read.digest_high(), read.digest_low()};
        c.fingerprint = read.fingerprint()->str();
        c.keys = static_cast<key_kind>(read.key_kind());
        if (read.checksum() == checksum_of(c)) {
            found.push_back(std::move(c));
        } else if (unsound) {
            unsound->push_back(std::move(c.key));
        }
    }
    return found;
}

void write_entry(storage::write_transaction& txn, storage::table catalog, const checkpoint& c) {
    flatbuffers::FlatBufferBuilder builder;
    const auto fingerprint = builder.CreateString(c.fingerprint);
    builder.Finish(wire::CreateCheckpointInfo(builder, c.id, c.info.position, c.digest.high,
                                              c.digest.low, c.info.rows, c.info.bytes, fingerprint,
                                              static_cast<std::uint8_t>(c.keys), checksum_of(c)));
    txn.put(catalog, c.key,
            {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

// Erases the rows of one id, in short commits.
void erase_rows(storage::environment& env, storage::table rows, std::uint32_t id) {
    const std::string start = row_prefix(id);
    for (bool more = true; more;) {
        storage::write(env, [&](storage::write_transaction& txn) {
            more = storage::erase_some(txn, rows, start, step_rows);
        });
    }
}

void drop(storage::environment& env, storage::table catalog, storage::table rows,
          const checkpoint& c) {
    storage::write(env, [&](storage::write_transaction& txn) { txn.erase(catalog, c.key); });
    erase_rows(env, rows, c.id);
}

// Ids whose rows a crash has left without an entry.
std::vector<std::uint32_t> orphans(const storage::transaction& txn, storage::table rows,
                                   const std::vector<checkpoint>& known, std::uint32_t& greatest) {
    std::vector<std::uint32_t> found;
    greatest = 0;
    storage::cursor cursor(txn, rows);
    for (auto entry = cursor.first(); entry;) {
        const std::uint32_t id = id_of(entry->first);
        greatest = id;
        const bool kept = std::any_of(known.begin(), known.end(),
                                      [id](const checkpoint& c) { return c.id == id; });
        if (!kept) found.push_back(id);
        if (id == std::numeric_limits<std::uint32_t>::max()) break;
        entry = cursor.seek(row_prefix(id + 1));
    }
    return found;
}

// Of those of one version the one that is missed least: of other code, or else the one whose
// neighbours are nearest, `newest` among them. The last one stays: most looks begin there.
const checkpoint* least_wanted(const std::vector<checkpoint>& all, const checkpoint& newest) {
    std::vector<const checkpoint*> same;
    for (const auto& c : all) {
        if (c.info.name != newest.info.name || c.info.version != newest.info.version) continue;
        if (c.fingerprint != newest.fingerprint) return &c;
        same.push_back(&c);
    }
    if (same.size() < checkpoints_max) return nullptr;
    same.push_back(&newest);
    std::sort(same.begin(), same.end(), [](const checkpoint* a, const checkpoint* b) {
        return a->info.position < b->info.position;
    });
    const checkpoint* least = nullptr;
    std::uint64_t gap = std::numeric_limits<std::uint64_t>::max();
    for (std::size_t i = 0; i + 1 < same.size(); ++i) {
        if (same[i] == &newest) continue;
        const std::uint64_t before = i == 0 ? 0 : same[i - 1]->info.position;
        const std::uint64_t after = same[i + 1]->info.position;
        if (after - before < gap) {
            gap = after - before;
            least = same[i];
        }
    }
    return least;
}

// Copies the rows of a checkpoint where a runner will look for them. False: they are not what its
// entry says, so they are of no use.
bool load_rows(const storage::transaction& txn, storage::table kept, const checkpoint& c,
               const projection_place& to, const projection_identity& identity) {
    const std::string start = row_prefix(c.id);
    state_digest digest;
    std::string last = start;
    for (bool more = true; more;) {
        state_digest with_these;
        std::string behind;
        bool sound = true;
        storage::write(*to.env, [&](storage::write_transaction& out) {
            with_these = digest;
            behind = last;
            sound = true;
            storage::cursor cursor(txn, kept);
            std::size_t bytes = 0;
            auto entry = cursor.seek(last);
            if (entry && entry->first == last) entry = cursor.next();
            for (; entry && entry->first.starts_with(start) && bytes < step_bytes;
                 entry = cursor.next()) {
                const auto key = entry->first.substr(start.size());
                sound = entry->first > behind;
                if (!sound) return;
                with_these = with_these + hash::of_row(key, entry->second);
                out.append(to.rows, key, entry->second);
                bytes += entry->first.size() + entry->second.size();
                behind = entry->first;
            }
            more = entry && entry->first.starts_with(start);
            if (more || with_these != c.digest) return;
            auto record = read_projection(out, to.catalog, to.key).value();
            record.made_by = identity;
            record.checkpoint = c.info.position;
            record.digest = c.digest;
            write_projection(out, to.catalog, to.key, record);
        });
        if (!sound) return false;
        digest = with_these;
        last = behind;
    }
    return digest == c.digest;
}

// Rows alone do not tell what a late event would take back.
bool keeps_checkpoints(const projection& p) {
    return p.order != fold_order::canonical;
}

projection_place make_scratch(const projection& p, const projection_identity& identity) {
    const auto env = storage::environment::scratch(std::filesystem::temp_directory_path());
    return prepare_projection(env, p, identity).value();
}

scratch_rows make_scratch_at(const event_source& source, const projection& p,
                             std::uint64_t position, unsigned threads, const watch_work& watch,
                             std::uint64_t horizon_ms) {
    const auto known = source.schemas->get();
    const projection_identity identity = identity_of(p, *known);
    const std::string fingerprint = maker_of(p, *known, source.tables.subjects->last_erasure());
    projection_place place = make_scratch(p, identity);
    std::uint64_t start = 0;
    const auto kept = source.env->find_table(checkpoints_table);
    if (kept && keeps_checkpoints(p)) {
        const auto catalog = source.env->find_table(catalog_name).value();
        const storage::read_transaction txn(*source.env);
        const auto all = read_all(txn, catalog);
        const checkpoint* best = nullptr;
        for (const auto& c : all) {
            const bool fits = c.info.name == p.name && c.info.version == p.version &&
                              c.fingerprint == fingerprint && c.info.position <= position;
            if (fits && (!best || c.info.position > best->info.position)) best = &c;
        }
        if (best && load_rows(txn, *kept, *best, place, identity)) {
            start = best->info.position;
        } else if (best) {
            place = make_scratch(p, identity);
        }
    }
    runner_limits limits;
    limits.horizon_ms = horizon_ms;
    projection_runner runner(p, *known, place, source, threads, limits);
    const std::uint64_t reached = runner.advance(position, watch);
    return {place, fingerprint, reached, reached - std::min(reached, start)};
}

}  // namespace

std::vector<checkpoint_info> list_checkpoints(storage::environment& env) {
    const auto catalog = env.find_table(catalog_name);
    if (!catalog) return {};
    const storage::read_transaction txn(env);
    std::vector<checkpoint_info> found;
    for (const auto& c : read_all(txn, *catalog)) found.push_back(c.info);
    return found;
}

scratch_rows find_scratch_at(const event_source& source, const projection& p,
                             std::uint64_t position, unsigned threads, const watch_work& watch,
                             std::uint64_t horizon_ms) {
    return with_one_knowledge(
        [&] { return make_scratch_at(source, p, position, threads, watch, horizon_ms); });
}

state_found find_state_at(const event_source& source, const projection& p, std::uint64_t position,
                          unsigned threads, const watch_work& watch) {
    const scratch_rows found = find_scratch_at(source, p, position, threads, watch);
    const storage::read_transaction txn(*found.place.env);
    const auto record = read_projection(txn, found.place.catalog, found.place.key).value();
    return {make_state(found.place.env, found.place.catalog, record, p.row_to_json),
            found.fingerprint, found.replayed};
}

checkpoint_outcome save_checkpoint(const event_source& source, const projection& p,
                                   const state_found& found) {
    if (!keeps_checkpoints(p)) return checkpoint_outcome::none_of_canonical;
    const state& rows = found.rows;
    storage::environment& env = *source.env;
    // The folder itself is the lock: what a crash has left is cleared by the next one.
    const auto lock = storage::folder_lock::take(env.folder());
    if (!lock) return checkpoint_outcome::busy;
    const auto catalog = env.find_table(catalog_name).value();
    checkpoint made;
    made.info = {p.name, p.version, rows.position(), rows.row_count(), 0};
    made.digest = rows.digest();
    made.fingerprint = found.fingerprint;
    made.keys = p.keys;
    rows.for_each([&](std::string_view key, std::string_view row) {
        made.info.bytes += key.size() + row.size();
    });
    if (made.info.bytes > limits::checkpoint_bytes_max) return checkpoint_outcome::too_large;
    storage::table kept;
    storage::write(
        env, [&](storage::write_transaction& txn) { kept = txn.open_table(checkpoints_table); });
    std::vector<checkpoint> all;
    std::vector<std::string> unreadable;
    std::vector<std::uint32_t> left;
    {
        const storage::read_transaction txn(env);
        all = read_all(txn, catalog, &unreadable);
        left = orphans(txn, kept, all, made.id);
        for (const auto& c : all) made.id = std::max(made.id, c.id);  // some have no rows
        ++made.id;
    }
    for (const auto& c : all) {
        if (c.info.position == made.info.position && c.info.name == p.name &&
            c.info.version == p.version && c.fingerprint == made.fingerprint) {
            return checkpoint_outcome::kept;
        }
    }
    for (const auto& key : unreadable) {
        storage::write(env, [&](storage::write_transaction& txn) { txn.erase(catalog, key); });
    }
    for (const auto id : left) erase_rows(env, kept, id);
    if (const auto* const least = least_wanted(all, made)) drop(env, catalog, kept, *least);
    const std::string start = row_prefix(made.id);
    row_page page = rows.rows();
    for (;;) {
        storage::write(env, [&](storage::write_transaction& txn) {
            for (const auto& [key, row] : page.rows) txn.append(kept, start + key, row);
        });
        if (!page.more) break;
        page = rows.rows_after(page);
    }
    made.key = key_of(p.name, p.version, made.id);
    storage::write(env, [&](storage::write_transaction& txn) { write_entry(txn, catalog, made); });
    return checkpoint_outcome::kept;
}

void drop_checkpoints(storage::environment& env, std::string_view name, std::uint32_t version) {
    const auto kept = env.find_table(checkpoints_table);
    if (!kept) return;
    const auto catalog = env.find_table(catalog_name).value();
    std::vector<checkpoint> all;
    {
        const storage::read_transaction txn(env);
        all = read_all(txn, catalog);
    }
    for (const auto& c : all) {
        if (c.info.name == name && c.info.version == version) drop(env, catalog, *kept, c);
    }
}

void drop_checkpoint_entries(storage::write_transaction& txn, storage::table catalog,
                             std::uint64_t first) {
    for (const auto& c : read_all(txn, catalog)) {
        if (c.info.position >= first) txn.erase(catalog, c.key);
    }
}

void clear_dropped_checkpoints(storage::environment& env) {
    const auto kept = env.find_table(checkpoints_table);
    const auto lock = storage::folder_lock::take(env.folder());
    if (!kept || !lock) return;  // who keeps one at this time clears them
    const auto catalog = env.find_table(catalog_name).value();
    std::vector<std::uint32_t> left;
    {
        const storage::read_transaction txn(env);
        std::uint32_t greatest = 0;
        left = orphans(txn, *kept, read_all(txn, catalog), greatest);
    }
    for (const auto id : left) erase_rows(env, *kept, id);
}

}  // namespace idem
