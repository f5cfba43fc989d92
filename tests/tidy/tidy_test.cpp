// The repository itself keeps the rules.
#include <doctest/doctest.h>

#include "code_text.hpp"
#include "rules.hpp"

namespace {

const tidy::source_tree& repository() {
    static const tidy::source_tree tree = tidy::read_tree(SOURCE_FOLDER);
    return tree;
}

void expect_none(const std::vector<tidy::finding>& found) {
    for (const tidy::finding& f : found) FAIL_CHECK(to_string(f));
    CHECK(found.empty());
}

}  // namespace

TEST_CASE("the tree that is checked is the repository") {
    CHECK(repository().contains("lib/include/idem/store.hpp"));
    CHECK(repository().contains("lib/src/storage/storage.hpp"));
    CHECK(repository().contains("tests/tidy/tidy_test.cpp"));
    const auto& file = repository().at("tests/tidy/includes.cpp");
    CHECK(tidy::find_functions(file.code).spans.size() > 10);
}

TEST_CASE("includes point down the rooms") {
    expect_none(tidy::check_includes(repository()));
}

TEST_CASE("files, functions and lines are short") {
    expect_none(tidy::check_lengths(repository()));
}

TEST_CASE("nothing is left over, and no test sleeps") {
    expect_none(tidy::check_words(repository()));
}
