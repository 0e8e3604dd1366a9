#include "auth/eap_conversations.h"

#include <algorithm>
#include <utility>

#include "auth/chain/signer.h"
#include "auth/eap/mschapv2.h"
#include "auth/eap/tls.h"
#include "auth/eap_identity.h"
#include "base/eap.h"
#include "base/log.h"

namespace warren::auth {

namespace {

constexpr const char* kServerName = "warren";
constexpr Duration kSweep = std::chrono::seconds(1);

std::string_view text_of(PeerVerdict verdict) {
    switch (verdict) {
        case PeerVerdict::kTrusted: return "its certificate names nobody in its subjectAltName";
        case PeerVerdict::kMalformed: return "its certificate cannot be read";
        case PeerVerdict::kUnknownIssuer: return "its certificate is from none of the customer's CAs";
        case PeerVerdict::kNotYetValid: return "its certificate is not valid yet";
        case PeerVerdict::kExpired: return "its certificate has expired";
        case PeerVerdict::kRevoked: return "its certificate is revoked";
        case PeerVerdict::kNoRevocationList: return "there is no current revocation list for its certificate";
        case PeerVerdict::kWrongUsage: return "its certificate is not for this use";
        case PeerVerdict::kWrongIdentity: return "its certificate is another's";
        case PeerVerdict::kWrongSignature: return "its signature is wrong";
        case PeerVerdict::kWeak: return "its certificate or its key is too weak";
        case PeerVerdict::kUnknown: break;
    }
    return "its certificate is not taken";
}

ipc::EapStepAnswer failure(std::uint8_t identifier, eap::Reason reason) {
    ipc::EapStepAnswer out;
    out.outcome = EapOutcome::kFailure;
    out.message = eap::write_message({eap::Code::kFailure, identifier, eap::Type::kNone, {}});
    out.reason = reason;
    return out;
}

std::vector<Bytes> all(const Secret& secret, ipc::SecretFile what) {
    std::vector<Bytes> out;
    for (const Secret::File& file : secret.files) {
        if (file.what == what) out.push_back(file.content.reveal());
    }
    return out;
}

}  // namespace

EapConversations::EapConversations(const crypto::LegacyDigest* legacy, crypto::RandomSource& random)
    : legacy_(legacy == nullptr ? std::nullopt : std::optional(*legacy)), random_(random) {}

// --- secrets -------------------------------------------------------------------------------------

void EapConversations::put(SecretId id, const Secret& secret) {
    drop(id);
    if (secret.kind == SecretKind::kUsers && legacy_) {
        const Bytes file = secret.find(ipc::SecretFile::kUsers);
        auto users = eap::Users::read(*legacy_, {reinterpret_cast<const char*>(file.data()), file.size()});
        if (!users)
            return log(LogLevel::kWarn, "users_not_usable",
                       {{"id", std::to_string(id)}, {"error", users.error().what}});
        users_[id] = std::make_unique<eap::Users>(std::move(*users));
    }
    if (secret.kind == SecretKind::kSigner) {
        const Bytes key = secret.find(ipc::SecretFile::kPrivateKey);
        const auto signer = Signer::from_files(secret.find(ipc::SecretFile::kCertificate), key);
        if (!signer) return;
        auto server = eap::TlsServer::make(signer->chain_to_send(), key);
        if (server) signers_[id] = std::make_unique<eap::TlsServer>(std::move(*server));
    }
    if (secret.kind == SecretKind::kTrust) {
        auto trust = Trust::from_files(all(secret, ipc::SecretFile::kCa), all(secret, ipc::SecretFile::kCrl),
                                       secret.crl_required);
        if (trust) trusts_[id] = std::make_unique<Trust>(std::move(*trust));
    }
}

void EapConversations::drop(SecretId id) {
    std::erase_if(conversations_, [id](const auto& one) {
        return one.second.users == id || one.second.trust == id || one.second.signer == id;
    });
    users_.erase(id);
    signers_.erase(id);
    trusts_.erase(id);
}

bool EapConversations::has_all(const ipc::EapStepAsk& ask) const {
    return (ask.users == kNoSecret || users_.contains(ask.users)) &&
           (ask.trust == kNoSecret || (trusts_.contains(ask.trust) && signers_.contains(ask.signer)));
}

// --- conversations -------------------------------------------------------------------------------

ipc::AuthReply EapConversations::step(Now now, const ipc::EapStepAsk& ask) {
    wall_ = now.wall;
    forget_late(now.instant);
    const auto found = conversations_.find(ask.conversation);
    Entry* entry = found == conversations_.end() ? nullptr : &found->second;
    if (entry == nullptr) {
        const auto message = eap::read_message(ask.message);
        const std::uint8_t identifier = message ? message->identifier : std::uint8_t{0};
        const bool is_first = message && message->code == eap::Code::kResponse && message->type == eap::Type::kIdentity;
        const auto name = is_first ? eap::name_in(message->data) : std::nullopt;
        if (!name) return failure(identifier, eap::Reason::kUnexpected);
        if (!has_all(ask) || (!legacy_ && ask.trust == kNoSecret)) return ipc::AskFailed{};
        entry = begin(now.instant, ask, std::string(*name));
        if (entry == nullptr) return ipc::AskFailed{};
    }
    eap::Answer answer = entry->conversation->take(now.instant, ask.message);
    if (entry->is_over()) entry->until = std::min(entry->until, now.instant + kLinger);
    ipc::EapStepAnswer out;
    out.message = std::move(answer.message);
    out.reason = answer.reason;
    out.detail = std::move(answer.detail);
    switch (answer.verdict) {
        case eap::Answer::Verdict::kContinue: out.outcome = EapOutcome::kContinue; break;
        case eap::Answer::Verdict::kFailure: out.outcome = EapOutcome::kFailure; break;
        case eap::Answer::Verdict::kSuccess:
            out.outcome = EapOutcome::kSuccess;
            out.type = static_cast<std::uint8_t>(answer.type);
            out.msk = crypto::SecretBuffer(answer.msk.reveal());
            out.identity = std::move(answer.identity);
    }
    return out;
}

ipc::AuthReply EapConversations::is_user(const ipc::UserAsk& ask) {
    const auto users = users_.find(ask.users);
    if (users == users_.end()) return ipc::AskFailed{};
    return ipc::UserAnswer{!ask.name.empty() && users->second->name_of(ask.name) == ask.name};
}

EapConversations::Entry* EapConversations::begin(Instant now, const ipc::EapStepAsk& ask, std::string name) {
    const SecretId share = ask.users != kNoSecret ? ask.users : ask.trust;
    if (!make_room(share, ask.source)) return nullptr;
    eap::Offer offer;
    // Clients that have no certificate refuse TLS, and say what they have.
    if (ask.trust != kNoSecret) offer.types.push_back(eap::Type::kTls);
    if (ask.users != kNoSecret || ask.trust == kNoSecret) offer.types.push_back(eap::Type::kMschapv2);
    eap::Users* const users = ask.users == kNoSecret ? &nobody_ : users_.at(ask.users).get();
    const eap::TlsServer* const server = ask.trust == kNoSecret ? nullptr : signers_.at(ask.signer).get();
    offer.make = [this, users, server, trust = ask.trust, source = ask.source,
                  name = std::move(name)](eap::Type type) -> std::unique_ptr<eap::Method> {
        if (type == eap::Type::kMschapv2)
            return std::make_unique<eap::Mschapv2>(
                eap::Mschapv2Settings{*legacy_, random_, *users, name, source, kServerName});
        return std::make_unique<eap::Tls>(
            *server, [this, trust](const std::vector<eap::Der>& chain) { return check(trust, chain); });
    };
    Entry entry{std::make_unique<eap::Conversation>(std::move(offer)),
                ask.users,
                ask.trust,
                ask.signer,
                share,
                ask.source,
                ++order_,
                now + kLife};
    return &conversations_.emplace(ask.conversation, std::move(entry)).first->second;
}

bool EapConversations::make_room(SecretId share, const IpAddress& source) {
    const auto has_room = [this](std::size_t most, const auto& is_of) {
        const auto count = std::count_if(conversations_.begin(), conversations_.end(),
                                         [&](const auto& one) { return !one.second.is_over() && is_of(one.second); });
        return static_cast<std::size_t>(count) < most ||
               forget_oldest([&](const Entry& entry) { return entry.conversation->is_only_offered() && is_of(entry); });
    };
    return has_room(kMostOfSource, [&](const Entry& entry) { return entry.source == source; }) &&
           has_room(kMostOfShare, [&](const Entry& entry) { return entry.share == share; }) &&
           (conversations_.size() < kMost || forget_oldest([](const Entry& entry) { return entry.is_over(); }));
}

template <typename Predicate>
bool EapConversations::forget_oldest(const Predicate& is_wanted) {
    auto oldest = conversations_.end();
    for (auto at = conversations_.begin(); at != conversations_.end(); ++at) {
        const bool is_older = oldest == conversations_.end() || at->second.order < oldest->second.order;
        if (is_older && is_wanted(at->second)) oldest = at;
    }
    if (oldest == conversations_.end()) return false;
    conversations_.erase(oldest);
    return true;
}

// The conversations go before the secrets that they use (drop()), so that `trust` is there.
tl::expected<std::string, std::string> EapConversations::check(SecretId trust, const std::vector<eap::Der>& chain) {
    const auto refuse = [](PeerVerdict verdict) { return tl::unexpected(std::string(text_of(verdict))); };
    if (chain.size() > kMostChain) return refuse(PeerVerdict::kMalformed);
    std::vector<Certificate> certificates;
    for (const eap::Der& der : chain) {
        auto one = Certificate::from_der(der);
        if (!one) return refuse(one.error());
        certificates.push_back(std::move(*one));
    }
    const Path path = trusts_.at(trust)->check(certificates, wall_);
    if (path.verdict != PeerVerdict::kTrusted) return refuse(path.verdict);
    std::string identity = name_of(certificates.front());
    if (identity.empty()) return refuse(PeerVerdict::kTrusted);
    return identity;
}

void EapConversations::forget_late(Instant now) {
    if (now - swept_ < kSweep) return;
    swept_ = now;
    std::erase_if(conversations_, [now](const auto& one) { return one.second.until <= now; });
}

}  // namespace warren::auth
