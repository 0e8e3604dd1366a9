#include "config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/printable.h"

namespace warren::config {

namespace {

constexpr unsigned kShownBefore = 60;  // characters of a long line, before the caret and from it on
constexpr unsigned kShownAfter = 100;
constexpr std::string_view kLeftOut = "...";
constexpr std::size_t kShortestKeyText = 40;  // a key is 44 characters of base64, perhaps with some lost

bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// Whether the text before a value ends in `public_key = "`.
bool names_public_key(std::string_view before) {
    const auto trim = [&before](std::string_view characters) {
        while (!before.empty() && characters.find(before.back()) != std::string_view::npos) before.remove_suffix(1);
    };
    trim("\"'");
    trim(" \t");
    if (before.empty() || before.back() != '=') return false;
    before.remove_suffix(1);
    trim(" \t\"'");
    return before.ends_with("public_key");
}

// Blanks that put the caret under its character: tabs stay tabs, so that it is right at any tab width. `first`: the
// column of the line's first character.
std::string caret_line(std::string_view line, Place place, int first) {
    place.column = static_cast<unsigned>(static_cast<int>(place.column) - first + 1);
    std::string out;
    unsigned column = 1;
    for (std::size_t i = 0; i < line.size() && column < place.column; ++i) {
        if (i + 1 < line.size() && is_continuation(line[i + 1])) continue;
        out += line[i] == '\t' ? '\t' : ' ';
        ++column;
    }
    out += '^';
    const auto characters =
        static_cast<unsigned>(std::count_if(line.begin(), line.end(), [](char c) { return !is_continuation(c); }));
    const unsigned last = std::min(place.column + std::max(place.width, 1U) - 1, characters);
    for (unsigned i = place.column; i < last; ++i) out += '~';
    return out;
}

}  // namespace

std::string format(const Diagnostic& diagnostic) {
    const std::string_view severity = diagnostic.severity == Severity::kError ? "error" : "warning";
    std::string out = fmt::format("{}:{}:{}: {}: {}", printable(diagnostic.file), diagnostic.place.line,
                                  diagnostic.place.column, severity, printable(diagnostic.message));
    if (diagnostic.source_line.empty() || diagnostic.place.width == 0) return out;
    out += fmt::format("\n{:5} | {}\n      | {}", diagnostic.place.line, printable(diagnostic.source_line, "\t"),
                       caret_line(diagnostic.source_line, diagnostic.place, diagnostic.first_column));
    return out;
}

void cut_source_line(Diagnostic& diagnostic) {
    const std::string& line = diagnostic.source_line;
    const unsigned column = diagnostic.place.column;
    const unsigned first = column > kShownBefore ? column - kShownBefore : 1;
    std::string shown;
    unsigned at = 0;
    for (const char c : line) {
        if (!is_continuation(c)) ++at;
        if (at >= first && at < column + kShownAfter) shown += c;
    }
    if (first > 1) shown.insert(0, kLeftOut);
    if (at >= column + kShownAfter) shown += kLeftOut;
    diagnostic.first_column = static_cast<int>(first) - (first > 1 ? static_cast<int>(kLeftOut.size()) : 0);
    diagnostic.source_line = std::move(shown);
}

void sort(std::vector<Diagnostic>& diagnostics) {
    const auto key = [](const Diagnostic& d) {
        return std::tie(d.file, d.place.line, d.place.column, d.severity, d.message);
    };
    std::stable_sort(diagnostics.begin(), diagnostics.end(),
                     [&key](const auto& a, const auto& b) { return key(a) < key(b); });
    diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end()), diagnostics.end());
}

bool has_errors(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const auto& d) { return d.severity == Severity::kError; });
}

std::string mask_keys(std::string_view line) {
    std::string out(line);
    for (std::size_t begin = 0; begin < line.size();) {
        std::size_t end = begin;
        while (end < line.size() && is_base64(line[end])) ++end;
        if (end - begin >= kShortestKeyText && !names_public_key(line.substr(0, begin))) {
            std::fill(out.begin() + static_cast<std::ptrdiff_t>(begin), out.begin() + static_cast<std::ptrdiff_t>(end),
                      '*');
        }
        begin = end + 1;
    }
    return out;
}

}  // namespace warren::config
