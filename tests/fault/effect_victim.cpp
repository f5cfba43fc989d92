// A process that carries effects out, to run beside others or to be killed at it.
//
//     effect_victim STORE drain            carries out what is due; prints "ID ATTEMPT" for each
//     effect_victim STORE dispatch COUNT   the same until COUNT effects are done in the whole store
//     effect_victim STORE hang             carries one out and never answers; prints the same line
//                                          in the middle of it
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "idem/effects.hpp"
#include "idem/store.hpp"

namespace {

void say(const idem::effect_delivery& d) {
    const std::string line = to_string(d.id) + " " + std::to_string(d.attempt) + "\n";
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(1);
}

idem::effect_outcome carry_out(const idem::effect_delivery& d) {
    say(d);
    return idem::effect_outcome::done(std::to_string(::getpid()));
}

void hang(idem::store& store) {
    store.effects().dispatch([](const idem::effect_delivery& d) {
        say(d);
        for (;;) ::pause();
        return idem::effect_outcome::done();
    });
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    idem::store store(argv[1]);
    const std::string_view what = argv[2];
    if (what == "hang") {
        hang(store);
    } else if (what == "drain") {
        store.effects().dispatch(carry_out);
    } else if (what == "dispatch") {
        const std::uint64_t count = std::stoull(argv[3]);
        while (store.effects().stats().done < count) store.effects().dispatch(carry_out);
    }
    return 0;
}
