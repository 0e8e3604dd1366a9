// Lines of words, for the files of the store. Pure.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warren::history {

// One word of a line: what would end it, and "%", is written as "%" and two hexadecimal digits; "" as "%".
[[nodiscard]] std::string escaped(std::string_view word);
// Nothing: it was not made by escaped().
[[nodiscard]] std::optional<std::string> unescaped(std::string_view word);

// Words between single spaces.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view line);

template <typename Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text) {
    Number out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

// `text` with a last line that has its checksum.
[[nodiscard]] std::string with_checksum(std::string text);
// Without that line; nothing: it is damaged.
[[nodiscard]] std::optional<std::string_view> checked(std::string_view text);

}  // namespace warren::history
