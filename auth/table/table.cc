#include "auth/table/table.h"

#include <utility>
#include <variant>

#include "crypto/prf.h"

namespace warren::auth {

namespace {

constexpr std::size_t kNobodysKey = 32;

crypto::SecretBuffer mac(crypto::Sha prf, Bytes key, Bytes octets) {
    if (octets.empty()) return {};
    return crypto::SecretBuffer(crypto::shared_key_mic(prf, key, octets).reveal());
}

// RFC 8784 §3: prf+(PPK, SK)
crypto::SecretBuffer mixed(crypto::Sha prf, Bytes ppk, const crypto::SecretBuffer& key) {
    crypto::SecretBuffer out(key.size());
    crypto::prf_plus(prf, ppk, {key.reveal()}, out.writable());
    return out;
}

}  // namespace

Table::Table(crypto::RandomSource& random, std::unique_ptr<Certificates> certificates, std::unique_ptr<Eap> eap)
    : nobodys_(kNobodysKey), certificates_(std::move(certificates)), eap_(std::move(eap)) {
    random.fill(nobodys_.writable());
}

Status Table::put(SecretId id, Secret secret) {
    drop(id);
    const SecretKind kind = secret.kind;
    WARREN_TRY(secrets_.put(id, std::move(secret)));
    const Secret& held = *secrets_.find(id, kind);
    const bool has_certificates = kind == SecretKind::kSigner || kind == SecretKind::kTrust;
    if (certificates_ != nullptr && has_certificates) certificates_->put(id, held);
    if (eap_ != nullptr && (has_certificates || kind == SecretKind::kUsers)) eap_->put(id, held);
    return {};
}

void Table::drop(SecretId id) {
    if (certificates_ != nullptr) certificates_->drop(id);
    if (eap_ != nullptr) eap_->drop(id);
    secrets_.drop(id);
}

ipc::AuthReply Table::answer(Now now, const ipc::AuthQuestion& question) {
    return std::visit([&](const auto& ask) { return answer_one(now, ask); }, question);
}

// A peer that nobody knows gets the same answer as one with a wrong key, after the same work.
ipc::AuthReply Table::answer_one(Now /*now*/, const ipc::PskMacAsk& ask) {
    const Secret* const secret = secrets_.find(ask.psk, SecretKind::kPsk);
    if (secret == nullptr && ask.psk != kNoSecret) return ipc::AskFailed{};
    const Bytes key = secret == nullptr ? nobodys_.reveal() : secret->find(ipc::SecretFile::kKey);
    return ipc::PskMacAnswer{mac(ask.prf, key, ask.peer_octets), mac(ask.prf, key, ask.our_octets)};
}

ipc::AuthReply Table::answer_one(Now /*now*/, const ipc::PpkMixAsk& ask) {
    const Secret* const secret = secrets_.find(ask.ppk, SecretKind::kPpk);
    if (secret == nullptr && ask.ppk != kNoSecret) return ipc::AskFailed{};
    const Bytes key = secret == nullptr ? nobodys_.reveal() : secret->find(ipc::SecretFile::kKey);
    return ipc::PpkMixAnswer{mixed(ask.prf, key, ask.sk_d), mixed(ask.prf, key, ask.sk_pi),
                             mixed(ask.prf, key, ask.sk_pr)};
}

ipc::AuthReply Table::answer_one(Now /*now*/, const ipc::SignAsk& ask) {
    return certificates_ == nullptr ? ipc::AskFailed{} : certificates_->sign(ask);
}

ipc::AuthReply Table::answer_one(Now now, const ipc::VerifyPeerAsk& ask) {
    return certificates_ == nullptr ? ipc::AskFailed{} : certificates_->verify(now, ask);
}

ipc::AuthReply Table::answer_one(Now now, const ipc::EapStepAsk& ask) {
    return eap_ == nullptr ? ipc::AskFailed{} : eap_->step(now, ask);
}

ipc::AuthReply Table::answer_one(Now /*now*/, const ipc::UserAsk& ask) {
    return eap_ == nullptr ? ipc::AskFailed{} : eap_->is_user(ask);
}

}  // namespace warren::auth
