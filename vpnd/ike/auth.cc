// IKE_AUTH (RFC 7296 §1.2, §2.15) with a preshared key: who the peer is, and the first child. Certificates are in
// cert_auth.cc.
#include <algorithm>
#include <utility>

#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

std::optional<Identity> asked_of(const Payloads& payloads) {
    const auto* const idr = payloads.find<IdrPayload>();
    return idr == nullptr ? std::nullopt : std::optional(identity_of(idr->type, idr->value));
}

}  // namespace

// --- as responder --------------------------------------------------------------------------------

// The same answer after the same work, whatever is wrong (conformance KA11): an AUTH of nobody is checked with a key
// that nobody has.
std::optional<Question> Engine::State::answer_auth(Call& call, IkeSa& sa, const Incoming& in) {
    Setup& setup = *sa.setup;
    const IdiPayload& idi = *in.payloads.find<IdiPayload>();
    const AuthPayload& auth = *in.payloads.find<AuthPayload>();
    if (is_signature(auth.method)) return answer_signature(call, sa, in);
    Claim claim;
    claim.peer = identity_of(idi.type, idi.value.first(std::min(idi.value.size(), kMostIdentity + 1)));
    claim.asked = asked_of(in.payloads);
    claim.suite = sa.suite;
    claim.from = in.arrival.from.address;
    claim.to = in.arrival.to.address;
    const bool is_known = auth.method == AuthMethod::kSharedKeyMic && claim.peer.value.size() <= kMostIdentity;
    Finding finding;
    finding.missing = Missing::kConnection;
    if (is_known) finding = directory.find(claim);
    const Connection* const connection = finding.connection;
    const ConnectionIndex index = connection == nullptr ? ConnectionIndex{} : connection->index;
    const SecretId psk = connection == nullptr ? kNoSecret : connection->psk;

    const SecretId wanted_ppk = connection == nullptr ? kNoSecret : connection->ppk;
    PpkUse ppk = ppk_use_of(sa, in.payloads, connection);
    // Mixed for another connection, which the peer named in a request that had no answer.
    if (ppk == PpkUse::kMixed && setup.is_mixed && setup.mixed_with != wanted_ppk) ppk = PpkUse::kRefused;
    auto* const mixed = in.answer == nullptr ? nullptr : std::get_if<PpkMixAnswer>(in.answer);
    if (mixed != nullptr) take_mixed(sa, *mixed);
    if (in.answer == nullptr || mixed != nullptr) {
        sa.customer = finding.customer;
        if (!may_ask(sa)) return std::nullopt;
        if (ppk == PpkUse::kMixed && !setup.is_mixed) {
            setup.mixed_with = wanted_ppk;
            return ppk_question(sa, connection);
        }
        setup.asked_for = index;
        setup.asked_psk = psk;
        const Identity& ours = connection != nullptr ? finding.ours : claim.peer;
        PskMacAsk question;
        question.psk = psk;
        question.prf = sa.suite.prf_hash();
        question.peer_octets = auth_octets(question.prf, setup.init_request, setup.our_nonce, setup.sk_pi, idi.body);
        question.our_octets = auth_octets(question.prf, setup.init_response, setup.peer_nonce, setup.sk_pr,
                                          id_body(ours.type, ours.value));
        return question;
    }
    const auto* const macs = std::get_if<PskMacAnswer>(in.answer);
    // The configuration changed meanwhile: the peer asks again.
    if (macs == nullptr || setup.asked_for != index || setup.asked_psk != psk) {
        count(DropReason::kIkeAskFailed);
        return std::nullopt;
    }
    const NotifyPayload* const without_ppk = in.payloads.notify(NotifyType::kNoPpkAuth);
    const Bytes proof = ppk == PpkUse::kWithout ? without_ppk->data : auth.data;
    const bool is_right = !macs->peer_mac.empty() && crypto::equal_constant_time(macs->peer_mac.reveal(), proof);
    if (connection == nullptr) {
        refuse_auth(call, sa, in, finding, finding.reason());
        return std::nullopt;
    }
    if (!is_right || ppk == PpkUse::kRefused) {
        refuse_auth(call, sa, in, finding, is_right ? DropReason::kIkePpkRequired : DropReason::kIkeAuthFailed);
        return std::nullopt;
    }
    sa.our_identity = finding.ours;
    Chain chain;
    chain.id(PayloadType::kIdr, finding.ours.type, finding.ours.value);
    chain.auth(AuthMethod::kSharedKeyMic, macs->our_mac.reveal());
    if (ppk == PpkUse::kMixed) chain.notify(notify_of(NotifyType::kPpkIdentity));
    if (!admit(call, sa, *connection, claim.peer, in, chain)) {
        refuse_auth(call, sa, in, finding, DropReason::kIkeSessionsFull);
        return std::nullopt;
    }
    respond(call, sa, in, chain);
    sa.setup.reset();
    return std::nullopt;
}

