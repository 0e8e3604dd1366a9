// The list of revisions as bytes, and what waits for a confirmation as a function of time.
#include "history/revisions.h"

#include <doctest/doctest.h>

#include "history/lines.h"
#include "history/unconfirmed.h"

namespace warren::history {
namespace {

Content content(char c, std::uint64_t size = 3) {
    return {std::string(64, c), size};
}

Revisions sample() {
    Revisions out;
    REQUIRE(append(out, {{"warren.toml", content('a')}, {"customers/acme.toml", content('b')}}, {1},
                   {Origin::Kind::kStart, 0, "", ""}, {}));
    REQUIRE(append(out,
                   {{"warren.toml", content('a')},
                    {"customers/acme.toml", content('c')},
                    {"customers/globex.toml", content('d')},
                    {"secrets/acme/a b", {std::string(64, 'e'), 0}}},
                   {2}, {Origin::Kind::kRequest, 0, "ada", "a\ncomment of 100 %"}, {{"", "workers: 1 -> 2"}}));
    REQUIRE(append(out, {{"customers/acme.toml", content('b')}}, {3}, {Origin::Kind::kReturned, 5, "", ""},
                   {{"acme", "x"}}));
    return out;
}

TEST_CASE("a list is read as it was written") {
    const Revisions list = sample();
    const auto read = decode(encode(list));
    REQUIRE(read);
    CHECK(*read == list);
    CHECK(*decode(encode(Revisions())) == Revisions());
}

TEST_CASE("a list that was cut or changed anywhere is refused") {
    const std::string text = encode(sample());
    for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(decode(std::string_view(text).substr(0, size)));
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string other = text;
        other[i] = static_cast<char>(other[i] ^ 1);
        CHECK_FALSE(decode(other));
    }
    // With a checksum that fits, too.
    for (const char* line : {"file warren.toml - 0\n", "revision 0 1 start 0 % %\n", "revision 1 1 other 0 % %\n",
                             "change warren.toml - 0 - 0\n", "detail % %\n", "else\n", "\n", "file % x 1\n"})
        CHECK_FALSE(decode(with_checksum(std::string("warren-history 1\n") + line)));
    CHECK_FALSE(decode(with_checksum("warren-history 2\n")));
    CHECK_FALSE(decode(with_checksum("")));
}

TEST_CASE("every revision is the newest one with the later changes undone") {
    const Revisions list = sample();
    CHECK(manifest_at(list, 1) == Manifest{{"warren.toml", content('a')}, {"customers/acme.toml", content('b')}});
    CHECK(manifest_at(list, 2)->size() == 4);
    CHECK(manifest_at(list, 3) == Manifest{{"customers/acme.toml", content('b')}});
    CHECK_FALSE(manifest_at(list, 0));
    CHECK_FALSE(manifest_at(list, 4));
    CHECK(customers_of(list.all[1]) == std::set<std::string>{"acme", "globex"});
    CHECK(customers_of(list.all[2]) == std::set<std::string>{"acme", "globex"});
}

TEST_CASE("a text counts as the blocks that it takes on the disk") {
    Revisions list;
    for (char c = 'a'; c <= 'f'; ++c)
        REQUIRE(append(list, {{"warren.toml", content(c, 1)}}, {1}, {}, {}, {200, std::uint64_t{4 * 4096}}));
    CHECK(list.all.size() == 3);  // a block of the list, and three of texts
}

TEST_CASE("only files have texts") {
    CHECK(has_text("warren.toml"));
    CHECK(has_text("customers/acme.toml"));
    CHECK_FALSE(has_text("secrets/uplink"));
    CHECK_FALSE(has_text("certs/ca.pem"));
    CHECK(texts_of(sample()).size() == 4);
    CHECK_FALSE(texts_of(sample()).contains(std::string(64, 'e')));
}

TEST_CASE("any word can stand in a line") {
    for (const std::string& word : {std::string(), std::string("plain"), std::string("a b\n\t%\x7f\0", 8),
                                    std::string("\xc3\xa4"), std::string("%")}) {
        CHECK(escaped(word).find_first_of(" \n") == std::string::npos);
        CHECK(*unescaped(escaped(word)) == word);
    }
    CHECK_FALSE(unescaped("%4"));
    CHECK_FALSE(unescaped("a%zz"));
}

// --- confirmation ------------------------------------------------------------------------------------------------

constexpr Instant kNow{1'000'000'000'000};

TEST_CASE("the revision before comes back when the time is over or the machine was started again, and not before") {
    const Unconfirmed waiting = extended(std::nullopt, 7, kNow, {5}, std::chrono::minutes(5), "boot-1");
    CHECK(waiting.base == 7);
    CHECK_FALSE(is_over(waiting, "boot-1", kNow));
    CHECK_FALSE(is_over(waiting, "boot-1", kNow + std::chrono::seconds(299)));
    CHECK(is_over(waiting, "boot-1", kNow + std::chrono::minutes(5)));
    CHECK(is_over(waiting, "boot-1", kNow + std::chrono::hours(5)));
    CHECK(is_over(waiting, "boot-2", {0}));
    Unconfirmed returned = waiting;
    returned.is_returned = true;
    CHECK(is_over(returned, "boot-1", kNow));
}

TEST_CASE("a further apply extends the time and keeps the base") {
    const Unconfirmed first = extended(std::nullopt, 7, kNow, {5}, std::chrono::minutes(5), "boot");
    const Unconfirmed second = extended(first, 8, kNow + std::chrono::minutes(4), {6}, std::chrono::minutes(5), "boot");
    CHECK(second.base == 7);
    CHECK(second.deadline == kNow + std::chrono::minutes(9));
}

TEST_CASE("what waits is read as it was written, and a damaged one is refused") {
    Unconfirmed waiting = extended(std::nullopt, 7, kNow, {5}, std::chrono::minutes(5), "c0ffee 1");
    for (const bool returned : {false, true}) {
        waiting.is_returned = returned;
        const std::string text = encode(waiting);
        CHECK(*decode_unconfirmed(text) == waiting);
        for (std::size_t size = 0; size < text.size(); ++size)
            CHECK_FALSE(decode_unconfirmed(std::string_view(text).substr(0, size)));
    }
    for (const char* text : {"warren-unconfirmed 1\n", "warren-unconfirmed 1\n1 2 3\n", "warren-unconfirmed 1",
                             "warren-unconfirmed 1\n1 2 a 3 2\n", "warren-unconfirmed 1\n\n"})
        CHECK_FALSE(decode_unconfirmed(with_checksum(text)));
}

TEST_CASE("times are said as people say them") {
    CHECK(*parse_within("90") == std::chrono::seconds(90));
    CHECK(*parse_within("90s") == std::chrono::seconds(90));
    CHECK(*parse_within("5m") == std::chrono::minutes(5));
    CHECK(*parse_within("24h") == std::chrono::hours(24));
    for (const char* text : {"", "m", "9s", "25h", "-5m", "5 m", "5d", "1e9h", "99999999999m"})
        CHECK_FALSE(parse_within(text));
    CHECK(text_of(std::chrono::milliseconds(59'500)) == "1 min 0 s");
    CHECK(text_of(std::chrono::seconds(9)) == "9 s");
    CHECK(text_of(std::chrono::hours(3)) == "3 h 0 min");
    CHECK(text_of(Duration(-1)) == "0 s");
}

}  // namespace
}  // namespace warren::history
