#include "auth/chain/peer.h"

#include <optional>

namespace warren::auth {

namespace {

tl::expected<std::vector<Certificate>, PeerVerdict> read(std::span<const std::vector<std::uint8_t>> chain) {
    if (chain.empty() || chain.size() > kMostChain) return tl::unexpected<PeerVerdict>(PeerVerdict::kMalformed);
    std::vector<Certificate> out;
    for (const auto& der : chain) {
        auto one = Certificate::from_der(der);
        if (!one) return tl::unexpected<PeerVerdict>(one.error());
        out.push_back(std::move(*one));
    }
    return out;
}

}  // namespace

Judged judge_peer(std::span<const Trust* const> candidates, const PeerProof& proof, WallTime now) {
    Judged out;
    const auto refused = [&out](PeerVerdict verdict) {
        out.verdict = verdict;
        return out;
    };
    const auto chain = read(proof.chain);
    if (!chain) return refused(chain.error());
    // The signature first: who does not have the key learns nothing of the rest.
    if (!chain->front().key().verify(proof.method, proof.data, proof.octets))
        return refused(PeerVerdict::kWrongSignature);
    if (!chain->front().is_of(proof.id_type, proof.identity)) return refused(PeerVerdict::kWrongIdentity);
    if (!candidates.empty()) out.verdict = PeerVerdict::kUnknownIssuer;
    std::optional<Judged> found;
    std::size_t paths = 0;
    for (std::size_t at = 0; at < candidates.size() && paths < kMostPaths; ++at) {
        const Trust* const candidate = candidates[at];
        if (candidate == nullptr || !candidate->may_hold(*chain)) continue;
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
