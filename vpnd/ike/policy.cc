// The policies, and lines of them.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "vpnd/ike/proposal.h"

namespace warren::ike {

namespace {

using Names = std::span<const std::string_view>;

std::vector<const Algorithm*> named(TransformType type, Names names) {
    std::vector<const Algorithm*> out;
    for (const std::string_view name : names) {
        out.push_back(find_algorithm(type, name));
        WARREN_CHECK(out.back() != nullptr && out.back()->standing != Standing::kRefused);
    }
    return out;
}

constexpr std::array<std::string_view, 3> kAeads = {"aes256gcm", "aes128gcm", "chacha20poly1305"};
constexpr std::array<std::string_view, 3> kChildAeads = {"aes128gcm", "aes256gcm", "chacha20poly1305"};
constexpr std::array<std::string_view, 2> kCbcs = {"aes256", "aes128"};
constexpr std::array<std::string_view, 4> kHashes = {"sha256", "sha384", "sha512", "sha1"};
constexpr std::array<std::string_view, 2> kChildHashes = {"sha256", "sha512"};
constexpr std::array<std::string_view, 4> kPrfs = {"prfsha256", "prfsha384", "prfsha512", "prfsha1"};
constexpr std::array<std::string_view, 8> kGroups = {"x25519",   "ecp256",   "ecp384",   "ecp521",
                                                     "modp2048", "modp3072", "modp4096", "modp1024"};

// Without the last of a list, which is legacy.
Names good(Names names) {
    return names.first(names.size() - 1);
}

Acceptable ike_line(Names ciphers, Names hashes, Names prfs, Names groups) {
    return {.encryption = named(TransformType::kEncryption, ciphers),
            .integrity = named(TransformType::kIntegrity, hashes),
            .prf = named(TransformType::kPrf, prfs),
            .key_exchange = named(TransformType::kKeyExchange, groups),
            .esn = {}};
}

Acceptable child_line(Names ciphers, Names hashes) {
    return {.encryption = named(TransformType::kEncryption, ciphers),
            .integrity = named(TransformType::kIntegrity, hashes),
            .prf = {},
            .key_exchange = named(TransformType::kKeyExchange, good(kGroups)),
            .esn = {EsnId::kYes, EsnId::kNo}};
}

// Where a transform of the operator's belongs; null: nowhere.
std::vector<const Algorithm*>* place_of(TransformType type, Acceptable& line) {
    switch (type) {
        case TransformType::kEncryption: return &line.encryption;
        case TransformType::kPrf: return &line.prf;
        case TransformType::kIntegrity: return &line.integrity;
        case TransformType::kKeyExchange: return &line.key_exchange;
        case TransformType::kEsn: break;
    }
    return nullptr;
}

}  // namespace

const Policy& default_ike_policy() {
    static const Policy policy = {{
        ike_line(kAeads, {}, good(kPrfs), good(kGroups)),
        ike_line(Names(kCbcs).first(1), good(kHashes), good(kPrfs), good(kGroups)),
    }};
    return policy;
}

const Policy& windows_ike_policy() {
    static const Policy policy = [] {
        Policy out = default_ike_policy();
        out.lines.push_back(ike_line(kCbcs, kHashes, kPrfs, kGroups));
        return out;
    }();
    return policy;
}

const Policy& default_child_policy() {
    static const Policy policy = {{
        child_line(kChildAeads, {}),
        child_line(kCbcs, kChildHashes),
    }};
    return policy;
}

std::optional<Acceptable> acceptable_of(ProtocolId protocol, std::span<const Transform> transforms) {
    const bool is_ike = protocol == ProtocolId::kIke;
    Acceptable line;
    for (const Transform& transform : transforms) {
        const Algorithm* const algorithm = find_algorithm(transform);
        if (algorithm == nullptr || algorithm->standing == Standing::kRefused) return std::nullopt;
        if (!(is_ike ? algorithm->in_ike : algorithm->in_esp)) return std::nullopt;
        auto* const place = place_of(algorithm->type, line);
        if (std::find(place->begin(), place->end(), algorithm) == place->end()) place->push_back(algorithm);
    }
    if (line.encryption.empty()) return std::nullopt;
    const bool is_aead = line.encryption.front()->is_aead();
    const bool is_mixed = std::any_of(line.encryption.begin(), line.encryption.end(),
                                      [&](const Algorithm* one) { return one->is_aead() != is_aead; });
    if (is_mixed || is_aead != line.integrity.empty()) return std::nullopt;
    if (is_ike && (line.prf.empty() || line.key_exchange.empty())) return std::nullopt;
    if (!is_ike) line.esn = {EsnId::kYes, EsnId::kNo};
    return line;
}

}  // namespace warren::ike
