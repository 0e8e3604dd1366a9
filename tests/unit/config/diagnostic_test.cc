#include "config/diagnostic.h"

#include <doctest/doctest.h>

#include "config/document.h"

using namespace warren::config;

TEST_CASE("what looks like a key is masked, but a public key is not") {
    const std::string key = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
    const std::string stars(44, '*');
    CHECK(mask_keys("private_key = \"" + key + "\"") == "private_key = \"" + stars + "\"");
    CHECK(mask_keys(key) == stars);
    CHECK(mask_keys("public_key = \"" + key + "\"") == "public_key = \"" + key + "\"");
    CHECK(mask_keys("\"public_key\"\t=\t'" + key + "'") == "\"public_key\"\t=\t'" + key + "'");
    CHECK(mask_keys("public_key = \"" + key + "\" # was " + key) == "public_key = \"" + key + "\" # was " + stars);
    CHECK(mask_keys("{ public_key = \"" + key + "\", preshared_key = \"" + key + "\" }") ==
          "{ public_key = \"" + key + "\", preshared_key = \"" + stars + "\" }");
    CHECK(mask_keys("not_public_keyx = \"" + key + "\"") == "not_public_keyx = \"" + stars + "\"");
    CHECK(mask_keys("allowed_ips = [\"10.0.0.0/8\"]") == "allowed_ips = [\"10.0.0.0/8\"]");
    CHECK(mask_keys("") == "");
}

TEST_CASE("a key in the wrong place does not come out of a diagnostic, wherever it is") {
    const std::string key = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EB=";
    for (const std::string& text : {"schema = 1\nx = " + key, "\"" + key + "\" = 1\n\"" + key + "\" = 2\n",
                                    "[\"" + key + "\"]\n[\"" + key + "\"]\n", key + " = 3 4\n"}) {
        Source source{"f", "", text, {}};
        std::vector<Diagnostic> out;
        CHECK_FALSE(read_document(source, out));
        REQUIRE(out.size() == 1);
        CHECK(format(out[0]).find(key.substr(0, 20)) == std::string::npos);
    }
}

TEST_CASE("nothing of a file steers the terminal") {
    Diagnostic diagnostic{Severity::kError, "a\x1b[2J.toml", "", {1, 3, 1}, "found \x07", "ab\x1b[31mc"};
    CHECK(format(diagnostic) == "a?[2J.toml:1:3: error: found ?\n    1 | ab?[31mc\n      |   ^");
}

TEST_CASE("the caret stands under the character, whatever its bytes; tabs stay tabs") {
    CHECK(format({Severity::kWarning,
                  "f",
                  "",
                  {12, 3, 2},
                  "m",
                  "\xc3\xa4\t\xe2\x82\xac"
                  "bc"}) ==
          "f:12:3: warning: m\n   12 | \xc3\xa4\t\xe2\x82\xac"
          "bc\n      |  \t^~");
    CHECK(format({Severity::kError, "f", "", {1, 2, 99}, "m", "abc"}) == "f:1:2: error: m\n    1 | abc\n      |  ^~");
    CHECK(format({Severity::kError, "f", "", {1, 1, 0}, "m", "abc"}) == "f:1:1: error: m");
}

