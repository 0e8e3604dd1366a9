// A TOML text as the places of its statements: what an edit touches, and what it leaves as it is. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warren::config {

// One header or one key with its value. Offsets are bytes of the text.
struct Statement {
    enum class Kind { kTable, kElement, kKey };  // [a], [[a]], a = 1
    static constexpr std::size_t kNoHeader = static_cast<std::size_t>(-1);

    Kind kind = Kind::kKey;
    std::vector<std::string> path;   // from the root, that of a key with its table's
    std::size_t header = kNoHeader;  // of a key: the number of the header above it
    std::size_t begin = 0;           // its first character; white space may stand before
    std::size_t key_end = 0;         // kKey: behind the key
    std::size_t value_begin = 0;     // kKey
    std::size_t end = 0;             // behind its last character; a comment may follow
};

// Of a text that read_document accepts, in its order. What stands inside of { } and [ ] is part of a value.
[[nodiscard]] std::vector<Statement> statements_of(std::string_view text);

// The line that `at` is in, with its end: [first, second).
struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;  // behind the newline
};
[[nodiscard]] Line line_at(std::string_view text, std::size_t at);
[[nodiscard]] bool is_blank(std::string_view line);
[[nodiscard]] bool is_comment(std::string_view line);

}  // namespace warren::config
