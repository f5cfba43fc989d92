// Text on a terminal, and guesses at what was meant.
#include <doctest/doctest.h>

#include "nearest.hpp"
#include "text.hpp"

using namespace idem::cli;

TEST_CASE("nothing that moves a terminal gets through, everything else does") {
    CHECK(printable("plain, é, 漢字, 🙂") == "plain, é, 漢字, 🙂");
    CHECK(printable("a\tb\nc") == "a b c");
    CHECK(printable("\x1b[31m") == "\uFFFD[31m");
    CHECK(printable("\x7f\xc2\x9b") == "\uFFFD\uFFFD");
    CHECK(printable("\u202e") == "\uFFFD");
    CHECK(printable("\xff\xc3") == "\uFFFD\uFFFD");
    CHECK(printable("\xed\xa0\x80") == "\uFFFD\uFFFD\uFFFD");
}

TEST_CASE("text is cut by the columns that it takes") {
    CHECK(display_width("abc") == 3);
    CHECK(display_width("é漢字") == 5);
    CHECK(display_width("e\u0301") == 1);
    CHECK(cut_to_width("abcdef", 6) == "abcdef");
    CHECK(cut_to_width("abcdef", 4) == "abc…");
    CHECK(cut_to_width("漢字漢字", 4) == "漢…");
    CHECK(cut_to_width("abc", 0) == "");
}

TEST_CASE("numbers are written as people read them") {
    CHECK(with_commas(0) == "0");
    CHECK(with_commas(999) == "999");
    CHECK(with_commas(1000) == "1,000");
    CHECK(with_commas(1234567) == "1,234,567");
    CHECK(byte_size(999) == "999 B");
    CHECK(byte_size(1000) == "1.0 kB");
    CHECK(byte_size(12'345'678) == "12.3 MB");
    CHECK(byte_size(999'999) == "1.0 MB");
}

TEST_CASE("a slip of the pen finds the word that was meant, another word does not") {
    const std::vector<std::string> known{"append", "import", "export",     "--atomic",
                                         "state",  "stats",  "projections"};
    using words = std::vector<std::string>;
    CHECK(nearest("apend", known) == words{"append"});
    CHECK(nearest("exprot", known) == words{"export"});
    CHECK(nearest("--atmoic", known) == words{"--atomic"});
    CHECK(nearest("stat", known) == words{"state", "stats"});
    CHECK(nearest("proj", known) == words{"projections"});
    CHECK(nearest("frobnicate", known).empty());
    CHECK(nearest("x", known).empty());
    CHECK(nearest("", known).empty());
    CHECK(nearest(std::string(1000, 'x'), known).empty());
}
