#include "history/line_diff.h"

#include <algorithm>
#include <utility>

namespace warren::history {

namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t kAround = 2;             // lines before and after a change
constexpr std::size_t kMostCells = 4'000'000;  // of the table of common subsequences, 2 bytes each
constexpr std::size_t kMostRows = UINT16_MAX;  // what a cell can count

Lines lines_of(std::string_view text) {
    Lines out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        out.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return out;
}

struct Entry {
    char mark = ' ';
    std::string_view text;
};

// The middle parts, which begin and end differently.
void add_middle(const Lines& before, const Lines& after, std::vector<Entry>& out) {
    const std::size_t rows = before.size();
    const std::size_t columns = after.size();
    std::size_t i = 0;
    std::size_t j = 0;
    if (rows < kMostRows && columns < kMostRows && (rows + 1) * (columns + 1) <= kMostCells) {
        // The length of the longest common subsequence from (i, j) on.
        std::vector<std::uint16_t> length((rows + 1) * (columns + 1));
        const auto cell = [&](std::size_t row, std::size_t column) -> std::uint16_t& {
            return length[row * (columns + 1) + column];
        };
        for (std::size_t row = rows; row-- > 0;) {
            for (std::size_t column = columns; column-- > 0;)
                cell(row, column) = before[row] == after[column]
                                        ? static_cast<std::uint16_t>(cell(row + 1, column + 1) + 1)
                                        : std::max(cell(row + 1, column), cell(row, column + 1));
        }
        while (i < rows && j < columns) {
            if (before[i] == after[j]) {
                out.push_back({' ', before[i]});
                ++i;
                ++j;
            } else if (cell(i + 1, j) >= cell(i, j + 1)) {
                out.push_back({'-', before[i++]});
            } else {
                out.push_back({'+', after[j++]});
            }
        }
    }
    for (; i < rows; ++i) out.push_back({'-', before[i]});
    for (; j < columns; ++j) out.push_back({'+', after[j]});
}

std::vector<Entry> entries_of(const Lines& before, const Lines& after) {
    const std::size_t shorter = std::min(before.size(), after.size());
    std::size_t begin = 0;
    while (begin < shorter && before[begin] == after[begin]) ++begin;
    std::size_t end = 0;
    while (end < shorter - begin && before[before.size() - 1 - end] == after[after.size() - 1 - end]) ++end;
    std::vector<Entry> out;
    for (std::size_t i = 0; i < begin; ++i) out.push_back({' ', before[i]});
    const auto middle = [begin, end](const Lines& lines) {
        return Lines(lines.begin() + static_cast<std::ptrdiff_t>(begin),
                     lines.end() - static_cast<std::ptrdiff_t>(end));
    };
    add_middle(middle(before), middle(after), out);
    for (std::size_t i = before.size() - end; i < before.size(); ++i) out.push_back({' ', before[i]});
    return out;
}

}  // namespace

LineDiff diff_lines(std::string_view before, std::string_view after, std::size_t most) {
    const std::vector<Entry> all = entries_of(lines_of(before), lines_of(after));
    std::vector<bool> is_shown(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].mark == ' ') continue;
        const std::size_t last = std::min(all.size(), i + kAround + 1);
        for (std::size_t near = i - std::min(i, kAround); near < last; ++near) is_shown[near] = true;
    }
    LineDiff out;
    bool has_gap = false;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!is_shown[i]) {
            has_gap = true;
            continue;
        }
        if (out.lines.size() + (has_gap ? 1 : 0) >= most) {
            ++out.more;
            continue;
        }
        if (std::exchange(has_gap, false)) out.lines.emplace_back("@");
        out.lines.push_back(all[i].mark + std::string(all[i].text));
    }
    return out;
}

}  // namespace warren::history
