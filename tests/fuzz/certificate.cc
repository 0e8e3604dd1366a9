// A stranger's chain, identity and signature in authd. The input: a type of identity, a method, an identity (a byte and
// so many bytes), AUTH data (likewise), then certificates in DER, each behind its length in two bytes.
#include <algorithm>
#include <vector>

#include "auth/chain/peer.h"
#include "base/check.h"

namespace {

using namespace warren;

std::vector<std::vector<std::uint8_t>> chain_in(ByteReader& reader) {
    std::vector<std::vector<std::uint8_t>> out;
    while (reader.ok() && !reader.rest().empty() && out.size() <= auth::kMostChain) {
        const Bytes one = reader.take(reader.be<std::uint16_t>());
        out.emplace_back(one.begin(), one.end());
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ByteReader reader({data, size});
    auth::PeerProof proof;
    proof.id_type = reader.u8();
    proof.method = reader.u8();
    proof.identity = reader.take(reader.u8());
    proof.data = reader.take(reader.u8());
    proof.octets = {data, std::min<std::size_t>(size, 16)};
    const auto chain = chain_in(reader);
    proof.chain = chain;
    // The chain's last certificate as the CA, where it may be one.
    auth::KnownChains known;
    std::vector<auth::Trust> trusts;
    if (!chain.empty()) {
        const Bytes last = chain.back();
        if (auto trust = auth::Trust::from_files({&last, 1}, {}, false)) trusts.push_back(std::move(*trust));
    }
    std::vector<auth::Trust*> candidates;
    for (auth::Trust& trust : trusts) {
        trust.remember_in(known);
        candidates.push_back(&trust);
    }
    const WallTime now{1'800'000'000'000'000'000};
    const auth::Judged judged = auth::judge_peer(candidates, proof, now);
    WARREN_CHECK(judged.verdict != PeerVerdict::kTrusted || judged.not_after >= now);
    // What is known from before says the same.
    const auth::Judged again = auth::judge_peer(candidates, proof, now);
    WARREN_CHECK(again.verdict == judged.verdict && again.not_after == judged.not_after);
    for (const auto& der : chain) {
        const auto one = auth::Certificate::from_der(der);
        if (!one) continue;
        (void)one->is_of(proof.id_type, proof.identity);
        (void)one->subject();
        for (const auth::Trust& trust : trusts) (void)trust.check({&*one, 1}, now);
    }
    return 0;
}
