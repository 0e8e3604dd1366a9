// What stackd passes to statusd of the history, in a file.
#include "ipc/web_revisions.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "ipc/channel.h"
#include "tests/unit/ipc/wires.h"

using namespace warren;
using namespace warren::ipc;
using namespace warren::test;

namespace {

WebRevision revision(std::uint64_t number) {
    return {number,
            WallTime{5},
            "request",
            0,
            "ada",
            "smaller",
            {{"acme", "stack.mtu: 1420 -> 1380"}},
            {{"customers/acme.toml", WebFileFate::kRemoved, {"-mtu = 1420"}, 4}},
            6,
            {"acme"}};
}

}  // namespace

TEST_CASE("the file of the revisions keeps every field; one that is cut off or garbled is refused") {
    const std::vector<WebRevision> revisions{revision(2), revision(1)};
    const Wire file = encode_revisions(revisions);
    const auto decoded = decode_revisions(file);
    REQUIRE(decoded);
    CHECK(*decoded == revisions);
    CHECK(decode_revisions({})->empty());
    const std::size_t first = encode_revisions({revisions[0]}).size();
    for (std::size_t size = 1; size < file.size(); ++size) {
        CAPTURE(size);
        CHECK(decode_revisions(Bytes(file).first(size)).has_value() == (size == first));
    }
    Wire garbled = file;
    garbled[4] ^= 1;  // the version
    CHECK_FALSE(decode_revisions(garbled));
}

TEST_CASE("the file of the revisions has a bound: the oldest are left out, and of a large one the ends of its lists") {
    std::vector<WebRevision> revisions;
    for (std::uint64_t number = 30; number > 0; --number) revisions.push_back(revision(number));
    const std::size_t each = encode_revisions({revisions[0]}).size();
    const auto kept = decode_revisions(encode_revisions(revisions, 10 * each + 1));
    REQUIRE(kept);
    CHECK(kept->size() == 10);
    CHECK(kept->front().number == 30);

    WebRevision large = revision(1);
    large.files.assign(WebRevision::kMaxFiles, large.files[0]);
    for (WebFileChange& file : large.files)
        file.lines.assign(WebFileChange::kMaxLines, std::string(WebFileChange::kMaxLine, 'x'));
    const auto cut = decode_revisions(encode_revisions({large, revision(2)}));
    REQUIRE(cut);
    REQUIRE(cut->size() == 2);
    CHECK(encode_revisions({cut->front()}).size() <= kMaxRevision + 4);
    CHECK(cut->front().files.size() == WebRevision::kMaxFiles);
    for (const WebFileChange& file : cut->front().files)
        CHECK(file.lines.size() + file.more_lines == WebFileChange::kMaxLines + 4);
    CHECK(cut->back() == revision(2));
}