bool Engine::State::admit(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer, const Incoming& in,
                          Chain& chain) {
    ConnectionEntry& entry = *entry_of(connection.index);
    const bool is_initial_contact = in.payloads.notify(NotifyType::kInitialContact) != nullptr;
    if (!make_room_for_sa(call, entry, connection)) return false;
    const auto session = take_session(call, entry, connection, sa, peer, is_initial_contact);
    if (!session) return false;
    sa.session = *session;
    const bool has_mobike = agree_on_mobike(sa, connection, in.payloads);
    establish(call, sa, connection, peer);
    if (has_mobike) chain.notify(notify_of(NotifyType::kMobikeSupported));
    if (connection.reauth != Duration::zero())
        chain.notify(auth_lifetime(std::chrono::duration_cast<std::chrono::seconds>(connection.reauth)));
    answer_first_child(call, sa, connection, in, chain);
    settle_duplicates(call, sa, is_initial_contact);
    return true;
}

void Engine::State::refuse_auth(Call& call, IkeSa& sa, const Incoming& in, const Finding& finding, DropReason reason,
                                std::string detail) {
    count(reason);
    const IdiPayload& idi = *in.payloads.find<IdiPayload>();
    const std::string who =
        to_string(identity_of(idi.type, idi.value.first(std::min(idi.value.size(), kMostIdentity))));
    const Connection* const connection = finding.connection;
    const PeerIndex peer =
        connection == nullptr || connection->children.empty() ? PeerIndex{} : connection->children.front().peer;
    refusals.note(call.now, reason, in.arrival.from, who.substr(0, 64), peer);
    Attempt attempt;
    attempt.peer_identity = who;
    if (const auto asked = asked_of(in.payloads)) attempt.asked_identity = to_string(*asked);
    attempt.offered = to_string(sa.suite);
    note_attempt(call, sa, reason, std::move(detail), std::move(attempt), &finding);
    respond(call, sa, in, notify_of(NotifyType::kAuthenticationFailed));
    close(call, sa, control::LostBecause::kDeleted);
}

// From here on the IKE_SA is the connection's.
void Engine::State::establish(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer) {
    half_open.remove(sa.slot);
    if (!sa.is_initiator) by_init.erase(load_le<std::uint64_t>(sa.setup->init_key.data()));
    half_open.remember(call.instant(), sa.prefix);
    sa.state = IkeState::kEstablished;
    sa.connection = connection.index;
    sa.customer = connection.customer;
    sa.peer_identity = peer;
    sa.created = call.instant();
    sa.ends_at = kNever;
    sa.rekey_at = soft_deadline(call.instant(), connection.lifetimes.ike_rekey);
    sa.expires_at = call.instant() + connection.lifetimes.ike_rekey * kHardPercent / 100;
    limit_proof(sa, call.instant(), connection.reauth);
    sa.takes_fragments = sa.takes_fragments && connection.fragmentation;
    ConnectionEntry& entry = *entry_of(connection.index);
    if (!sa.is_initiator) join(entry, sa);
    entry.failures = 0;
    entry.is_stopped = false;
    entry.was_up = true;
    entry.next_attempt = kNever;
    schedule(entry);
    ++completed;
    touch(sa);
    note_attempt(call, sa, std::nullopt);
}

// Who began begins anew, a little earlier; whom that is to be told, is (RFC 4478 §3).
void Engine::State::limit_proof(IkeSa& sa, Instant now, Duration life) {
    if (life == Duration::zero()) return;
    sa.proven_until = std::min(sa.proven_until, now + life);
    if (sa.is_initiator)
        sa.reauth_at = std::min(sa.reauth_at, soft_deadline(now, life - life * kSoftJitterPercent / 100));
}

// --- as initiator --------------------------------------------------------------------------------