TEST_CASE("a long line is cut around the caret") {
    std::string line = "allowed_ips = [";
    while (line.size() < 100'000) line += "\"10.0.0.0/8\", ";
    const auto cut = [&line](unsigned column) {
        Diagnostic diagnostic{Severity::kError, "f", "", {1, column, 3}, "m", line};
        cut_source_line(diagnostic);
        return diagnostic;
    };
    for (const unsigned column : {1U, 61U, 62U, 5000U, 99'990U}) {
        const std::string text = format(cut(column));
        CAPTURE(text);
        CHECK(text.size() < 500);
        const std::size_t excerpt = text.find("\n    1 | ") + 9;
        const std::size_t caret = text.find("\n      | ") + 9;
        CHECK(text.substr(excerpt + text.find('^') - caret, 3) == line.substr(column - 1, 3));
        CHECK((text.substr(excerpt, 3) == "...") == (column > 61));
    }
    Diagnostic umlauts{Severity::kError, "f", "", {1, 80, 1}, "m", ""};
    for (int i = 0; i < 300; ++i) umlauts.source_line += "\xc3\xa4";
    cut_source_line(umlauts);
    CHECK(umlauts.source_line.size() == 3 + 2 * 160 + 3);
    Diagnostic whole{Severity::kError, "f", "", {1, 3, 1}, "m", "abcdef"};
    cut_source_line(whole);
    CHECK(whole.source_line == "abcdef");
    CHECK(whole.first_column == 1);
}

TEST_CASE("diagnostics are sorted by file and line, errors first, repetitions dropped") {
    const Diagnostic late{Severity::kError, "a", "", {9, 1, 1}, "x", ""};
    const Diagnostic warning{Severity::kWarning, "a", "", {2, 1, 1}, "x", ""};
    const Diagnostic error{Severity::kError, "a", "", {2, 1, 1}, "x", ""};
    const Diagnostic other{Severity::kError, "b", "", {1, 1, 1}, "x", ""};
    std::vector<Diagnostic> all{other, late, warning, error, late};
    sort(all);
    CHECK(all == std::vector<Diagnostic>{error, warning, late, other});
    CHECK(has_errors(all));
    CHECK_FALSE(has_errors({warning}));
}

TEST_CASE("keys with very many dots, deep nesting and huge files are refused and do not overflow the stack") {
    const auto reads = [](std::string text) {
        Source source{"f", "", std::move(text), {}};
        std::vector<Diagnostic> out;
        const bool fine = read_document(source, out);
        CHECK(fine == out.empty());
        return fine;
    };
    std::string dots = "a";
    for (int i = 0; i < 200000; ++i) dots += ".a";
    CHECK_FALSE(reads(dots + " = 1\n"));
    CHECK_FALSE(reads("[" + dots + "]\n"));
    CHECK_FALSE(reads("x = { " + dots + " = 1 }\n"));
    CHECK_FALSE(reads("x = " + std::string(200000, '[')));
    std::string braces;
    for (int i = 0; i < 100000; ++i) braces += "{a=";
    CHECK_FALSE(reads("x = " + braces));
    CHECK_FALSE(reads(std::string(kMaxDocumentSize + 1, '\n')));
    // Dots in strings, comments and values are no keys.
    CHECK(
        reads("a = [\"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19\"] # "
              "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19\n"));
    CHECK(
        reads("a = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7, 2.8, 2.9]\n"));
}

TEST_CASE("what TOML forbids, and what no key needs, does not reach the library") {
    const auto refused = [](const std::string& text) {
        Source source{"f", "", text, {}};
        std::vector<Diagnostic> out;
        return read_document(source, out) ? std::string() : format(out.at(0));
    };
    CHECK(refused("a = 1\n\x08 = 2\n").starts_with("f:2:1: error: not TOML: a control character (0x08)\n"));
    CHECK(refused("a = \"x\x7f\"\n").starts_with("f:1:7: error: not TOML: a control character (0x7f)\n"));
    CHECK(refused("# \x01\n").starts_with("f:1:3: error: not TOML: a control character (0x01)\n"));
    CHECK(refused("a = 1\rb = 2\n").starts_with("f:1:6: error: not TOML: a control character (0x0d)\n"));
    CHECK(refused(std::string("a = 1\0", 6)).starts_with("f:1:6: error: not TOML: a control character (0x00)\n"));
    CHECK(refused("m\xc3\xa4 = 1\n")
              .starts_with("f:1:2: error: not TOML: non-ASCII characters are allowed in strings and comments only\n"));
    CHECK(refused("a = \"\"\"\nx\"\"\"\n")
              .starts_with("f:1:5: error: a string of several lines; accepted: strings that end on their line\n"));
    CHECK(refused("a = '''x'''\n") != "");
    CHECK(refused("a = 1\rb = 2\r") == "f:1:1: error: this file ends its lines with CR alone; save it with LF or CRLF");
    // Notepad's "Unicode", both orders, with and without a mark.
    for (const std::string& text :
         {std::string("\xff\xfe"
                      "a\0 \0=\0",
                      8),
          std::string("\xfe\xff\0a\0 \0=", 8), std::string("a\0 \0=\0", 6), std::string("\0a\0 \0=", 6)})
        CHECK(refused(text) == "f:1:1: error: this file is UTF-16; save it as UTF-8");
    CHECK(refused("\xef\xbb\xbfname = \"M\xc3\xbc\\\"\xc3\xbc\\\\\" # \xc3\xbc\r\nb = '\\' # \xc3\xbc\n") == "");
}
