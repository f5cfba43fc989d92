// The code of the fault that a call throws.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "idem/error.hpp"

template <class Call>
idem::errc code_of(Call&& call) {
    try {
        call();
    } catch (const idem::error& e) {
        CHECK(std::string(e.what()).size() > 20);  // what, where and the remedy
        return e.code();
    }
    return idem::errc{255};  // that of no fault
}