void Engine::State::ask_our_auth(Call& call, IkeSa& sa) {
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr) return remove_sa(call, sa, control::LostBecause::kStopped);
    if (!is_room_for_ask(sa)) return fail_attempt(call, sa, DropReason::kIkeAsksFull, {});
    const Setup& setup = *sa.setup;
    if (connection->ppk_required && !setup.uses_ppk) return fail_attempt(call, sa, DropReason::kIkePpkRequired, {});
    if (setup.uses_ppk && setup.mixed == nullptr) return ask(call, sa, AskFor::kOurPpk, ppk_question(sa, connection));
    sa.our_identity = directory.local_identity_of(*connection);
    if (connection->auth == Auth::kCertificate)
        return ask(call, sa, AskFor::kOurAuth, sign_ask(sa, directory.signer_of(*connection), sa.our_identity));
    PskMacAsk question;
    question.psk = connection->psk;
    question.prf = sa.suite.prf_hash();
    const auto octets_with = [&](const crypto::PrfKey& sk_pi) {
        return auth_octets(question.prf, setup.init_request, setup.peer_nonce, sk_pi,
                           id_body(sa.our_identity.type, sa.our_identity.value));
    };
    question.our_octets = octets_with(setup.mixed != nullptr ? setup.mixed->sk_pi : setup.sk_pi);
    // What NO_PPK_AUTH has (RFC 8784 §3).
    if (setup.mixed != nullptr && !connection->ppk_required) question.peer_octets = octets_with(setup.sk_pi);
    ask(call, sa, AskFor::kOurAuth, std::move(question));
}

void Engine::State::send_auth(Call& call, IkeSa& sa, AuthMethod method, Bytes data,
                              const CertificateChain& certificates) {
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr) return remove_sa(call, sa, control::LostBecause::kStopped);
    sa.request = std::make_unique<Request>();
    sa.request->task = Task::kAuth;
    sa.request->name = sa.setup->name;
    sa.request->packet = sa.setup->packet;
    if (!prepare_child(sa, *connection)) return fail_attempt(call, sa, DropReason::kIkeNoProposal, {});
    Chain chain;
    chain.id(PayloadType::kIdi, sa.our_identity.type, sa.our_identity.value);
    for (const auto& certificate : certificates) chain.cert(CertEncoding::kX509Signature, certificate);
    if (connection->auth == Auth::kCertificate) add_certificate_request(chain, directory.find(connection->customer));
    const ConnectionEntry& entry = *entry_of(sa.connection);
    const bool is_first = std::none_of(entry.ike_sas.begin(), entry.ike_sas.end(),
                                       [&](std::uint32_t slot) { return at(slot)->is_established(); });
    if (is_first) chain.notify(notify_of(NotifyType::kInitialContact));
    const ExpectedIdentity& expected = connection->remote_identity;
    if (expected.kind == ExpectedIdentity::Kind::kExact)
        chain.id(PayloadType::kIdr, expected.identity.type, expected.identity.value);
    chain.auth(method, data);
    add_ppk(chain, sa, *connection);
    chain.sa(sa.request->offered);
    chain.ts(PayloadType::kTsi, sa.request->selectors.local);
    chain.ts(PayloadType::kTsr, sa.request->selectors.remote);
    sa.request->is_sent = true;
    send_request(call, sa, ExchangeType::kIkeAuth, chain);
}

