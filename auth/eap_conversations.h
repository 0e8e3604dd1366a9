// The EAP conversations of all customers' peers: each with the secrets that its first ask has named.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "auth/chain/trust.h"
#include "auth/eap/conversation.h"
#include "auth/eap/tls_session.h"
#include "auth/eap/users.h"
#include "auth/table/table.h"
#include "crypto/legacy_digest.h"
#include "crypto/random.h"

namespace warren::auth {

// No I/O, no clock. One thread.
class EapConversations final : public Eap {
  public:
    // A share is that of a customer: what asks name as users, or else as trust. Those of nobody have one too.
    static constexpr std::size_t kMost = 1024;
    static constexpr std::size_t kMostOfShare = kMost / 4;
    static constexpr Duration kLife = std::chrono::seconds(150);   // vpnd's is shorter
    static constexpr Duration kLinger = std::chrono::seconds(10);  // after its end, for an answer that was lost

    // `random` must outlive this. Null: MD4 and DES are not there, and nobody can use EAP-MSCHAPv2.
    EapConversations(const crypto::LegacyDigest* legacy, crypto::RandomSource& random);

    // What cannot be read is not there. Conversations with a secret that goes, go with it.
    void put(SecretId id, const Secret& secret) override;
    void drop(SecretId id) override;
    [[nodiscard]] ipc::AuthReply step(Now now, const ipc::EapStepAsk& ask) override;
    [[nodiscard]] std::size_t size() const { return conversations_.size(); }

  private:
    struct Entry {
        std::unique_ptr<eap::Conversation> conversation;
        SecretId users = kNoSecret;
        SecretId trust = kNoSecret;
        SecretId signer = kNoSecret;
        SecretId share = kNoSecret;
        Instant until;
    };

    [[nodiscard]] bool has_all(const ipc::EapStepAsk& ask) const;
    [[nodiscard]] Entry* begin(Instant now, const ipc::EapStepAsk& ask, std::string name);
    void forget_late(Instant now);
    void forget(std::uint64_t number);
    [[nodiscard]] tl::expected<std::string, std::string> check(SecretId trust, const std::vector<eap::Der>& chain);

    std::optional<crypto::LegacyDigest> legacy_;
    crypto::RandomSource& random_;
    std::unordered_map<SecretId, std::unique_ptr<eap::Users>> users_;
    std::unordered_map<SecretId, std::unique_ptr<eap::TlsServer>> signers_;
    std::unordered_map<SecretId, std::unique_ptr<Trust>> trusts_;
    eap::Users nobody_;
    std::unordered_map<std::uint64_t, Entry> conversations_;
    std::unordered_map<SecretId, std::size_t> of_share_;
    Instant swept_ = kLongAgo;
    WallTime wall_;  // of the step that is under way
};

}  // namespace warren::auth
