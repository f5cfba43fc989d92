// A program as a user of the library would write it: the second append must be recognised.
#include <idem/store.hpp>

#include <filesystem>
#include <iostream>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: consumer FOLDER\n";
        return 2;
    }
    idem::store store(std::filesystem::path(argv[1]) / "consumer.idem");
    const idem::event event{.stream = "cart-1", .type = "ItemAdded", .data = R"({"item":"book"})"};
    const idem::outcome first = store.append(event).outcome();
    const idem::outcome second = store.append(event).outcome();
    if (first != idem::outcome::appended || second != idem::outcome::duplicate ||
        store.head() != 1) {
        std::cerr << "first " << to_string(first) << ", second " << to_string(second) << ", head "
                  << store.head() << '\n';
        return 1;
    }
    std::cout << "OK\n";
}
