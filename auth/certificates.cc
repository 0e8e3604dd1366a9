#include "auth/certificates.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/chain/peer.h"
#include "base/log.h"

namespace warren::auth {

namespace {

void warn_of(SecretId id, const char* what, const Error& error) {
    log(LogLevel::kWarn, "certificate_not_usable", {{"id", std::to_string(id)}, {"kind", what}, {"error", error.what}});
}

Result<Trust> trust_of(const Secret& secret) {
    std::vector<Bytes> authorities;
    std::vector<Bytes> lists;
    for (const Secret::File& file : secret.files) {
        if (file.what == ipc::SecretFile::kCa) authorities.push_back(file.content.reveal());
        if (file.what == ipc::SecretFile::kCrl) lists.push_back(file.content.reveal());
    }
    return Trust::from_files(authorities, lists, secret.crl_required);
}

crypto::HashSet hash_set(const std::vector<std::uint16_t>& hashes) {
    crypto::HashSet out = 0;
    for (const std::uint16_t hash : hashes) {
        if (hash < 32) out |= crypto::HashSet{1} << hash;
    }
    return out;
}

}  // namespace

void ChainCertificates::put(SecretId id, const Secret& secret) {
    drop(id);
    if (secret.kind == SecretKind::kSigner) {
        auto signer =
            Signer::from_files(secret.find(ipc::SecretFile::kCertificate), secret.find(ipc::SecretFile::kPrivateKey));
        if (!signer) return warn_of(id, "signer", signer.error());
        signers_.emplace(id, std::move(*signer));
    } else if (secret.kind == SecretKind::kTrust) {
        auto trust = trust_of(secret);
        if (!trust) return warn_of(id, "trust", trust.error());
        trusts_.emplace(id, std::move(*trust)).first->second.remember_in(known_);
    }
}

void ChainCertificates::drop(SecretId id) {
    signers_.erase(id);
    trusts_.erase(id);
}

ipc::AuthReply ChainCertificates::sign(const ipc::SignAsk& ask) {
    const auto found = signers_.find(ask.signer);
    if (found == signers_.end()) return ipc::SignAnswer{};
    const Signer& signer = found->second;
    auto signature = signer.key().sign(hash_set(ask.hashes), false, ask.octets);
    if (!signature) return ipc::SignAnswer{};
    return ipc::SignAnswer{signature->method, std::move(signature->data), signer.chain_to_send()};
}

ipc::AuthReply ChainCertificates::verify(Now now, const ipc::VerifyPeerAsk& ask) {
    std::vector<Trust*> candidates;
    for (const SecretId id : ask.trusts) {
        const auto found = trusts_.find(id);
        candidates.push_back(found == trusts_.end() ? nullptr : &found->second);
    }
    // Not here, not yet or not any more: nobody can say.
    const bool is_none_here =
        std::all_of(candidates.begin(), candidates.end(), [](auto* one) { return one == nullptr; });
    const bool was_one_asked =
        std::any_of(ask.trusts.begin(), ask.trusts.end(), [](SecretId id) { return id != kNoSecret; });
    if (was_one_asked && is_none_here) return ipc::AskFailed{};
    const Judged judged = judge_peer(
        candidates, {ask.identity_type, ask.identity, ask.chain, ask.method, ask.data, ask.octets}, now.wall);
    return ipc::VerifyPeerAnswer{judged.verdict, judged.trust, judged.not_after};
}

void load_certificate_algorithms() {
    crypto::load_signature_algorithms();
}

}  // namespace warren::auth
