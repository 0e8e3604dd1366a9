// IKE_AUTH with EAP (RFC 7296 §2.16, conformance KA7): we sign first, then the peer's messages go to authd and come
// back, then both sides show that they have the key which EAP has made. Nobody is authentic before.
#include <algorithm>
#include <utility>

#include "base/eap.h"
#include "vpnd/ike/engine_state.h"

namespace warren::ike {

namespace {

Claim claim_of(const IkeSa& sa, const Incoming& in, Auth auth, Identity peer) {
    Claim claim;
    claim.auth = auth;
    claim.peer = std::move(peer);
    if (const auto* const idr = in.payloads.find<IdrPayload>()) claim.asked = identity_of(idr->type, idr->value);
    claim.suite = sa.suite;
    claim.from = in.arrival.from.address;
    claim.to = in.arrival.to.address;
    return claim;
}

// A user's name has no type; equal only where all bytes are.
Identity named(std::string_view name) {
    return identity_of(IdType::kRfc822Addr, as_bytes(name));
}

DropReason reason_of(eap::Reason reason) {
    switch (reason) {
        case eap::Reason::kUnknownUser:
        case eap::Reason::kWrongPassword: return DropReason::kIkeEapFailed;
        case eap::Reason::kPaused: return DropReason::kIkeEapPaused;
        case eap::Reason::kNoMethod: return DropReason::kIkeEapNoMethod;
        case eap::Reason::kTls:
        case eap::Reason::kCertificate: return DropReason::kIkeEapTlsFailed;
        case eap::Reason::kFull: return DropReason::kIkeEapFull;
        case eap::Reason::kNone:
        case eap::Reason::kMalformed:
        case eap::Reason::kUnexpected:
        case eap::Reason::kTooManyRounds:
        case eap::Reason::kOver: break;
    }
    return DropReason::kIkeEapUnexpected;
}

// For people.
std::string_view text_of(eap::Reason reason) {
    switch (reason) {
        case eap::Reason::kNone: break;
        case eap::Reason::kMalformed: return "a message that cannot be understood";
        case eap::Reason::kUnexpected: return "a message that may not come now";
        case eap::Reason::kNoMethod: return "it takes none of our methods";
        case eap::Reason::kUnknownUser: return "no user has that name";
        case eap::Reason::kWrongPassword: return "its password is wrong";
        case eap::Reason::kPaused: return "wrong passwords just before";
        case eap::Reason::kTls: return "TLS failed";
        case eap::Reason::kCertificate: return "its certificate is not taken";
        case eap::Reason::kTooManyRounds: return "too many messages";
        case eap::Reason::kFull: return "too many at once";
        case eap::Reason::kOver: return "a message after the end";
    }
    return "";
}

// Someone who guesses; not one whose client or certificate is not set up.
bool is_guess(DropReason reason) {
    return reason == DropReason::kIkeEapFailed || reason == DropReason::kIkeEapPaused;
}

}  // namespace

// --- our signature, and the question for a name ----------------------------------------------------

std::optional<Question> Engine::State::begin_eap(Call& call, IkeSa& sa, const Incoming& in) {
    const IdiPayload& idi = *in.payloads.find<IdiPayload>();
    const Identity peer = identity_of(idi.type, idi.value.first(std::min(idi.value.size(), kMostIdentity)));
    const Claim claim = claim_of(sa, in, Auth::kEapMschapv2, peer);
    const EapHub hub = directory.find_eap_hub(claim);
    Finding finding;
    finding.customer = hub.customer;
    finding.missing = hub.missing;
    const auto refuse = [&](DropReason reason) {
        refuse_auth(call, sa, in, finding, reason);
        return std::nullopt;
    };
    if (!hub.is_there) return refuse(finding.reason());
    if (idi.value.size() > kMostIdentity) return refuse(DropReason::kIkeEapUnexpected);
    if (in.answer == nullptr) {
        sa.customer = hub.customer;
        // Without a customer, the name will tell it: relay_eap looks again.
        if (eap_limits.is_paused(call.instant(), sa.prefix) ||
            (hub.customer.valid() && eap_limits.is_paused(call.instant(), hub.customer, sa.prefix)))
            return refuse(DropReason::kIkeEapPaused);
        if (!eap_limits.has_room(hub.customer, sa.prefix, sa.is_stranger())) return refuse(DropReason::kIkeEapFull);
        if (!may_ask(sa)) return std::nullopt;
        sa.our_identity = hub.ours;
        return sign_ask(sa, hub.signer, hub.ours);
    }
    const auto* const signed_by_us = std::get_if<SignAnswer>(in.answer);
    // The configuration changed meanwhile: the peer asks again.
    if (signed_by_us == nullptr || !(sa.our_identity == hub.ours)) {
        count(DropReason::kIkeAskFailed);
        return std::nullopt;
    }
    if (signed_by_us->data.empty()) return refuse(DropReason::kIkeNoSignature);
    if (!eap_limits.has_room(hub.customer, sa.prefix, sa.is_stranger())) return refuse(DropReason::kIkeEapFull);

    eap_limits.add(sa.slot, hub.customer, sa.prefix, sa.is_stranger());
    // From now on that is its bound. A person who types a password is not the oldest half-open one that gives way.
    half_open.remove(sa.slot);
    sa.eap = std::make_unique<EapRelay>();
    sa.eap->customer = hub.customer;
    sa.eap->idi_body.assign(idi.body.begin(), idi.body.end());
    std::array<std::uint8_t, 1> identifier{};
    random.fill(identifier);
    sa.eap->identifier = identifier[0];
    sa.state = IkeState::kEap;
    sa.ends_at = call.instant() + kEapLife;
    Chain chain;
    chain.id(PayloadType::kIdr, hub.ours.type, hub.ours.value);
    for (const auto& certificate : signed_by_us->chain) chain.cert(CertEncoding::kX509Signature, certificate);
    chain.auth(signed_by_us->method, signed_by_us->data);
    chain.eap(eap::write_message({eap::Code::kRequest, sa.eap->identifier, eap::Type::kIdentity, {}}));
    respond(call, sa, in, chain);
    return std::nullopt;
}

// --- messages of EAP -------------------------------------------------------------------------------

std::optional<Question> Engine::State::relay_eap(Call& call, IkeSa& sa, const Incoming& in) {
    EapRelay& relay = *sa.eap;
    const Bytes message = in.payloads.find<EapPayload>()->message;
    if (in.answer == nullptr) {
        // Nothing follows a success but AUTH.
        const bool is_over = !relay.msk.empty() || ++relay.rounds > kMostEapRounds;
        const bool is_first = !relay.has_name;
        if (is_over || (is_first && !take_name(sa, in, message))) {
            refuse_eap(call, sa, in, DropReason::kIkeEapUnexpected, "a message that may not come now");
            return std::nullopt;
        }
        if (is_first && eap_limits.is_paused(call.instant(), relay.customer, sa.prefix)) {
            refuse_eap(call, sa, in, DropReason::kIkeEapPaused, std::string(text_of(eap::Reason::kPaused)));
            return std::nullopt;
        }
        if (!eap_limits.move(sa.slot, relay.customer)) {
            refuse_eap(call, sa, in, DropReason::kIkeEapFull, {});
            return std::nullopt;
        }
        sa.customer = relay.customer;
        if (!may_ask(sa)) return std::nullopt;
        EapStepAsk question;
        question.users = relay.users;
        question.trust = relay.trust;
        question.signer = relay.signer;
        question.conversation = sa.our_spi();
        question.source = sa.prefix;
        question.message.assign(message.begin(), message.end());
        return question;
    }
    auto* const step = std::get_if<EapStepAnswer>(in.answer);
    if (step == nullptr) {
        count(DropReason::kIkeAskFailed);
        return std::nullopt;
    }
    // What we have refused ourselves in a pause is none: it does not lengthen the pause.
    if (is_guess(reason_of(step->reason)) && !relay.is_noted)
        eap_limits.note_failure(call.instant(), relay.customer, sa.prefix);
    switch (step->outcome) {
        // It may never answer to a wrong password, or to an alert of TLS: that is known now.
        case EapOutcome::kContinue:
            if (step->reason != eap::Reason::kNone)
                note_eap(call, sa, in.arrival.from, reason_of(step->reason),
                         step->detail.empty() ? std::string(text_of(step->reason)) : std::move(step->detail));
            break;
        case EapOutcome::kSuccess: {
            const bool is_tls = step->type == eap::Type::kTls;
            relay.connection = is_tls ? relay.tls : relay.mschapv2;
            relay.identity = named(step->identity);
            relay.msk = std::move(step->msk);
            break;
        }
        case EapOutcome::kFailure:
            refuse_eap(call, sa, in, reason_of(step->reason),
                       step->detail.empty() ? std::string(text_of(step->reason)) : std::move(step->detail),
                       step->message);
            return std::nullopt;
    }
    respond(call, sa, in, Chain().eap(step->message));
    return std::nullopt;
}

// The name tells whose the peer is, and which connections it may have: by these secrets it is then asked. Of a name
// that is nobody's they are none, and authd does the same work.
bool Engine::State::take_name(IkeSa& sa, const Incoming& in, Bytes message) {
    EapRelay& relay = *sa.eap;
    const auto response = eap::read_message(message);
    if (!response || response->code != eap::Code::kResponse || response->type != eap::Type::kIdentity ||
        response->identifier != relay.identifier)
        return false;
    const auto name = eap::name_in(response->data);
    if (!name) return false;
    relay.has_name = true;
    relay.name = *name;
    const CustomerIndex customer = directory.customer_of_name(relay.customer, *name);
    if (!customer.valid()) return true;
    relay.customer = customer;
    const auto find = [&](Auth auth) {
        Claim claim = claim_of(sa, in, auth, named(*name));
        return directory.find_eap(claim, customer).connection;
    };
    if (const Connection* const connection = find(Auth::kEapMschapv2)) {
        relay.mschapv2 = connection->index;
        relay.users = connection->users;
    }
    if (const Connection* const connection = find(Auth::kEapTls)) {
        relay.tls = connection->index;
        relay.trust = connection->trust;
        relay.signer = connection->signer;
    }
    return true;
}

// EAP's own failure is all that the peer gets.
void Engine::State::refuse_eap(Call& call, IkeSa& sa, const Incoming& in, DropReason reason, std::string detail,
                               Bytes message) {
    note_eap(call, sa, in.arrival.from, reason, std::move(detail));
    Chain chain;
    if (message.empty()) {
        chain.notify(notify_of(NotifyType::kAuthenticationFailed));
    } else {
        chain.eap(message);
    }
    respond(call, sa, in, chain);
    close(call, sa, control::LostBecause::kDeleted);
}

// Once, whatever else fails then. With the connection, where one was found.
void Engine::State::note_eap(Call& call, IkeSa& sa, const Endpoint& from, DropReason reason, std::string detail) {
    EapRelay& relay = *sa.eap;
    if (std::exchange(relay.is_noted, true)) return;
    count(reason);
    Finding finding;
    finding.customer = relay.customer;
    finding.connection = directory.find(relay.mschapv2.valid() ? relay.mschapv2 : relay.tls);
    if (finding.connection == nullptr && relay.has_name) finding.missing = Missing::kConnection;
    const PeerIndex peer = finding.connection == nullptr || finding.connection->children.empty()
                               ? PeerIndex{}
                               : finding.connection->children.front().peer;
    refusals.note(call.now, reason, from, relay.name.substr(0, 64), peer);
    Attempt attempt;
    attempt.peer_identity = relay.name;
    attempt.asked_identity = to_string(sa.our_identity);
    attempt.offered = to_string(sa.suite);
    note_attempt(call, sa, reason, std::move(detail), std::move(attempt), &finding);
}

// --- AUTH with the key of EAP ------------------------------------------------------------------------

void Engine::State::answer_eap_auth(Call& call, IkeSa& sa, const Incoming& in) {
    EapRelay& relay = *sa.eap;
    const Setup& setup = *sa.setup;
    const AuthPayload& auth = *in.payloads.find<AuthPayload>();
    const Connection* const connection = directory.find(relay.connection);
    const auto prf = sa.suite.prf_hash();
    const auto peer_mac = shared_key_mic(
        prf, relay.msk.reveal(), auth_octets(prf, setup.init_request, setup.our_nonce, setup.sk_pi, relay.idi_body));
    const bool is_right = !relay.msk.empty() && auth.method == AuthMethod::kSharedKeyMic &&
                          crypto::equal_constant_time(peer_mac.reveal(), auth.data);
    if (!is_right) return refuse_eap(call, sa, in, DropReason::kIkeAuthFailed, "its AUTH is not made with EAP's key");
    // The connection is another by now, or the peer's certificate shows somebody else than it is for.
    const bool is_expected =
        connection != nullptr && connection->customer == relay.customer &&
        (connection->auth == Auth::kEapTls
             ? connection->trust == relay.trust && connection->remote_identity.match(relay.identity) != Match::kNone
             : connection->auth == Auth::kEapMschapv2 && connection->users == relay.users);
    if (!is_expected) return refuse_eap(call, sa, in, DropReason::kIkeNoConnection, {});
    const auto our_mac = shared_key_mic(prf, relay.msk.reveal(),
                                        auth_octets(prf, setup.init_response, setup.peer_nonce, setup.sk_pr,
                                                    id_body(sa.our_identity.type, sa.our_identity.value)));

    const auto wanted = read_payloads(relay.first->opened.first, relay.first->opened.chain);
    const Incoming first{in.arrival, in.header, *wanted};
    Chain chain;
    chain.auth(AuthMethod::kSharedKeyMic, our_mac.reveal());
    if (!admit(call, sa, *connection, relay.identity, first, chain))
        return refuse_eap(call, sa, in, DropReason::kIkeSessionsFull, {});
    if (connection->auth == Auth::kEapMschapv2)
        sa.proof = std::make_shared<const Proof>(
            UserAsk{relay.users, std::string(relay.identity.value.begin(), relay.identity.value.end())});
    respond(call, sa, in, chain);
    eap_limits.note_success(relay.customer, sa.prefix);
    end_eap(sa);
    sa.setup.reset();
}

void Engine::State::end_eap(IkeSa& sa) {
    eap_limits.remove(sa.slot);
    sa.eap.reset();
}

// The peer does not like our signature, or its user has given up.
void Engine::State::take_eap_end(Call& call, IkeSa& sa, const Incoming& in) {
    const NotifyPayload* const error = in.payloads.error();
    const bool is_refusal = error != nullptr || in.payloads.find<DeletePayload>() != nullptr;
    if (is_refusal)
        note_eap(call, sa, in.arrival.from, DropReason::kIkePeerRefused,
                 error == nullptr ? "a deletion" : std::string(name_of(error->type)));
    respond(call, sa, in, Chain());
    if (is_refusal) close(call, sa, control::LostBecause::kDeleted);
}

}  // namespace warren::ike