std::optional<Question> Engine::State::take_auth(Call& call, IkeSa& sa, const Incoming& in) {
    const Connection* const connection = directory.find(sa.connection);
    if (connection == nullptr) {
        remove_sa(call, sa, control::LostBecause::kStopped);
        return std::nullopt;
    }
    const IdrPayload& idr = *in.payloads.find<IdrPayload>();
    const AuthPayload& auth = *in.payloads.find<AuthPayload>();
    const Identity peer = identity_of(idr.type, idr.value.first(std::min(idr.value.size(), kMostIdentity)));
    const bool has_certificate = connection->auth == Auth::kCertificate;
    const bool is_fitting = has_certificate ? is_signature(auth.method) : auth.method == AuthMethod::kSharedKeyMic;
    const bool is_expected =
        is_fitting && idr.value.size() <= kMostIdentity && connection->remote_identity.match(peer) != Match::kNone;
    if (!is_expected) {
        refuse_responder(call, sa, DropReason::kIkeNoConnection, peer);
        return std::nullopt;
    }
    if (has_certificate) return take_signature(call, sa, in, *connection, peer);
    const auto uses_ppk = responder_uses_ppk(sa, in.payloads, *connection);
    if (!uses_ppk) {
        refuse_responder(call, sa, DropReason::kIkePpkRequired, peer);
        return std::nullopt;
    }
    if (in.answer == nullptr) {
        if (!may_ask(sa)) return std::nullopt;
        PskMacAsk question;
        question.psk = connection->psk;
        question.prf = sa.suite.prf_hash();
        const crypto::PrfKey& sk_pr = *uses_ppk ? sa.setup->mixed->sk_pr : sa.setup->sk_pr;
        question.peer_octets = auth_octets(question.prf, sa.setup->init_response, sa.setup->our_nonce, sk_pr, idr.body);
        return question;
    }
    const auto* const macs = std::get_if<PskMacAnswer>(in.answer);
    if (macs == nullptr || macs->peer_mac.empty() || !crypto::equal_constant_time(macs->peer_mac.reveal(), auth.data)) {
        refuse_responder(call, sa, DropReason::kIkeAuthFailed, peer);
        return std::nullopt;
    }
    if (*uses_ppk) sa.sk_d = std::move(sa.setup->mixed->sk_d);
    take_peer(call, sa, *connection, peer, in);
    return std::nullopt;
}

// It is authentic.
void Engine::State::take_peer(Call& call, IkeSa& sa, const Connection& connection, const Identity& peer,
                              const Incoming& in) {
    establish(call, sa, connection, peer);
    const NotifyPayload* const lifetime = in.payloads.notify(NotifyType::kAuthLifetime);
    if (const auto told = lifetime == nullptr ? std::nullopt : auth_lifetime_of(*lifetime))
        limit_proof(sa, call.instant(), std::max<Duration>(*told, kLeastReauth));
    const bool has_child = take_first_child(call, sa, connection, in);
    sa.setup.reset();
    settle_duplicates(call, sa, in.payloads.notify(NotifyType::kInitialContact) != nullptr);
    if (has_child) want_missing_children(call, sa, Duration::zero());
}

// The peer believes that we are up: it is told (RFC 7296 §2.21.2).
void Engine::State::refuse_responder(Call& call, IkeSa& sa, DropReason reason, const Identity& peer,
                                     std::string detail) {
    count(reason);
    Attempt attempt;
    attempt.peer_identity = to_string(peer);
    attempt.offered = to_string(sa.suite);
    if (reason == DropReason::kIkeNoConnection) detail = "we expected another";
    note_attempt(call, sa, reason, std::move(detail), std::move(attempt));
    drop_request(sa);
    if (ConnectionEntry* const entry = entry_of(sa.connection)) {
        leave(call, *entry, sa);
        note_failure(call, *entry);
    }
    sa.connection = {};
    sa.state = IkeState::kDeleting;
    sa.setup.reset();
    sa.request = std::make_unique<Request>();
    sa.request->task = Task::kDeleteIke;
    sa.request->is_sent = true;
    send_request(call, sa, ExchangeType::kInformational, Chain().notify(notify_of(NotifyType::kAuthenticationFailed)));
}

void Engine::State::take_auth_refusal(Call& call, IkeSa& sa, const Incoming& in) {
    const NotifyPayload* const error = in.payloads.error();
    fail_attempt(call, sa, DropReason::kIkePeerRefused, error == nullptr ? "nothing" : name_of(error->type));
}

// Our attempt ends without an IKE_SA.
void Engine::State::fail_attempt(Call& call, IkeSa& sa, DropReason reason, std::string detail) {
    count(reason);
    ConnectionEntry* const entry = entry_of(sa.connection);
    if (detail.empty() && sa.setup != nullptr) detail = sa.setup->hint;
    note_attempt(call, sa, reason, std::move(detail));
    const Connection* const connection = directory.find(sa.connection);
    if (connection != nullptr) {
        for (const ChildConfig& child : connection->children) {
            post(call, child.worker, dataplane::PurgeStaged{child.peer});
            call.out.news.emplace_back(control::HandshakeGaveUp{child.peer, call.now, sa.remote});
        }
    }
    if (entry != nullptr) note_failure(call, *entry);
    remove_sa(call, sa, control::LostBecause::kSilent);
}

}  // namespace warren::ike
