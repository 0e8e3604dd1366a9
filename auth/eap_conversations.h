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
    // A share is that of a customer: what asks name as users, or else as trust. Those of nobody have one too. What is
    // over counts in all only, and makes room there. In a share that is full, and of a source that has its most, the
    // oldest whose peer has taken up no method gives way: vpnd does not say which it has given up.
    static constexpr std::size_t kMost = 1024;
    static constexpr std::size_t kMostOfShare = kMost / 4;
    static constexpr std::size_t kMostOfSource = 16;
    static constexpr Duration kLife = std::chrono::seconds(150);   // vpnd's is shorter
    static constexpr Duration kLinger = std::chrono::seconds(10);  // after its end, for an answer that was lost

    // `random` must outlive this. Null: MD4 and DES are not there, and nobody can use EAP-MSCHAPv2.
    EapConversations(const crypto::LegacyDigest* legacy, crypto::RandomSource& random);

    // What cannot be read is not there. Conversations with a secret that goes, go with it.
    void put(SecretId id, const Secret& secret) override;
    void drop(SecretId id) override;
    // AskFailed: a secret is not here, or there is no room for one more. The peer repeats its message.
    [[nodiscard]] ipc::AuthReply step(Now now, const ipc::EapStepAsk& ask) override;
    // Whether they have a user of that very name. AskFailed: they are not here.
    [[nodiscard]] ipc::AuthReply is_user(const ipc::UserAsk& ask) override;
    [[nodiscard]] std::size_t size() const { return conversations_.size(); }

  private:
    struct Entry {
        std::unique_ptr<eap::Conversation> conversation;
        SecretId users = kNoSecret;
        SecretId trust = kNoSecret;
        SecretId signer = kNoSecret;
        SecretId share = kNoSecret;
        IpAddress source;
        std::uint64_t order = 0;
        Instant until;

        [[nodiscard]] bool is_over() const { return conversation->is_over(); }
    };

    [[nodiscard]] bool has_all(const ipc::EapStepAsk& ask) const;
    [[nodiscard]] Entry* begin(Instant now, const ipc::EapStepAsk& ask, std::string name);
    // For one more. False: there is none.
    [[nodiscard]] bool make_room(SecretId share, const IpAddress& source);
    // The one that began first. False: there is none.
    template <typename Predicate>
    bool forget_oldest(const Predicate& is_wanted);
    void forget_late(Instant now);
    [[nodiscard]] tl::expected<std::string, std::string> check(SecretId trust, const std::vector<eap::Der>& chain);

    std::optional<crypto::LegacyDigest> legacy_;
    crypto::RandomSource& random_;
    std::unordered_map<SecretId, std::unique_ptr<eap::Users>> users_;
    std::unordered_map<SecretId, std::unique_ptr<eap::TlsServer>> signers_;
    std::unordered_map<SecretId, std::unique_ptr<Trust>> trusts_;
    eap::Users nobody_;
    std::unordered_map<std::uint64_t, Entry> conversations_;
    std::uint64_t order_ = 0;
    Instant swept_ = kLongAgo;
    WallTime wall_;  // of the step that is under way
};

}  // namespace warren::auth
