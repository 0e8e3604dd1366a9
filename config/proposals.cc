#include "config/proposals.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/schema.h"

namespace warren::config {

namespace {

constexpr std::uint8_t kCipher = IkeTransform::kEncryption;
constexpr std::uint8_t kHash = IkeTransform::kPrf;
constexpr std::uint8_t kGroup = IkeTransform::kKeyExchange;
constexpr std::uint16_t kAesGcm16 = 20;           // RFC 4106, RFC 5282
constexpr std::uint16_t kChacha20Poly1305 = 28;   // RFC 7634
constexpr std::uint16_t kAesCbc = 12;             // RFC 3602
constexpr std::uint16_t kPrfHmacSha1 = 2;         // RFC 2104
constexpr std::uint16_t kHmacSha1With96 = 2;      // RFC 2404
constexpr std::uint16_t kHmacSha384With192 = 13;  // RFC 4868
constexpr std::uint16_t kModp1024 = 2;            // RFC 7296 App. B

constexpr Algorithm kAlgorithms[] = {
    {"aes256gcm", {kCipher, kAesGcm16, 256}, 0, true},
    {"aes128gcm", {kCipher, kAesGcm16, 128}, 0, true},
    {"chacha20poly1305", {kCipher, kChacha20Poly1305, 0}, 0, true},
    {"aes256", {kCipher, kAesCbc, 256}},
    {"aes128", {kCipher, kAesCbc, 128}},
    {"sha256", {kHash, 5, 0}, 12},  // RFC 4868, like the next two
    {"sha384", {kHash, 6, 0}, kHmacSha384With192},
    {"sha512", {kHash, 7, 0}, 14},
    {"sha1", {kHash, kPrfHmacSha1, 0}, kHmacSha1With96},
    {"x25519", {kGroup, 31, 0}},  // RFC 8031
    {"ecp256", {kGroup, 19, 0}},  // RFC 5903, like the next two
    {"ecp384", {kGroup, 20, 0}},
    {"ecp521", {kGroup, 21, 0}},
    {"modp2048", {kGroup, 14, 0}},  // RFC 3526, like the next two
    {"modp3072", {kGroup, 15, 0}},
    {"modp4096", {kGroup, 16, 0}},
    {"modp1024", {kGroup, kModp1024, 0}},
};

struct Refused {
    std::string_view name;
    std::string_view why;
};
constexpr std::string_view kSmallBlock =
    "has blocks of 64 bits: some GB under one key show parts of the text (RFC 8221 §5)";
constexpr std::string_view kSmallSubgroups = "has small subgroups, and primes that nobody explains (RFC 8247 §2.4)";
constexpr Refused kRefused[] = {
    {"3des", kSmallBlock},
    {"des", "has a key of 56 bits, which a day of search finds"},
    {"md5", "has a broken hash (RFC 6151)"},
    {"null", "does not encrypt"},
    {"modp768", "is a group of 768 bits, which can be computed (RFC 8247 §2.4)"},
    {"modp1536", "is a group of 1536 bits, which is too small (RFC 8247 §2.4)"},
    {"modp1024s160", kSmallSubgroups},
    {"modp2048s224", kSmallSubgroups},
    {"modp2048s256", kSmallSubgroups},
};

const Algorithm* find(std::string_view name) {
    const auto* const found = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                           [name](const Algorithm& one) { return one.name == name; });
    return found == std::end(kAlgorithms) ? nullptr : found;
}

std::vector<std::string_view> parts_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (true) {
        const auto dash = text.find('-');
        out.push_back(text.substr(0, dash));
        if (dash == std::string_view::npos) return out;
        text.remove_prefix(dash + 1);
    }
}

