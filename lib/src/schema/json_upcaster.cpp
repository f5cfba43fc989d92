#include "schema/json_upcaster.hpp"

#include <fmt/format.h>

#include "idem/error.hpp"
#include "schema/json_operation.hpp"
#include "schema/scalar.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const json_program& program, std::string_view step,
                         const unfit_member& unfit) {
    throw error(errc::invalid_input,
                fmt::format("{}, version {} to {}{}: {} {}", program.type, program.from,
                            program.from + 1, step, unfit.place, unfit.why),
                {.field = unfit.place});
}

std::string step_name(const json_program& program, std::size_t step) {
    return std::visit(
        [&](const auto& operation) { return fmt::format(", /do/{} ({})", step, operation.verb); },
        program.operations[step]);
}

// An event may have no data at all, which is not JSON.
void expect_object(const json_program& program, std::string_view data) {
    if (data.empty()) refuse(program, "", {"data", "is empty where it must be an object"});
    const json::kind kind = json::kind_of(data);
    if (kind != json::kind::object) {
        refuse(program, "", {"data", says_wrong_kind(kind, json::kind::object)});
    }
}

}  // namespace

const std::string& json_upcaster::type() const noexcept {
    return program_->type;
}
std::uint32_t json_upcaster::from() const noexcept {
    return program_->from;
}
const std::string& json_upcaster::definition() const noexcept {
    return program_->definition;
}

std::string json_upcaster::apply(std::string_view data) const {
    const json_program& program = *program_;
    expect_object(program, data);
    json_rewrite rewrite(data);
    std::size_t step = 0;
    try {
        for (; step < program.operations.size(); ++step) {
            std::visit([&](const auto& operation) { operation.apply(rewrite); },
                       program.operations[step]);
        }
        return rewrite.print();
    } catch (const unfit_member& unfit) {
        const bool after_all = step == program.operations.size();
        refuse(program, after_all ? "" : step_name(program, step), unfit);
    }
}

}  // namespace idem
