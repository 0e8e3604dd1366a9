// IKE_AUTH with certificates (RFC 7296 §2.15, §3.6, §3.7, RFC 7427). What they are worth, authd says: here they are
// bytes.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"
#include "vpnd/ike/signature_hashes.h"

namespace warren::ike {

namespace {

// Of a CA that nobody has: a peer that is asked for its certificate like this sends the one that it has, and learns
// nothing of whose CAs there are.
constexpr std::array<std::uint8_t, kAuthoritySize> kAnyAuthority{};

constexpr const char* kOutdated = "its signature uses SHA-1, and it knows better";

Identity identity_in(const IdPayload& id) {
    return identity_of(id.type, id.value.first(std::min(id.value.size(), kMostIdentity + 1)));
}

// Beside a certificate we have no PPK: what the peer has computed without it (RFC 8784 §3). A peer that must have one
// has no such part, and its AUTH is wrong.
Bytes proof_in(const Setup& setup, const Payloads& payloads, const AuthPayload& auth) {
    const NotifyPayload* const without = payloads.notify(NotifyType::kNoPpkAuth);
    const bool has_ppk = setup.uses_ppk && payloads.notify(NotifyType::kPpkIdentity) != nullptr;
    return has_ppk && without != nullptr ? without->data : auth.data;
}

// The peer's certificates in their order. Others than X.509 are left out: hashes and URLs would have us fetch something
// (conformance KA5).
CertificateChain chain_in(const Payloads& payloads) {
    CertificateChain out;
    for (const Payload& payload : payloads) {
        const auto* const certificate = std::get_if<CertPayload>(&payload);
        if (certificate == nullptr || certificate->encoding != CertEncoding::kX509Signature) continue;
        if (certificate->data.size() > kMostCertificate) return {};
        out.emplace_back(certificate->data.begin(), certificate->data.end());
    }
    return out;
}

// A peer that has a list of hashes uses them: SHA-1 is for those without one (conformance KA2).
bool is_outdated(AuthMethod method, Bytes init_message) {
    return method == AuthMethod::kRsaSignature && hashes_in(init_message).has_value();
}

// What is longer than authd takes is cut: then it is wrong, as it would be whole.
VerifyPeerAsk verify_ask(const Setup& setup, const Payloads& payloads, Identity peer,
                         std::vector<std::uint8_t> octets) {
    const AuthPayload& auth = *payloads.find<AuthPayload>();
    const Bytes proof = proof_in(setup, payloads, auth);
    const Bytes data = proof.first(std::min(proof.size(), kMostAuthData));
    VerifyPeerAsk out;
    out.identity = std::move(peer);
    out.identity.value.resize(std::min(out.identity.value.size(), kMostIdentity));
    out.chain = chain_in(payloads);
    out.method = auth.method;
    out.data.assign(data.begin(), data.end());
    out.octets = std::move(octets);
    return out;
}

std::vector<Setup::Candidate> candidates_of(const std::vector<Finding>& found) {
    std::vector<Setup::Candidate> out;
    for (const Finding& one : found) out.push_back({one.connection->index, one.connection->trust, one.signer});
    return out;
}

}  // namespace

std::string text_of(PeerVerdict verdict) {
    switch (verdict) {
        case PeerVerdict::kTrusted: break;
        case PeerVerdict::kMalformed: return "a certificate cannot be read, or there is none";
        case PeerVerdict::kUnknownIssuer: return "its certificate is issued by none of the customer's CAs";
        case PeerVerdict::kNotYetValid: return "a certificate is not valid yet";
        case PeerVerdict::kExpired: return "a certificate has expired";
        case PeerVerdict::kRevoked: return "a certificate is revoked";
        case PeerVerdict::kNoRevocationList: return "no revocation list of its issuer is in force";
        case PeerVerdict::kWrongUsage:
            return "a certificate may not be used for that: basicConstraints, keyUsage, extendedKeyUsage or name "
                   "constraints";
        case PeerVerdict::kWrongIdentity: return "its certificate is not that of the identity";
        case PeerVerdict::kWrongSignature: return "its signature is wrong";
        case PeerVerdict::kWeak: return "a certificate has a weak key or signature";
        case PeerVerdict::kUnknown: return "no CA is here to ask";
    }
    return {};
}

SignAsk Engine::State::sign_ask(const IkeSa& sa, SecretId signer, const Identity& ours) {
    const Setup& setup = *sa.setup;
    const Bytes first = sa.is_initiator ? setup.init_request : setup.init_response;
    const Bytes theirs = sa.is_initiator ? setup.init_response : setup.init_request;
    SignAsk out;
    out.signer = signer;
    if (auto hashes = hashes_in(theirs)) out.hashes = std::move(*hashes);
    out.octets = auth_octets(sa.suite.prf_hash(), first, setup.peer_nonce, sa.is_initiator ? setup.sk_pi : setup.sk_pr,
                             id_body(ours.type, ours.value));
    return out;
}

void Engine::State::add_certificate_request(Chain& chain, const CustomerConfig* customer) {
    const bool is_known = customer != nullptr && !customer->authorities.empty();
    chain.certreq(CertEncoding::kX509Signature, is_known ? Bytes(customer->authorities) : Bytes(kAnyAuthority));
}

const CustomerConfig* Engine::State::customer_at(const IkeSa& sa) const {
    const Connection* const connection = directory.at_address(sa.remote.address);
    return connection == nullptr ? nullptr : directory.find(connection->customer);
}

// --- as responder --------------------------------------------------------------------------------

// First the peer's signature, then ours. For a peer that is nobody authd does the same work, without a CA that could
// vouch for it (conformance KA11).
std::optional<Question> Engine::State::answer_signature(Call& call, IkeSa& sa, const Incoming& in) {
    Setup& setup = *sa.setup;
    const IdiPayload& idi = *in.payloads.find<IdiPayload>();
    const AuthPayload& auth = *in.payloads.find<AuthPayload>();
    Claim claim;
    claim.auth = Auth::kCertificate;
    claim.peer = identity_in(idi);
    if (const auto* const idr = in.payloads.find<IdrPayload>()) claim.asked = identity_of(idr->type, idr->value);
    claim.suite = sa.suite;
    claim.from = in.arrival.from.address;
    claim.to = in.arrival.to.address;
    Finding nobody;
    nobody.missing = Missing::kConnection;
    std::vector<Finding> found;
    if (is_outdated(auth.method, setup.init_request)) {
        nobody.missing = Missing::kNothing;
    } else if (claim.peer.value.size() <= kMostIdentity) {
        found = directory.find_candidates(claim, nobody);
    }
    const std::vector<Setup::Candidate> candidates = candidates_of(found);

    if (in.answer == nullptr) {
        sa.customer = found.size() == 1 ? found.front().customer : CustomerIndex{};
        if (!may_ask(sa)) return std::nullopt;
        setup.candidates = candidates;
        setup.proven.reset();
        VerifyPeerAsk question =
            verify_ask(setup, in.payloads, claim.peer,
                       auth_octets(sa.suite.prf_hash(), setup.init_request, setup.our_nonce, setup.sk_pi, idi.body));
        for (const Setup::Candidate& one : candidates) question.trusts.push_back(one.trust);
        return question;
    }
    // The configuration changed meanwhile: the peer asks again.
    if (setup.candidates != candidates) {
        count(DropReason::kIkeAskFailed);
        return std::nullopt;
    }
    if (const auto* const verified = std::get_if<VerifyPeerAnswer>(in.answer))
        return take_verdict(call, sa, in, found, nobody, *verified);
    const auto* const ours = std::get_if<SignAnswer>(in.answer);
    if (ours == nullptr || !setup.proven) {
        count(DropReason::kIkeAskFailed);
        return std::nullopt;
    }
    const Finding& who = found[*setup.proven];
    if (ours->data.empty()) {
        refuse_auth(call, sa, in, who, DropReason::kIkeNoSignature);
        return std::nullopt;
    }
    sa.our_identity = who.ours;
    Chain chain;
    chain.id(PayloadType::kIdr, who.ours.type, who.ours.value);
    for (const auto& certificate : ours->chain) chain.cert(CertEncoding::kX509Signature, certificate);
    chain.auth(ours->method, ours->data);
    if (!admit(call, sa, *who.connection, claim.peer, in, chain)) {
        refuse_auth(call, sa, in, who, DropReason::kIkeSessionsFull);
        return std::nullopt;
    }
    limit_to_certificate(call, sa, setup.proven_until);
    sa.proof = std::make_shared<const Proof>(
        verify_ask(setup, in.payloads, claim.peer,
                   auth_octets(sa.suite.prf_hash(), setup.init_request, setup.our_nonce, setup.sk_pi, idi.body)));
    respond(call, sa, in, chain);
    sa.setup.reset();
    return std::nullopt;
}

// No certificate, no tunnel: an IKE_SA ends with the peer's.
void Engine::State::limit_to_certificate(const Call& call, IkeSa& sa, WallTime not_after) {
    constexpr Duration kLong = std::chrono::hours(24 * 3650);
    const std::int64_t wall = call.now.wall.nanoseconds;
    const bool is_long = not_after.nanoseconds > wall + kLong.count();
    limit_proof(sa, call.instant(), is_long ? kLong : std::max(Duration(not_after.nanoseconds - wall), Duration(1)));
}

std::optional<Question> Engine::State::take_verdict(Call& call, IkeSa& sa, const Incoming& in,
                                                    const std::vector<Finding>& found, const Finding& nobody,
                                                    const VerifyPeerAnswer& verified) {
    if (found.empty() && nobody.missing == Missing::kNothing) {
        refuse_auth(call, sa, in, nobody, DropReason::kIkeCertificateRefused, kOutdated);
        return std::nullopt;
    }
    if (found.empty()) {
        refuse_auth(call, sa, in, nobody, nobody.reason());
        return std::nullopt;
    }
    if (verified.verdict != PeerVerdict::kTrusted || verified.trust >= found.size()) {
        // Of several customers none is the one that the peer came to.
        refuse_auth(call, sa, in, found.size() == 1 ? found.front() : Finding{}, DropReason::kIkeCertificateRefused,
                    text_of(verified.verdict));
        return std::nullopt;
    }
    const Finding& who = found[verified.trust];
    sa.customer = who.customer;
    if (!may_ask(sa)) return std::nullopt;
    sa.setup->proven = verified.trust;
    sa.setup->proven_until = verified.not_after;
    return sign_ask(sa, who.signer, who.ours);
}

// --- as initiator --------------------------------------------------------------------------------

std::optional<Question> Engine::State::take_signature(Call& call, IkeSa& sa, const Incoming& in,
                                                      const Connection& connection, const Identity& peer) {
    const Setup& setup = *sa.setup;
    const IdrPayload& idr = *in.payloads.find<IdrPayload>();
    const AuthPayload& auth = *in.payloads.find<AuthPayload>();
    if (is_outdated(auth.method, setup.init_response)) {
        refuse_responder(call, sa, DropReason::kIkeCertificateRefused, peer, kOutdated);
        return std::nullopt;
    }
    if (in.answer == nullptr) {
        if (!may_ask(sa)) return std::nullopt;
        VerifyPeerAsk question =
            verify_ask(setup, in.payloads, peer,
                       auth_octets(sa.suite.prf_hash(), setup.init_response, setup.our_nonce, setup.sk_pr, idr.body));
        question.trusts = {connection.trust};
        return question;
    }
    const auto* const verified = std::get_if<VerifyPeerAnswer>(in.answer);
    const PeerVerdict verdict = verified == nullptr ? PeerVerdict::kUnknown : verified->verdict;
    if (verdict != PeerVerdict::kTrusted) {
        refuse_responder(call, sa, DropReason::kIkeCertificateRefused, peer, text_of(verdict));
        return std::nullopt;
    }
    VerifyPeerAsk proof =
        verify_ask(setup, in.payloads, peer,
                   auth_octets(sa.suite.prf_hash(), setup.init_response, setup.our_nonce, setup.sk_pr, idr.body));
    take_peer(call, sa, connection, peer, in);
    limit_to_certificate(call, sa, verified->not_after);
    sa.proof = std::make_shared<const Proof>(std::move(proof));
    return std::nullopt;
}

}  // namespace warren::ike
