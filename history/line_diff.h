// What differs between two texts, line by line, with a little of what is around it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warren::history {

struct LineDiff {
    // Each begins with "+" (only in the later text), "-" (only in the earlier one), " " (in both), or is "@": lines are
    // left out there.
    std::vector<std::string> lines;
    std::uint32_t more = 0;  // lines that are not in `lines`
    bool operator==(const LineDiff&) const = default;
};

// At most `most` lines. Texts that differ in very many lines are shown as one that goes and one that comes.
[[nodiscard]] LineDiff diff_lines(std::string_view before, std::string_view after, std::size_t most);

}  // namespace warren::history
