#include "base/eap_users.h"

#include <algorithm>
#include <set>

#include "base/printable.h"

namespace warren::eap {

namespace {

constexpr std::string_view kNtHash = "nt:";
constexpr std::size_t kNtHashDigits = 32;

std::string_view trimmed(std::string_view text) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Why a line is no user, or "".
std::string read_line(std::string_view line, UserLine& out) {
    constexpr std::string_view kForm = "is not of the form NAME = \"PASSWORD\"";
    const auto equal = line.find('=');
    if (equal == std::string_view::npos) return std::string(kForm);
    out.name = trimmed(line.substr(0, equal));
    std::string_view value = trimmed(line.substr(equal + 1));
    const bool is_name = !out.name.empty() && out.name.size() <= kMostUserName && is_printable(out.name) &&
                         out.name.find_first_of("\" \\") == std::string_view::npos;
    if (!is_name)
        return "has no name of 1 to " + std::to_string(kMostUserName) +
               " characters without blanks, quotes and backslashes";
    if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(kForm);
    value = value.substr(1, value.size() - 2);
    out.is_nt_hash = value.starts_with(kNtHash);
    if (out.is_nt_hash) {
        out.password = value.substr(kNtHash.size());
        const bool is_hash =
            out.password.size() == kNtHashDigits && std::all_of(out.password.begin(), out.password.end(), is_hex);
        return is_hash ? "" : "has an NT hash that is not 32 hexadecimal digits";
    }
    out.password = value;
    const bool is_password = !value.empty() && value.size() <= kMostPassword && is_printable(value);
    return is_password ? "" : "has no password of 1 to " + std::to_string(kMostPassword) + " characters";
}

}  // namespace

std::string read_users(std::string_view text, const std::function<void(const UserLine&)>& take) {
    std::set<std::string_view> seen;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') continue;
        UserLine user;
        const std::string where = "line " + std::to_string(number) + " ";
        if (const std::string problem = read_line(line, user); !problem.empty()) return where + problem;
        if (!seen.insert(user.name).second) return where + "has a user that is there already";
        take(user);
    }
    return seen.empty() ? "has no users; accepted: lines of the form NAME = \"PASSWORD\"" : "";
}

}  // namespace warren::eap
