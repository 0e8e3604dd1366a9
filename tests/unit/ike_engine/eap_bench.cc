#include "tests/unit/ike_engine/eap_bench.h"

#include <algorithm>

namespace warren::ike::testing {

Answer FakeHolder::operator()(const Question& question) {
    if (const auto* const ask = std::get_if<SignAsk>(&question)) {
        signatures.push_back(*ask);
        SignAnswer out;
        out.method = AuthMethod::kDigitalSignature;
        if (can_sign) out.data = {static_cast<std::uint8_t>(ask->signer)};
        out.chain = {{0x30, 1}, {0x30, 2}};
        return out;
    }
    if (const auto* const ask = std::get_if<UserAsk>(&question)) {
        users_asked.push_back(*ask);
        const auto missing = gone.find(ask->users);
        return UserAnswer{missing == gone.end() || missing->second != ask->name};
    }
    const auto& ask = std::get<EapStepAsk>(question);
    steps.push_back(ask);
    const auto message = eap::read_message(ask.message).value();
    EapStepAnswer out;
    const auto next = static_cast<std::uint8_t>(message.identifier + 1);
    if (message.type == eap::Type::kIdentity) {
        out.outcome = EapOutcome::kContinue;
        out.message = eap::write_message({eap::Code::kRequest, next, type, std::vector<std::uint8_t>{9}});
        return out;
    }
    const bool is_somebody = ask.users != kNoSecret || ask.trust != kNoSecret;
    if (message.type == type && is_somebody && message.data.size() == 1 && message.data[0] == 1) {
        out.outcome = EapOutcome::kSuccess;
        out.message = eap::write_message({eap::Code::kSuccess, message.identifier, eap::Type::kNone, {}});
        out.type = type;
        out.identity = identity;
        out.msk = msk.clone();
        return out;
    }
    out.message = eap::write_message({eap::Code::kFailure, message.identifier, eap::Type::kNone, {}});
    out.reason = is_somebody ? eap::Reason::kWrongPassword : eap::Reason::kUnknownUser;
    return out;
}

EapBench::EapBench(const std::function<void(Connection&)>& change)
    : Bench([&](Connection& connection) {
          connection.auth = Auth::kEapMschapv2;
          connection.psk = 99;
          connection.users = kUsers;
          connection.signer = kSigner;
          connection.remote_identity = expected("any");
          connection.remote_address.reset();
          if (change) change(connection);
      }) {
    std::fill_n(holder.msk.writable().begin(), 64, std::uint8_t{7});
    hub.answerer.otherwise = [this](const Question& question) { return holder(question); };
    hub.call([&] {
        hub.engine.put_customer(
            hub.now, {kAcme, "acme", identity("acme.example.net"), {}, {}, {"acme.example", "ACME"}}, hub.out);
    });
    send(peer.init_request(), kIkePort);
    REQUIRE(peer.take_init_response(answer()));
}

Chain EapBench::first_chain(const char* asked) {
    const Proposal proposal = ScriptedPeer::child_proposal(peer.child_spi);
    Chain chain;
    chain.id(PayloadType::kIdi, own.type, own.value);
    if (asked != nullptr) chain.id(PayloadType::kIdr, identity(asked).type, identity(asked).value);
    chain.sa({&proposal, 1}).ts(PayloadType::kTsi, peer.local).ts(PayloadType::kTsr, peer.remote);
    return chain;
}

OpenedMessage EapBench::begin(const char* asked) {
    send(request(first_chain(asked)));
    OpenedMessage out = opened();
    if (const auto* const eap = out.payloads.find<EapPayload>())
        identifier = eap::read_message(eap->message).value().identifier;
    return out;
}

OpenedMessage EapBench::say(eap::Type type, std::vector<std::uint8_t> data) {
    const auto message = eap::write_message({eap::Code::kResponse, identifier, type, data});
    send(request(Chain().eap(message)));
    OpenedMessage out = opened();
    if (const auto* const eap = out.payloads.find<EapPayload>())
        identifier = eap::read_message(eap->message).value().identifier;
    return out;
}

std::vector<std::uint8_t> EapBench::auth_data(Bytes key) const {
    const auto octets = auth_octets(peer.suite.prf_hash(), peer.sent_init, peer.peer_nonce, peer.keys.sk_pi,
                                    id_body(own.type, own.value));
    const auto mac = shared_key_mic(peer.suite.prf_hash(), key, octets);
    return {mac.reveal().begin(), mac.reveal().end()};
}

OpenedMessage EapBench::say_auth(Bytes key) {
    send(request(Chain().auth(AuthMethod::kSharedKeyMic, auth_data(key))));
    return opened();
}

bool EapBench::is_hubs(Bytes auth) const {
    const Identity theirs = identity("right.example.net");
    const auto octets = auth_octets(peer.suite.prf_hash(), peer.got_init, peer.nonce, peer.keys.sk_pr,
                                    id_body(theirs.type, theirs.value));
    return crypto::equal_constant_time(shared_key_mic(peer.suite.prf_hash(), holder.msk.reveal(), octets).reveal(),
                                       auth);
}

void put_beta(Hub& hub) {
    hub.engine.put_customer(hub.now, {kBeta, "beta", identity("beta.example.net"), {}, {}, {"beta.example"}}, hub.out);
    Connection beta = connection_of(false);
    beta.index = ConnectionIndex{1};
    beta.customer = kBeta;
    beta.name = "beta-people";
    beta.auth = Auth::kEapMschapv2;
    beta.psk = 98;
    beta.users = kBetaUsers;
    beta.signer = kSigner;
    beta.local_identity.reset();
    beta.remote_identity = expected("any");
    beta.remote_address.reset();
    beta.children[0].peer = PeerIndex{1};
    hub.put(std::move(beta));
}

}  // namespace warren::ike::testing
