// A log whose events have the stamps that a test gives them, with its order index.
#pragma once

#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "log/block.hpp"
#include "log/catalog.hpp"
#include "log/decide.hpp"
#include "log/order_index.hpp"
#include "log/order_view.hpp"
#include "log/record.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

// Other stamps, as a test has noted them. A note names its event in the stream's type.
class listed_stamps final : public idem::stamp_notes {
public:
    struct noted {
        idem::uuid id;
        idem::other_stamp other;
    };
    std::map<idem::uuid, noted> by_note;
    std::map<std::uint64_t, std::vector<idem::other_stamp>> by_position;

    void each_in(const idem::event_view& note, const visit_stamp& visit) const override {
        const auto found = by_note.find(note.id());
        if (found != by_note.end()) visit(found->second.id, found->second.other);
    }
    std::vector<idem::other_stamp> of(const idem::storage::transaction&,
                                      std::uint64_t position) const override {
        const auto found = by_position.find(position);
        return found == by_position.end() ? std::vector<idem::other_stamp>() : found->second;
    }
};

class small_order {
public:
    small_order() {
        idem::storage::environment::create(path_, {}, idem::write_new_store);
        open();
    }

    // As a process that was killed leaves it, and another finds it.
    void reopen() {
        env_.reset();
        open();
    }
    idem::storage::environment& env() { return *env_; }
    const idem::log_tables& tables() const { return *tables_; }
    const std::filesystem::path& path() const { return path_; }

    void append(const std::vector<idem::event>& events, const std::vector<idem::stamp>& stamps) {
        idem::encoded_batch batch(events);
        idem::storage::write(*env_, [&](idem::storage::write_transaction& txn) {
            auto head = idem::read_log_head(txn, *tables_);
            auto revisions = revisions_;
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < events.size(); ++i) {
                batch.place(i, head.position + 1 + i, revisions[events[i].stream]++, stamps[i]);
                bytes += batch.record(i).size();
            }
            const auto count = static_cast<std::uint32_t>(events.size());
            idem::block_writer block(
                txn.append(tables_->log, head.position + 1, idem::block_bytes(count, bytes)),
                head.position + 1, static_cast<std::uint32_t>(head.blocks + 1), count);
            for (std::size_t i = 0; i < events.size(); ++i) block.add(batch.record(i));
        });
        for (const auto& e : events) ++revisions_[e.stream];
    }
    std::uint64_t head() {
        const idem::storage::read_transaction txn(*env_);
        return idem::head_of(txn, *tables_);
    }

    idem::order_pace pace{.slice_events = 100, .chunk_bytes_max = 400};
    listed_stamps notes;

    void bring_up(std::uint64_t position = ~0ULL) {
        idem::bring_up_to(*env_, *tables_, position, notes, pace);
    }
    template <class Body>
    void view(Body&& body) {
        const auto order = idem::find_order_table(*env_);
        REQUIRE(order);
        const idem::storage::read_transaction txn(*env_);
        body(idem::order_view(txn, *tables_, *order, notes));
    }

private:
    void open() {
        env_ = idem::storage::environment::open(path_, {});
        tables_.emplace(idem::log_tables::open(*env_));
    }

    std::map<std::string, std::uint64_t> revisions_;  // of each stream, the next
    scratch_folder folder_;
    std::filesystem::path path_ = folder_ / "s.idem";
    std::shared_ptr<idem::storage::environment> env_;
    std::optional<idem::log_tables> tables_;
};
