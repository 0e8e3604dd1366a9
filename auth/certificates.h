// Certificates as authd holds them: our own, to sign with, and whom customers trust.
#pragma once

#include <unordered_map>

#include "auth/chain/known_chains.h"
#include "auth/chain/signer.h"
#include "auth/chain/trust.h"
#include "auth/table/table.h"

namespace warren::auth {

// One that cannot be read is logged, and is as good as none: who is checked with it is not trusted. One thread.
class ChainCertificates final : public Certificates {
  public:
    void put(SecretId id, const Secret& secret) override;
    void drop(SecretId id) override;
    // No data: this signer cannot sign what this peer takes, or is not here.
    [[nodiscard]] ipc::AuthReply sign(const ipc::SignAsk& ask) override;
    [[nodiscard]] ipc::AuthReply verify(Now now, const ipc::VerifyPeerAsk& ask) override;
    [[nodiscard]] const KnownChains& known() const { return known_; }

  private:
    std::unordered_map<SecretId, Signer> signers_;
    KnownChains known_;
    std::unordered_map<SecretId, Trust> trusts_;
};

// OpenSSL looks an algorithm up, and reads its configuration, when it is used the first time: here, before the sandbox.
void load_certificate_algorithms();

}  // namespace warren::auth
