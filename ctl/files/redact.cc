#include "ctl/files/redact.h"

#include <algorithm>
#include <functional>
#include <map>
#include <sstream>
#include <unordered_set>

#include "config/diagnostic.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kShortestPiece = 16;  // a "-----END-----" is none, a line of PEM and a key are
constexpr std::size_t kToken = 43;          // 32 bytes in base64url without padding (access::random_token)
constexpr std::string_view kArgon2 = "$argon2";

bool is_base64url(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_argon2(char c) {
    return is_base64url(c) || c == '$' || c == '=' || c == ',' || c == '+' || c == '/' || c == '.';
}

// The secrets by their length, so that a large text is looked at once for each length and not for each secret.
using Lookup = std::map<std::size_t, std::unordered_set<std::string_view>, std::greater<>>;

std::string without_known(std::string_view text, const std::vector<std::string>& secrets) {
    Lookup lookup;
    for (const std::string& secret : secrets) lookup[secret.size()].insert(secret);
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto found = std::find_if(lookup.begin(), lookup.end(), [&](const auto& entry) {
            return at + entry.first <= text.size() && entry.second.contains(text.substr(at, entry.first));
        });
        out += found == lookup.end() ? text.substr(at, 1) : kRedacted;
        at += found == lookup.end() ? 1 : found->first;
    }
    return out;
}

// How many characters from `at` on are a token or the hash of a password; 0 when there is none.
std::size_t secret_at(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    const auto run = [rest](bool (*belongs)(char)) {
        return static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), belongs) - rest.begin());
    };
    if (rest.starts_with(kArgon2)) return run(is_argon2);
    if (at > 0 && is_base64url(text[at - 1])) return 0;  // inside a longer word
    const bool follows_base64 = at > 0 && (text[at - 1] == '/' || text[at - 1] == '+');
    const std::size_t size = run(is_base64url);
    const char behind = size < rest.size() ? rest[size] : '\n';
    return size == kToken && !follows_base64 && behind != '=' && behind != '/' && behind != '+' ? size : 0;
}

}  // namespace

std::vector<std::string> secret_pieces(std::string_view file) {
    std::vector<std::string> out;
    std::istringstream lines{std::string(file)};
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find_first_not_of(" \t\r");
        if (first == std::string::npos) continue;
        line = line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
        if (line.size() >= kShortestPiece && !line.starts_with("-----")) out.push_back(line);
    }
    return out;
}

std::string redact(std::string_view text, const std::vector<std::string>& secrets) {
    const std::string known = without_known(text, secrets);
    std::string out;
    out.reserve(known.size());
    for (std::size_t at = 0; at < known.size();) {
        const std::size_t size = secret_at(known, at);
        out += size == 0 ? std::string_view(known).substr(at, 1) : kRedacted;
        at += std::max<std::size_t>(size, 1);
    }
    return out;
}

std::string redact_config(std::string_view text, const std::vector<std::string>& secrets) {
    std::string out;
    std::istringstream lines(redact(text, secrets));
    for (std::string line; std::getline(lines, line);) out += config::mask_keys(line) + '\n';
    return out;
}

}  // namespace warren::ctl
