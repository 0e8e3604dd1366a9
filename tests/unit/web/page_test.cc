// What a request names: a target, a file of the page, a form of it; and the order of names.
#include "web/model/page.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "base/natural.h"
#include "web/api/query.h"

using namespace warren;
using namespace warren::web;

TEST_CASE("a request target is parsed or refused") {
    const auto target = parse_target("/a%20b/c?x=1+2&y=%26&z");
    REQUIRE(target);
    CHECK(target->segments == std::vector<std::string>{"a b", "c"});
    CHECK(*target->find("x") == "1 2");
    CHECK(*target->find("y") == "&");
    CHECK(target->find("z")->empty());
    for (const char* bad : {"", "a", "http://x/", "*", "/%", "/%2", "/%zz", "/%00", "/a%0a", "//x", "/a//b", "/..",
                            "/a/../b", "/%2e%2e/x", "/?a=%g0"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_target(bad));
    }
    CHECK(parse_target("/")->segments == std::vector<std::string>{""});
}

TEST_CASE("names are sorted as people do") {
    const std::vector<std::string> sorted{"",
                                          "1",
                                          "2",
                                          "10",
                                          "a",
                                          "a1",
                                          "a1b",
                                          "a1b2",
                                          "a1b10",
                                          "rw-2",
                                          "rw-02",
                                          "rw-10",
                                          "rw-010",
                                          "rw-10-a",
                                          "rw-a",
                                          "x99999999999999999998",
                                          "x99999999999999999999"};
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        for (std::size_t k = 0; k < sorted.size(); ++k) {
            CAPTURE(sorted[i]);
            CAPTURE(sorted[k]);
            // "rw-02" and "rw-2" have the same number: then the text counts.
            const bool same_number = (i == 9 || i == 10) && (k == 9 || k == 10);
            const bool other_same = (i == 11 || i == 12) && (k == 11 || k == 12);
            if (same_number || other_same) {
                CHECK((Natural{sorted[i]} < Natural{sorted[k]}) == (sorted[i] < sorted[k]));
            } else {
                CHECK((Natural{sorted[i]} < Natural{sorted[k]}) == (i < k));
            }
        }
    }
}

TEST_CASE("a client that does not ask for gzip gets the file as it is") {
    for (const char* yes : {"gzip", "gzip, deflate, br", "br;q=1.0, gzip;q=0.5", "*", "x-gzip", "gzip;q=0.001"}) {
        CAPTURE(yes);
        CHECK(accepts_gzip(yes));
    }
    for (const char* no :
         {"", "identity", "br", "gzip;q=0", "gzip; q=0.0", "*;q=0", "gzip;q=0, *", "deflate, identity"}) {
        CAPTURE(no);
        CHECK_FALSE(accepts_gzip(no));
    }
}

TEST_CASE("a path finds its file, a view finds the index, a missing file finds nothing") {
    const std::array<PageFile, 2> files{{{"/assets/app-1.js", {}, {}}, {"/index.html", {}, {}}}};
    CHECK(find_page(files, "/assets/app-1.js") == &files[0]);
    CHECK(find_page(files, "/") == &files[1]);
    CHECK(find_page(files, "/customers/acme/peers/a.b") == &files[1]);
    CHECK(find_page(files, "/assets/app-2.js") == nullptr);
    CHECK(find_page({}, "/") == nullptr);
    CHECK(is_immutable("/assets/app-1.js"));
    CHECK_FALSE(is_immutable("/index.html"));
}