std::string unknown(std::string_view part) {
    const auto* const refused =
        std::find_if(std::begin(kRefused), std::end(kRefused), [part](const Refused& one) { return one.name == part; });
    if (refused != std::end(kRefused)) return fmt::format("has {}, which is not accepted: it {}", part, refused->why);
    std::vector<std::string_view> names;
    for (const Algorithm& one : kAlgorithms) names.push_back(one.name);
    const std::string near = suggest(part, names);
    if (part.empty()) return "has a name too few, or a \"-\" too many";
    return fmt::format("has the unknown algorithm \"{}\"; accepted: {}{}", part.substr(0, 32), fmt::join(names, ", "),
                       near.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", near));
}

// The algorithms of each type, by its number; null: none.
struct Chosen {
    const Algorithm* cipher = nullptr;
    const Algorithm* hash = nullptr;
    const Algorithm* group = nullptr;
};

// Why not, or "".
std::string choose(std::string_view text, Chosen& out) {
    std::uint8_t last = 0;
    for (const std::string_view part : parts_of(text)) {
        const Algorithm* const found = find(part);
        if (found == nullptr) return unknown(part);
        const std::uint8_t type = found->transform.type;
        const Algorithm*& place = type == kCipher ? out.cipher : type == kHash ? out.hash : out.group;
        if (place != nullptr)
            return fmt::format("has both {} and {}; each further one is an element of its own", place->name, part);
        if (type < last) return fmt::format("has {} in the wrong place; the order is cipher, hash, group", part);
        last = type;
        place = found;
    }
    if (out.cipher == nullptr) return "has no cipher; accepted: such as aes256gcm";
    return {};
}

std::string choose(ProposalFor what, std::string_view text, Chosen& out) {
    if (std::string problem = choose(text, out); !problem.empty()) return problem;
    const bool is_ike = what == ProposalFor::kIke;
    if (is_ike && out.hash == nullptr)
        return fmt::format("has no hash; write for example \"{}-sha256-x25519\"", out.cipher->name);
    if (is_ike && out.group == nullptr) return fmt::format("has no group; write for example \"{}-x25519\"", text);
    if (is_ike) return {};
    if (out.cipher->is_aead && out.hash != nullptr)
        return fmt::format("has {} beside {}, which authenticates by itself", out.hash->name, out.cipher->name);
    if (!out.cipher->is_aead && out.hash == nullptr)
        return fmt::format("has no hash, without which {} does not authenticate; write for example \"{}-sha256\"",
                           out.cipher->name, out.cipher->name);
    if (out.hash != nullptr && out.hash->integrity == kHmacSha384With192)
        return fmt::format("has sha384, which is accepted in `ike` only; write {}-sha256 or {}-sha512",
                           out.cipher->name, out.cipher->name);
    if (out.group != nullptr && out.group->transform.id == kModp1024)
        return "has modp1024, which is accepted in `ike` only, and with legacy";
    return {};
}

}  // namespace

std::span<const Algorithm> algorithms() {
    return kAlgorithms;
}

std::optional<IkeProposal> parse_proposal(ProposalFor what, std::string_view text) {
    Chosen chosen;
    if (!choose(what, text, chosen).empty()) return std::nullopt;
    IkeProposal out{chosen.cipher->transform};
    if (chosen.hash != nullptr) {
        if (what == ProposalFor::kIke) out.push_back(chosen.hash->transform);
        if (!chosen.cipher->is_aead) out.push_back({IkeTransform::kIntegrity, chosen.hash->integrity, 0});
    }
    if (chosen.group != nullptr) out.push_back(chosen.group->transform);
    return out;
}

std::optional<std::string> proposal_problem(ProposalFor what, std::string_view text) {
    Chosen chosen;
    std::string problem = choose(what, text, chosen);
    if (problem.empty()) return std::nullopt;
    return problem;
}

std::string proposal_text(const IkeProposal& proposal) {
    std::string out;
    bool has_hash = false;
    for (const IkeTransform& transform : proposal) {
        const bool is_integrity = transform.type == IkeTransform::kIntegrity;
        if (is_integrity && has_hash) continue;  // it is the PRF's
        const auto* const found =
            std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms), [&](const Algorithm& one) {
                return is_integrity ? one.integrity == transform.id : one.transform == transform;
            });
        if (found == std::end(kAlgorithms)) continue;
        has_hash = has_hash || transform.type == kHash;
        out += (out.empty() ? "" : "-") + std::string(found->name);
    }
    return out;
}

bool is_weak(const IkeProposal& proposal) {
    return std::any_of(proposal.begin(), proposal.end(), [](const IkeTransform& transform) {
        return (transform.type == kHash && transform.id == kPrfHmacSha1) ||
               (transform.type == IkeTransform::kIntegrity && transform.id == kHmacSha1With96) ||
               (transform.type == kGroup && transform.id == kModp1024);
    });
}

bool has_group(const IkeProposal& proposal) {
    return std::any_of(proposal.begin(), proposal.end(),
                       [](const IkeTransform& transform) { return transform.type == kGroup; });
}

}  // namespace warren::config
