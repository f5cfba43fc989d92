// Projections for the command line, in a shared library. Write
//
//     #include <idem/plugin.hpp>
//
//     std::vector<idem::projection> idem_projections() { return {bank::accounts()}; }
//
// and in CMake
//
//     find_package(idem REQUIRED)
//     idem_add_projections(bank SOURCES bank_projections.cpp)
//
// then `idem --plugin ./libbank.so state bank.idem accounts`.
#pragma once

#include <vector>

#include "idem/projection.hpp"

namespace idem {

// What a plug-in exports under the C name `idem_plugin`. The glue that idem_add_projections()
// compiles in fills it; the command refuses one that was built for another idem or compiler.
struct plugin {
    const char* built_for;  // plugin_abi() of the headers it was built with
    std::vector<projection> (*projections)();
};

// Both sides must agree on the library's version and the compiler's C++ ABI.
constexpr const char* plugin_abi() noexcept;

}  // namespace idem

#include "idem/version.hpp"

constexpr const char* idem::plugin_abi() noexcept {
#if defined(__GLIBCXX__) && defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI
    return "idem " IDEM_VERSION ", libstdc++ with C++11 strings";
#elif defined(__GLIBCXX__)
    return "idem " IDEM_VERSION ", libstdc++ with old strings";
#else
    return "idem " IDEM_VERSION ", another C++ library";
#endif
}
