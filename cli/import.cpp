// idem import: event lines of any number in constant memory, in batches that share a commit.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "progress.hpp"
#include "read_ahead.hpp"
#include "receipts.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

// Well below limits::batch_bytes_max, for records are larger than their lines by some bytes.
constexpr std::size_t batch_bytes = 16 << 20;

class importer {
public:
    importer(const import_options& options, session& s)
        : options_(options), session_(s), invalid_(s), conflicts_(s), progress_("import") {}

    int run();

private:
    void take(read_ahead::batch b);
    void append_pending();
    // Nullopt where the whole part was taken; else the index of an event that stands in the way.
    std::optional<std::size_t> append_part(std::size_t first, std::size_t count);
    void give_up_on(std::size_t index);
    void tell_faults_before(std::uint64_t line);  // a batch is of one file
    void count(const told_receipt& receipt);
    void finish();

    const import_options& options_;
    session& session_;
    interrupt interrupt_;
    std::optional<store_to_fill> store_;
    line_faults invalid_;
    line_faults conflicts_;
    progress progress_;

    std::vector<placed_event> pending_;
    std::vector<event> batch_;  // of pending_, side by side as append() wants them
    std::vector<read_ahead::fault> faults_;
    std::size_t next_fault_ = 0;  // that is not told yet
    std::string trouble_;         // why the last part was refused
    std::optional<told_receipt> refused_;

    std::uint64_t appended_ = 0;
    std::uint64_t duplicates_ = 0;
    std::uint64_t erased_ = 0;  // of the conflicts
    std::optional<std::uint64_t> first_position_;
    std::optional<std::uint64_t> last_position_;
    std::optional<std::uint64_t> bytes_in_all_ = 0;
    std::uint64_t bytes_read_ = 0;
    bool complete_ = false;  // everything was read
};

int importer::run() {
    const auto files = open_inputs(options_.files, session_);
    for (const auto& file : files) {
        const auto size = file.size();
        bytes_in_all_ =
            bytes_in_all_ && size ? std::optional(*bytes_in_all_ + *size) : std::nullopt;
    }
    store_.emplace(options_.store);
    try {
        read_ahead lines(files, interrupt_, options_.batch, batch_bytes);
        while (auto batch = lines.next()) take(std::move(*batch));
        complete_ = !interrupt_.requested();
    } catch (const error&) {
        finish();  // what was appended before is on disk, and is told
        throw;
    }
    finish();
    if (interrupt_.requested()) return interrupted_by(interrupt_.signal());
    int code = success;
    if (conflicts_.count() > 0) code = graver(code, rejected);
    if (invalid_.count() > 0) code = graver(code, invalid);
    return code;
}

void importer::take(read_ahead::batch b) {
    if (!b.faults.empty()) progress_.clear();
    pending_ = std::move(b.events);
    faults_ = std::move(b.faults);
    next_fault_ = 0;
    append_pending();
    tell_faults_before(std::numeric_limits<std::uint64_t>::max());
    bytes_read_ = b.bytes_read;
    progress_.update({bytes_read_, bytes_in_all_, appended_ + duplicates_, byte_size(bytes_read_)});
}

void importer::tell_faults_before(std::uint64_t line) {
    for (; next_fault_ < faults_.size() && faults_[next_fault_].line < line; ++next_fault_) {
        const auto& f = faults_[next_fault_];
        invalid_.add(*f.file, f.line, f.what);
    }
}

// A batch with an event that cannot be taken is refused whole. Then what stands before that event
// goes first, and the rest is tried in small steps that double, so that a file full of such events
// takes time in proportion to its length.
void importer::append_pending() {
    constexpr std::size_t careful_step = 16;
    batch_.clear();
    for (auto& p : pending_) batch_.push_back(std::move(p.event));
    std::size_t done = 0;
    std::size_t step = pending_.size();
    while (done < pending_.size()) {
        const std::size_t part = std::min(step, pending_.size() - done);
        const auto obstacle = append_part(done, part);
        if (!obstacle) {
            done += part;
            step *= 2;
        } else if (*obstacle > 0) {
            step = *obstacle;
        } else {
            give_up_on(done++);
            step = careful_step;
        }
    }
    pending_.clear();
    if (options_.receipts) session_.out.flush();  // who waits for them before sending more
}

std::optional<std::size_t> importer::append_part(std::size_t first, std::size_t count_of_events) {
    const std::span<const event> part = std::span(batch_).subspan(first, count_of_events);
    refused_.reset();
    try {
        const append_result result = store_->get().append(part);
        auto told = receipts_of(part, result);
        if (result.accepted()) {
            for (const auto& receipt : told) count(receipt);
            return std::nullopt;
        }
        trouble_ = *told[result.rejection->index].detail;
        refused_ = std::move(told[result.rejection->index]);
        return result.rejection->index;
    } catch (const error& e) {
        const auto index = e.place().index;
        if (e.code() != errc::invalid_input || !index || *index >= part.size()) throw;
        trouble_ = without_index(e.what());
        return *index;
    }
}

void importer::give_up_on(std::size_t index) {
    progress_.clear();
    tell_faults_before(pending_[index].line);
    if (!refused_) return invalid_.add(pending_[index], trouble_);
    if (refused_->outcome == outcome::erased) ++erased_;
    conflicts_.add(pending_[index], fmt::format("{}: {}", to_string(refused_->outcome), trouble_));
    if (options_.receipts) print(session_, *refused_);
}

void importer::count(const told_receipt& receipt) {
    if (receipt.outcome == outcome::appended) {
        ++appended_;
        if (!first_position_) first_position_ = receipt.position;
        last_position_ = receipt.position;
    } else {
        ++duplicates_;
    }
    if (options_.receipts) print(session_, receipt);
}

void importer::finish() {
    progress_.clear();
    invalid_.finish();
    conflicts_.finish();
    const double seconds = progress_.seconds();
    const std::string speed = rate(appended_ + duplicates_, seconds);
    if (session_.json && !options_.receipts) {
        json_line line;
        line.number("appended", appended_).number("duplicate", duplicates_);
        line.number("id_conflict", conflicts_.count() - erased_).number("erased", erased_);
        line.number("invalid", invalid_.count());
        line.number("first_position", first_position_).number("last_position", last_position_);
        line.flag("complete", complete_);
        session_.out.write(line.str());
    } else {
        const std::string text = fmt::format(
            "{} appended, {} duplicate, {} id_conflict, {}{} invalid", with_commas(appended_),
            with_commas(duplicates_), with_commas(conflicts_.count() - erased_),
            erased_ == 0 ? "" : with_commas(erased_) + " erased, ", with_commas(invalid_.count()));
        if (options_.receipts) {
            session_.tell(text);
        } else {
            session_.out.write(text + "\n");
        }
    }
    session_.out.flush();
    if (interrupt_.requested()) {
        session_.tell("interrupted: import the same input again, what is there is a duplicate");
    } else if (complete_ && appended_ + duplicates_ > 0 && !speed.empty()) {
        session_.tell(fmt::format("{} in {:.1f} s, {}", byte_size(bytes_read_), seconds, speed));
    }
}

}  // namespace

int run(const import_options& options, session& s) {
    return importer(options, s).run();
}

}  // namespace idem::cli
