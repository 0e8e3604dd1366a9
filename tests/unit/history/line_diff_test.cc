#include "history/line_diff.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace warren::history {
namespace {

using Lines = std::vector<std::string>;

// What the later text was, as far as the diff shows all of it.
std::string replay(const LineDiff& diff, char keep) {
    std::string out;
    for (const std::string& line : diff.lines) {
        if (line[0] == ' ' || line[0] == keep) out += line.substr(1) + '\n';
    }
    return out;
}

TEST_CASE("a changed line is shown with what is around it, and nothing far away") {
    const std::string before = "a\nb\nc\nd\ne\nf\ng\nh\n";
    const std::string after = "a\nb\nc\nd\nX\nf\ng\nh\n";
    CHECK(diff_lines(before, after, 100).lines == Lines{"@", " c", " d", "-e", "+X", " f", " g"});
    CHECK(diff_lines(before, before, 100).lines.empty());
    CHECK(diff_lines("", "a\nb\n", 100).lines == Lines{"+a", "+b"});
    CHECK(diff_lines("a\nb\n", "", 100).lines == Lines{"-a", "-b"});
    CHECK(diff_lines("a", "a\nb", 100).lines == Lines{" a", "+b"});
}

TEST_CASE("a diff has at most as many lines as it may, and counts the others") {
    std::string after;
    for (int i = 0; i < 50; ++i) after += std::to_string(i) + '\n';
    const LineDiff diff = diff_lines("", after, 20);
    CHECK(diff.lines.size() == 20);
    CHECK(diff.more == 30);
}

TEST_CASE("a diff of any two short texts leads from the one to the other") {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::string before;
        std::string after;
        for (int i = 0; i < 6; ++i) {
            if (random() % 4 != 0) before += std::string(1, static_cast<char>('a' + random() % 3)) + '\n';
            if (random() % 4 != 0) after += std::string(1, static_cast<char>('a' + random() % 3)) + '\n';
        }
        const LineDiff diff = diff_lines(before, after, 100);
        bool has_gap = false;
        for (const std::string& line : diff.lines) has_gap = has_gap || line == "@";
        if (before == after || has_gap) continue;
        // What is left out at the ends is the same in both.
        CHECK(before.find(replay(diff, '-')) != std::string::npos);
        CHECK(after.find(replay(diff, '+')) != std::string::npos);
    }
}

TEST_CASE("texts that differ in very many lines take no long time") {
    std::string before;
    std::string after;
    for (int i = 0; i < 20'000; ++i) {
        before += "a" + std::to_string(i) + '\n';
        after += "b" + std::to_string(i) + '\n';
    }
    const LineDiff diff = diff_lines(before, after, 200);
    CHECK(diff.lines.size() == 200);
    CHECK(diff.more == 39'800);
}

}  // namespace
}  // namespace warren::history
