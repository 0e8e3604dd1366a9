// The closed list of what authd is asked (ipc/auth_messages.h), and what answers it. No I/O, no clock.
#pragma once

#include <memory>

#include "auth/table/secrets.h"
#include "base/time.h"
#include "crypto/random.h"

namespace warren::auth {

// Answers what needs certificates.
class Certificates {
  public:
    virtual ~Certificates() = default;

    // A kSigner or kTrust came; `secret` stays valid until its drop(). One that cannot be read answers nothing.
    virtual void put(SecretId id, const Secret& secret) = 0;
    virtual void drop(SecretId id) = 0;
    [[nodiscard]] virtual ipc::AuthReply sign(const ipc::SignAsk& ask) = 0;
    [[nodiscard]] virtual ipc::AuthReply verify(Now now, const ipc::VerifyPeerAsk& ask) = 0;
};

// Holds EAP conversations.
class Eap {
  public:
    virtual ~Eap() = default;

    // As Certificates; also kUsers.
    virtual void put(SecretId id, const Secret& secret) = 0;
    virtual void drop(SecretId id) = 0;
    [[nodiscard]] virtual ipc::AuthReply step(Now now, const ipc::EapStepAsk& ask) = 0;
    [[nodiscard]] virtual ipc::AuthReply is_user(const ipc::UserAsk& ask) = 0;
};

// One thread.
class Table {
  public:
    // `random` must outlive this. Null: what only that answers cannot be answered.
    explicit Table(crypto::RandomSource& random, std::unique_ptr<Certificates> certificates = nullptr,
                   std::unique_ptr<Eap> eap = nullptr);

    // kUnavailable: there are too many, and this one is not held.
    [[nodiscard]] Status put(SecretId id, Secret secret);
    void drop(SecretId id);
    [[nodiscard]] std::size_t secrets() const { return secrets_.size(); }

    // AskFailed: what it takes is not here. A secret of another kind is as good as none.
    [[nodiscard]] ipc::AuthReply answer(Now now, const ipc::AuthQuestion& question);

  private:
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::PskMacAsk& ask);
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::SignAsk& ask);
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::VerifyPeerAsk& ask);
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::EapStepAsk& ask);
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::PpkMixAsk& ask);
    [[nodiscard]] ipc::AuthReply answer_one(Now now, const ipc::UserAsk& ask);

    Secrets secrets_;
    crypto::SecretBuffer nobodys_;  // a key that nobody has
    std::unique_ptr<Certificates> certificates_;
    std::unique_ptr<Eap> eap_;
};

}  // namespace warren::auth
