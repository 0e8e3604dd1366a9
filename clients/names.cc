#include "clients/names.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <utility>

namespace warren::clients {

namespace {

constexpr std::size_t kLongestName = 63;
constexpr std::size_t kLongestDescription = 128;

// The letters of the western European languages, UTF-8.
constexpr std::array<std::pair<std::string_view, std::string_view>, 62> kLetters{{
    {"ä", "ae"}, {"ö", "oe"}, {"ü", "ue"}, {"ß", "ss"}, {"Ä", "Ae"}, {"Ö", "Oe"}, {"Ü", "Ue"}, {"à", "a"}, {"á", "a"},
    {"â", "a"},  {"ã", "a"},  {"å", "a"},  {"æ", "ae"}, {"ç", "c"},  {"è", "e"},  {"é", "e"},  {"ê", "e"}, {"ë", "e"},
    {"ì", "i"},  {"í", "i"},  {"î", "i"},  {"ï", "i"},  {"ñ", "n"},  {"ò", "o"},  {"ó", "o"},  {"ô", "o"}, {"õ", "o"},
    {"ø", "o"},  {"ù", "u"},  {"ú", "u"},  {"û", "u"},  {"ý", "y"},  {"À", "A"},  {"Á", "A"},  {"Â", "A"}, {"Å", "A"},
    {"Æ", "Ae"}, {"Ç", "C"},  {"È", "E"},  {"É", "E"},  {"Ê", "E"},  {"Í", "I"},  {"Ñ", "N"},  {"Ó", "O"}, {"Ô", "O"},
    {"Ø", "O"},  {"Ú", "U"},  {"č", "c"},  {"ć", "c"},  {"š", "s"},  {"ž", "z"},  {"đ", "d"},  {"Č", "C"}, {"Š", "S"},
    {"Ž", "Z"},  {"ł", "l"},  {"ń", "n"},  {"ř", "r"},  {"ě", "e"},  {"ő", "o"},  {"ű", "u"},  {"ż", "z"},
}};

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// How many bytes the character that `text` begins with has; 1 when it is not UTF-8.
std::size_t length_of_first(std::string_view text) {
    const auto first = static_cast<std::uint8_t>(text.front());
    const std::size_t wanted = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    for (std::size_t i = 1; i < wanted; ++i) {
        if (i >= text.size() || (static_cast<std::uint8_t>(text[i]) & 0xc0U) != 0x80) return 1;
    }
    return wanted;
}

std::string_view replacement_of(std::string_view character) {
    for (const auto& [letter, plain] : kLetters) {
        if (letter == character) return plain;
    }
    return "-";
}

}  // namespace

std::string peer_name_from(std::string_view text, std::set<std::string>& used) {
    std::string out;
    while (!text.empty()) {
        const std::size_t length = length_of_first(text);
        const char c = text.front();
        const bool stays = length == 1 && (is_letter_or_digit(c) || c == '.' || c == '_' || c == '@');
        const std::string_view plain = stays ? text.substr(0, 1) : replacement_of(text.substr(0, length));
        // Nothing but a letter or digit at the beginning, and one dash for several characters.
        const bool is_sign = !is_letter_or_digit(plain.front());
        if (!(is_sign && out.empty()) && !(plain == "-" && out.ends_with('-'))) out += plain;
        text.remove_prefix(length);
    }
    if (out.size() > kLongestName) out.resize(kLongestName);
    while (out.ends_with('-')) out.pop_back();
    if (out.empty()) out = "peer";
    std::string unique = out;
    for (unsigned n = 2; !used.insert(unique).second; ++n) {
        const std::string suffix = fmt::format("-{}", n);
        unique = out.substr(0, kLongestName - suffix.size()) + suffix;
    }
    return unique;
}

std::string description_from(std::string_view text) {
    std::string out;
    std::size_t characters = 0;
    while (!text.empty() && characters < kLongestDescription) {
        const std::size_t length = length_of_first(text);
        const auto first = static_cast<std::uint8_t>(text.front());
        const bool is_c1 = length == 2 && first == 0xc2 && static_cast<std::uint8_t>(text[1]) < 0xa0;  // U+0080-U+009F
        const bool is_control = first < 0x20 || first == 0x7f || is_c1;
        const bool is_text = length > 1 || first < 0x80;
        if (is_text && !is_control) {
            out += text.substr(0, length);
            ++characters;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
            ++characters;
        }
        text.remove_prefix(length);
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

}  // namespace warren::clients
