#include "ctl/files/roster.h"

#include <charconv>
#include <string_view>
#include <vector>

#include "crypto/authority.h"
#include "crypto/keys.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kFirst = "warren-fleet-nodes ";
constexpr std::string_view kLast = "signature ";
constexpr std::size_t kMostRoster = 64 * 1024;

// All but the last line, which has the signature.
struct Parts {
    std::string_view content;
    std::string_view signature;
};

Result<Parts> parts_of(std::string_view text) {
    const std::size_t at = text.rfind(kLast);
    if (text.size() > kMostRoster || at == std::string_view::npos || at == 0 || text[at - 1] != '\n' ||
        text.back() != '\n')
        return fail(ErrorCode::kInvalid, "the list of the fleet's nodes has another form");
    return Parts{text.substr(0, at), text.substr(at + kLast.size(), text.size() - at - kLast.size() - 1)};
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> out;
    for (std::size_t at = 0; at != std::string_view::npos;) {
        const std::size_t space = line.find(' ', at);
        out.push_back(line.substr(at, space == std::string_view::npos ? space : space - at));
        at = space == std::string_view::npos ? space : space + 1;
    }
    return out;
}

bool is_digest(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Result<NodeKeys> keys_of(const std::string& fleetd_certificate, const std::string& etcd_certificate) {
    const auto fleetd = crypto::view_certificate(fleetd_certificate);
    if (!fleetd) return tl::unexpected<Error>(fleetd.error());
    const auto etcd = crypto::view_certificate(etcd_certificate);
    if (!etcd) return tl::unexpected<Error>(etcd.error());
    return NodeKeys{fleetd->key, etcd->key};
}

Result<std::string> sign_roster(const Roster& roster, Bytes authority_key) {
    std::string text = std::string(kFirst) + std::to_string(roster.version) + "\n";
    for (const auto& [name, key] : roster.readers) {
        text += name + " " + crypto::to_base64(key);
        if (const auto keys = roster.keys.find(name); keys != roster.keys.end())
            text += " " + keys->second.fleetd + " " + keys->second.etcd;
        text += "\n";
    }
    const auto signature = crypto::sign_text(authority_key, text);
    if (!signature) return tl::unexpected<Error>(signature.error());
    return text + std::string(kLast) + *signature + "\n";
}

Result<Roster> parse_roster(const std::string& text) {
    const auto parts = parts_of(text);
    if (!parts) return tl::unexpected<Error>(parts.error());
    const auto broken = fail(ErrorCode::kInvalid, "the list of the fleet's nodes has another form");
    std::string_view rest = parts->content;
    if (!rest.starts_with(kFirst)) return broken;
    rest.remove_prefix(kFirst.size());
    Roster out;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.version);
    if (error != std::errc() || end == rest.data() + rest.size() || *end != '\n') return broken;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()) + 1);
    while (!rest.empty()) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() + 1);
        const std::vector<std::string_view> words = words_of(line);
        const auto key = words.size() == 2 || words.size() == 4 ? crypto::parse_public_key(words[1]) : std::nullopt;
        if (!key || words[0].empty() || out.readers.size() == crypto::kMostReaders) return broken;
        if (!out.readers.emplace(std::string(words[0]), *key).second) return broken;
        if (words.size() == 2) continue;
        if (!is_digest(words[2]) || !is_digest(words[3])) return broken;
        out.keys[std::string(words[0])] = {std::string(words[2]), std::string(words[3])};
    }
    return out;
}

Result<Roster> verify_roster(const std::string& text, const std::string& authority) {
    const auto parts = parts_of(text);
    if (!parts) return tl::unexpected<Error>(parts.error());
    if (!crypto::verify_text(authority, parts->content, std::string(parts->signature)))
        return fail(ErrorCode::kPermission, "the list of the fleet's nodes is not signed by the fleet's authority");
    return parse_roster(text);
}

}  // namespace warren::ctl
