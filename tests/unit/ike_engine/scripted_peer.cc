#include "tests/unit/ike_engine/scripted_peer.h"

#include <utility>

#include "base/check.h"

namespace warren::ike::testing {

namespace {

std::vector<std::uint8_t> copy_of(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

ScriptedPeer::ScriptedPeer(std::uint64_t seed, bool initiator)
    : is_initiator(initiator), random(seed), nonce(random.bytes(32)) {
    (is_initiator ? spis.initiator : spis.responder) = random.below(UINT64_MAX) | 1U;
    Proposal proposal;
    proposal.transforms = {{TransformType::kEncryption, static_cast<std::uint16_t>(EncryptionId::kAesGcm16), 256},
                           {TransformType::kPrf, static_cast<std::uint16_t>(PrfId::kHmacSha2_256)},
                           {TransformType::kKeyExchange, static_cast<std::uint16_t>(KeyExchangeId::kCurve25519)}};
    offered = {proposal};
}

Header ScriptedPeer::header(ExchangeType exchange, std::uint32_t id, bool is_response) const {
    Header out;
    out.spis = spis;
    out.exchange = exchange;
    out.is_initiator = is_initiator;
    out.is_response = is_response;
    out.message_id = id;
    return out;
}

std::vector<std::uint8_t> ScriptedPeer::init_request(Bytes cookie) {
    if (key.public_value().empty()) key = crypto::EphemeralKey::generate(find_method(group)->method, random);
    Chain chain;
    if (!cookie.empty()) chain.notify(notify_of(NotifyType::kCookie, cookie));
    chain.sa(offered).ke(group, key.public_value()).nonce(nonce);
    const IkeSpis ours{spis.initiator, 0};
    chain.notify(notify_of(NotifyType::kNatDetectionSourceIp, nat_hash(ours, *parse_ip("192.0.2.1"), kIkePort)));
    chain.notify(notify_of(NotifyType::kNatDetectionDestinationIp, nat_hash(ours, *parse_ip("192.0.2.2"), kIkePort)));
    for (const Notify& notify : more) chain.notify(notify);
    Header first = header(ExchangeType::kIkeSaInit, 0, false);
    first.spis = ours;
    sent_init = write_message(first, chain);
    return sent_init;
}

void ScriptedPeer::derive(Bytes peer_value) {
    const auto secret = key.agree(peer_value);
    WARREN_CHECK(secret.has_value());
    const Nonces nonces = is_initiator ? Nonces{nonce, peer_nonce} : Nonces{peer_nonce, nonce};
    keys = derive_ike_keys(suite, *secret, nonces, spis);
    sealer.emplace(std::move(is_initiator ? keys.sk_i : keys.sk_r));
}

bool ScriptedPeer::take_init_response(Bytes bytes) {
    const auto message = read_message(bytes);
    WARREN_CHECK(message.has_value());
    const auto* const sa = message->payloads.find<SaPayload>();
    if (sa == nullptr) return false;
    got_init = copy_of(bytes);
    spis = message->header.spis;
    peer_nonce = copy_of(message->payloads.find<NoncePayload>()->nonce);
    const auto choice = accept_ike(*sa, offered);
    WARREN_CHECK(choice.has_value());
    suite = choice->suite;
    derive(message->payloads.find<KePayload>()->public_value);
    return true;
}

std::vector<std::uint8_t> ScriptedPeer::answer_init(Bytes request) {
    const auto message = read_message(request);
    WARREN_CHECK(message.has_value());
    got_init = copy_of(request);
    spis.initiator = message->header.spis.initiator;
    peer_nonce = copy_of(message->payloads.find<NoncePayload>()->nonce);
    const auto choice = choose_ike(*message->payloads.find<SaPayload>(), default_ike_policy(), false);
    WARREN_CHECK(choice.has_value());
    suite = choice->suite;
    key = crypto::EphemeralKey::generate(suite.key_exchange->method, random);
    const Proposal proposal = choice->answer();
    Chain chain;
    chain.sa({&proposal, 1}).ke(static_cast<KeyExchangeId>(suite.key_exchange->id), key.public_value()).nonce(nonce);
    chain.notify(notify_of(NotifyType::kNatDetectionSourceIp, nat_hash(spis, *parse_ip("192.0.2.1"), kIkePort)));
    chain.notify(notify_of(NotifyType::kNatDetectionDestinationIp, nat_hash(spis, *parse_ip("192.0.2.2"), kIkePort)));
    sent_init = write_message(header(ExchangeType::kIkeSaInit, 0, true), chain);
    derive(message->payloads.find<KePayload>()->public_value);
    return sent_init;
}

Chain ScriptedPeer::auth_chain(std::string_view psk, const char* own, const char* asked) {
    const Identity us = identity(own);
    const auto octets = auth_octets(suite.prf_hash(), sent_init, peer_nonce, keys.sk_pi, id_body(us.type, us.value));
    Chain chain;
    chain.id(PayloadType::kIdi, us.type, us.value);
    if (asked != nullptr) chain.id(PayloadType::kIdr, identity(asked).type, identity(asked).value);
    chain.auth(AuthMethod::kSharedKeyMic, shared_key_mic(suite.prf_hash(), as_bytes(psk), octets).reveal());
    const Proposal proposal = child_proposal(child_spi);
    chain.sa({&proposal, 1}).ts(PayloadType::kTsi, local).ts(PayloadType::kTsr, remote);
    return chain;
}

Chain ScriptedPeer::auth_answer(std::string_view psk, const char* own) {
    const Identity us = identity(own);
    const auto octets = auth_octets(suite.prf_hash(), sent_init, peer_nonce, keys.sk_pr, id_body(us.type, us.value));
    Chain chain;
    chain.id(PayloadType::kIdr, us.type, us.value);
    chain.auth(AuthMethod::kSharedKeyMic, shared_key_mic(suite.prf_hash(), as_bytes(psk), octets).reveal());
    return chain;
}

Proposal ScriptedPeer::child_proposal(std::uint32_t spi, KeyExchangeId with) {
    Proposal out;
    out.protocol = ProtocolId::kEsp;
    out.spi.resize(4);
    store_be(out.spi.data(), spi);
    out.transforms = {{TransformType::kEncryption, static_cast<std::uint16_t>(EncryptionId::kAesGcm16), 128}};
    if (with != KeyExchangeId::kNone)
        out.transforms.push_back({TransformType::kKeyExchange, static_cast<std::uint16_t>(with)});
    out.transforms.push_back({TransformType::kEsn, static_cast<std::uint16_t>(EsnId::kNo)});
    return out;
}

Chain ScriptedPeer::child_chain(std::uint32_t spi, KeyExchangeId with) {
    const Proposal proposal = child_proposal(spi, with);
    Chain chain;
    chain.sa({&proposal, 1}).nonce(random.bytes(32));
    if (with != KeyExchangeId::kNone)
        chain.ke(with, crypto::EphemeralKey::generate(find_method(with)->method, random).public_value());
    chain.ts(PayloadType::kTsi, local).ts(PayloadType::kTsr, remote);
    return chain;
}

std::vector<std::uint8_t> ScriptedPeer::sealed(ExchangeType exchange, std::uint32_t id, const Chain& chain,
                                               bool is_response) {
    return sealer->seal(header(exchange, id, is_response), chain, random);
}

OpenedMessage ScriptedPeer::open(Bytes bytes) const {
    OpenedMessage out;
    out.bytes = copy_of(bytes);
    const auto message = read_message(out.bytes);
    WARREN_CHECK(message.has_value());
    out.header = message->header;
    const auto* const sk = message->payloads.find<SkPayload>();
    WARREN_CHECK(sk != nullptr);
    auto opened = ike::open(is_initiator ? keys.sk_r : keys.sk_i, *sk);
    WARREN_CHECK(opened.has_value());
    out.opened = std::make_unique<Opened>(std::move(*opened));
    const auto payloads = read_payloads(out.opened->first, out.opened->chain);
    WARREN_CHECK(payloads.has_value());
    out.payloads = *payloads;
    return out;
}

}  // namespace warren::ike::testing
