#include "history/lines.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/fingerprint.h"

namespace warren::history {

namespace {

constexpr std::string_view kEnd = "end ";
constexpr std::string_view kDigits = "0123456789abcdef";

}  // namespace

std::string escaped(std::string_view word) {
    if (word.empty()) return "%";
    std::string out;
    for (const char c : word) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte != 0x7f && c != '%') {
            out += c;
        } else {
            out += '%';
            out += kDigits[byte >> 4U];
            out += kDigits[byte & 15U];
        }
    }
    return out;
}

std::optional<std::string> unescaped(std::string_view word) {
    std::string out;
    if (word == "%") return out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '%') {
            out += word[i];
            continue;
        }
        if (i + 2 >= word.size()) return std::nullopt;
        const std::size_t high = kDigits.find(word[i + 1]);
        const std::size_t low = kDigits.find(word[i + 2]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> out;
    while (true) {
        const auto space = line.find(' ');
        out.push_back(line.substr(0, space));
        if (space == std::string_view::npos) return out;
        line.remove_prefix(space + 1);
    }
}

std::string with_checksum(std::string text) {
    const std::string sum = fingerprint(as_bytes(text));
    return std::move(text) + fmt::format("{}{}\n", kEnd, sum);
}

std::optional<std::string_view> checked(std::string_view text) {
    const std::size_t end_size = kEnd.size() + fingerprint({}).size() + 1;
    if (text.size() < end_size) return std::nullopt;
    const std::string_view all = text.substr(0, text.size() - end_size);
    if (text.substr(all.size()) != fmt::format("{}{}\n", kEnd, fingerprint(as_bytes(all)))) return std::nullopt;
    return all;
}

}  // namespace warren::history
