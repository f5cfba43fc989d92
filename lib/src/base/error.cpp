#include "idem/error.hpp"

namespace idem {

std::string_view to_string(errc code) noexcept {
    switch (code) {
        case errc::invalid_input:
            return "invalid_input";
        case errc::not_found:
            return "not_found";
        case errc::not_a_store:
            return "not_a_store";
        case errc::unsupported_format:
            return "unsupported_format";
        case errc::corrupt:
            return "corrupt";
        case errc::clock_drift:
            return "clock_drift";
        case errc::read_only:
            return "read_only";
        case errc::permission_denied:
            return "permission_denied";
        case errc::no_space:
            return "no_space";
        case errc::map_full:
            return "map_full";
        case errc::busy:
            return "busy";
        case errc::too_many_readers:
            return "too_many_readers";
        case errc::outcome_unknown:
            return "outcome_unknown";
        case errc::forked:
            return "forked";
        case errc::network_file_system:
            return "network_file_system";
        case errc::handler_failed:
            return "handler_failed";
        case errc::unknown_version:
            return "unknown_version";
        case errc::stale:
            return "stale";
        case errc::io:
            return "io";
    }
    return "unknown";
}

}  // namespace idem
