#include "auth/chain/peer.h"

#include <memory>
#include <optional>
#include <utility>

namespace warren::auth {

namespace {

// One that a candidate has trusted before is there as it was read then: it has the same bytes.
tl::expected<ReadChain, PeerVerdict> read(std::span<Trust* const> candidates,
                                          std::span<const std::vector<std::uint8_t>> chain) {
    ReadChain out;
    out.digest = digest_of(chain);
    for (const Trust* const candidate : candidates) {
        const KnownChain* const known = candidate == nullptr ? nullptr : candidate->known(out.digest);
        if (known != nullptr) return known->chain;
    }
    std::vector<Certificate> certificates;
    for (const auto& der : chain) {
        auto one = Certificate::from_der(der);
        if (!one) return tl::unexpected<PeerVerdict>(one.error());
        certificates.push_back(std::move(*one));
        out.bytes += der.size();
    }
    out.certificates = std::make_shared<const std::vector<Certificate>>(std::move(certificates));
    return out;
}

}  // namespace

Judged judge_peer(std::span<Trust* const> candidates, const PeerProof& proof, WallTime now) {
    Judged out;
    const auto refused = [&out](PeerVerdict verdict) {
        out.verdict = verdict;
        return out;
    };
    if (proof.chain.empty() || proof.chain.size() > kMostChain) return refused(PeerVerdict::kMalformed);
    const auto chain = read(candidates, proof.chain);
    if (!chain) return refused(chain.error());
    const Certificate& leaf = chain->certificates->front();
    // The signature first: who does not have the key learns nothing of the rest.
    if (!leaf.key().verify(proof.method, proof.data, proof.octets)) return refused(PeerVerdict::kWrongSignature);
    if (!leaf.is_of(proof.id_type, proof.identity)) return refused(PeerVerdict::kWrongIdentity);
    if (!candidates.empty()) out.verdict = PeerVerdict::kUnknownIssuer;
    std::optional<Judged> found;
    std::size_t paths = 0;
    for (std::size_t at = 0; at < candidates.size() && paths < kMostPaths; ++at) {
        Trust* const candidate = candidates[at];
        if (candidate == nullptr || !candidate->may_hold(*chain->certificates)) continue;
        const Path path = candidate->check(*chain, now);
        ++paths;
        if (path.verdict != PeerVerdict::kTrusted) {
            if (paths == 1) out.verdict = path.verdict;
            continue;
        }
        // Two customers trust it: it is neither's.
        if (found) return refused(PeerVerdict::kUnknownIssuer);
        found = Judged{PeerVerdict::kTrusted, static_cast<std::uint32_t>(at), path.not_after, path.has_current_lists};
    }
    return found.value_or(out);
}

}  // namespace warren::auth
