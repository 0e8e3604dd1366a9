// IKE_AUTH with certificates: what is asked of authd, what its answers do, and whose a peer is.
#include "tests/unit/ike_engine/bench.h"
#include "vpnd/ike/signature_hashes.h"

namespace warren::ike {
namespace {

using namespace testing;

constexpr SecretId kLeftsCa = 101;
constexpr SecretId kRightsCa = 102;
constexpr SecretId kSigner = 200;
constexpr const char* kLeft = "left.example.net";
constexpr const char* kRight = "right.example.net";

void use_certificates(Connection& connection, bool is_left) {
    connection.auth = Auth::kCertificate;
    connection.signer = kSigner;
    connection.trust = is_left ? kRightsCa : kLeftsCa;
}

// Both have certificates that the other's CA has issued.
struct Certified : Pair {
    explicit Certified(const std::function<void(Connection&, bool)>& change = {})
        : Pair(1, [&](Connection& connection, bool is_left) {
              use_certificates(connection, is_left);
              if (change) change(connection, is_left);
          }) {
        left.answerer.put_signer(kSigner, {kLeftsCa, kLeft});
        right.answerer.put_signer(kSigner, {kRightsCa, kRight});
    }
};

std::size_t count_of(const std::vector<Wire>& log, ExchangeType exchange, bool is_response) {
    return static_cast<std::size_t>(std::count_if(log.begin(), log.end(), [&](const Wire& wire) {
        return wire.exchange() == exchange && wire.is_response() == is_response;
    }));
}

TEST_CASE("KA2: two hubs with certificates, each with the other's CA") {
    Certified pair;
    pair.connect();
    CHECK(pair.left.engine.sizes().ike_sas == 1);
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    pair.check_agree();
    REQUIRE(pair.right.answerer.verified.size() == 1);
    CHECK(pair.right.answerer.verified[0].trusts == std::vector<SecretId>{kLeftsCa});
    CHECK(pair.right.answerer.verified[0].identity == identity(kLeft));
    REQUIRE(pair.right.answerer.signed_for.size() == 1);
    CHECK(pair.right.answerer.signed_for[0].hashes == std::vector<std::uint16_t>{2, 3, 4, 5});
    REQUIRE(pair.left.answerer.signed_for.size() == 1);
    CHECK(pair.left.answerer.signed_for[0].hashes == std::vector<std::uint16_t>{2, 3, 4, 5});
    CHECK(pair.left.answerer.verified[0].trusts == std::vector<SecretId>{kRightsCa});
}

TEST_CASE("KA6: each asks for a certificate in the place for that, by its customer's CAs where it is known") {
    const auto authorities_in = [](const Wire& wire) {
        const auto message = read_message(wire.message());
        REQUIRE(message.has_value());
        const auto* const request = message->payloads.find<CertreqPayload>();
        return request == nullptr ? std::vector<std::uint8_t>{}
                                  : std::vector<std::uint8_t>(request->authorities.begin(), request->authorities.end());
    };
    const std::vector<std::uint8_t> hash(kAuthoritySize, 7);
    Certified known;
    known.right.engine.put_customer(known.right.now, {kAcme, "acme", identity(kRight), {}, hash}, known.right.out);
    known.connect();
    CHECK(authorities_in(known.log.at(1)) == hash);
    Certified unknown([](Connection& connection, bool is_left) {
        if (!is_left) connection.remote_address.reset();
    });
    unknown.right.engine.put_customer(unknown.right.now, {kAcme, "acme", identity(kRight), {}, hash},
                                      unknown.right.out);
    unknown.connect();
    CHECK(unknown.left.engine.sizes().ike_sas == 1);
    // Strangers do not learn whose CAs there are.
    CHECK(authorities_in(unknown.log.at(1)) == std::vector<std::uint8_t>(kAuthoritySize));
    Pair without;
    without.connect();
    CHECK(authorities_in(without.log.at(1)).empty());
    CHECK_FALSE(hashes_in(without.log.at(0).message()).has_value());
    CHECK_FALSE(hashes_in(without.log.at(1).message()).has_value());
}

TEST_CASE("KA4, KA11: a certificate that authd does not take draws AUTHENTICATION_FAILED, and people learn why") {
    const std::pair<PeerVerdict, const char*> verdicts[] = {
        {PeerVerdict::kRevoked, "a certificate is revoked"},
        {PeerVerdict::kExpired, "a certificate has expired"},
        {PeerVerdict::kWrongUsage, "a certificate may not be used for that"},
        {PeerVerdict::kWeak, "a certificate has a weak key"}};
    for (const auto& [verdict, words] : verdicts) {
        Certified pair;
        pair.left.answerer.put_signer(kSigner, {.issuer = kLeftsCa, .name = kLeft, .verdict = verdict});
        pair.connect();
        CHECK(pair.right.engine.sizes().ike_sas == 0);
        CHECK(pair.right.sessions.entries.empty());
        CHECK(pair.right.dropped(DropReason::kIkeCertificateRefused) == 1);
        CHECK(pair.right.answerer.signed_for.empty());
        CHECK(pair.right.engine.attempts(kFirst).at(0).sentence.find(words) != std::string::npos);
        CHECK(pair.left.status().reason == "we called 192.0.2.2; it answered AUTHENTICATION_FAILED");
    }
}

TEST_CASE("KA3: a responder whose certificate is another's is told so, and nothing of it stays") {
    Certified pair;
    pair.right.answerer.put_signer(kSigner, {kRightsCa, "other.example.net"});
    pair.connect();
    CHECK(pair.left.engine.sizes().ike_sas == 0);
    CHECK(pair.left.sessions.entries.empty());
    CHECK(pair.left.dropped(DropReason::kIkeCertificateRefused) == 1);
    CHECK(pair.left.status().reason.find("its certificate is not that of the identity") != std::string::npos);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.right.sessions.entries.empty());
}

TEST_CASE("a signer that is not there, or cannot sign for that peer, ends the attempt") {
    Certified ours([](Connection& connection, bool is_left) {
        if (is_left) connection.signer = 999;
    });
    ours.connect();
    CHECK(ours.left.engine.sizes().all == 0);
    CHECK(ours.left.dropped(DropReason::kIkeNoSignature) == 1);
    Certified theirs([](Connection& connection, bool is_left) {
        if (!is_left) connection.signer = 999;
    });
    theirs.connect();
    CHECK(theirs.left.engine.sizes().ike_sas == 0);
    CHECK(theirs.right.engine.sizes().ike_sas == 0);
    CHECK(theirs.right.dropped(DropReason::kIkeNoSignature) == 1);
}

TEST_CASE("KA2: SHA-1 is for peers that sent no list of hashes") {
    Certified pair;
    pair.left.answerer.put_signer(kSigner, {.issuer = kLeftsCa, .name = kLeft, .method = AuthMethod::kRsaSignature});
    pair.connect();
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    REQUIRE(pair.right.answerer.verified.size() == 1);
    CHECK(pair.right.answerer.verified[0].trusts.empty());
    CHECK(pair.right.engine.strangers_attempts().at(0).sentence.find("SHA-1") != std::string::npos);
    Certified answer;
    answer.right.answerer.put_signer(kSigner,
                                     {.issuer = kRightsCa, .name = kRight, .method = AuthMethod::kRsaSignature});
    answer.connect();
    CHECK(answer.left.engine.sizes().ike_sas == 0);
    CHECK(answer.left.answerer.verified.empty());
}

TEST_CASE("KF1: a chain that fills several datagrams comes in fragments, both ways") {
    Certified pair;
    pair.left.answerer.put_signer(kSigner, {.issuer = kLeftsCa, .name = kLeft, .filling = 4000});
    pair.right.answerer.put_signer(kSigner, {.issuer = kRightsCa, .name = kRight, .filling = 9000});
    pair.connect();
    CHECK(pair.left.engine.sizes().ike_sas == 1);
    CHECK(pair.right.answerer.verified.at(0).chain.size() == 2);
    CHECK(pair.left.answerer.verified.at(0).chain.at(1).size() == 9000);
    CHECK(count_of(pair.log, ExchangeType::kIkeAuth, false) > 3);
    CHECK(count_of(pair.log, ExchangeType::kIkeAuth, true) > 7);
    for (const Wire& wire : pair.log) CHECK(wire.bytes.size() <= 1280);
    pair.check_agree();
}

// What right is configured with; other CAs or revocation lists have another number.
Connection rights(SecretId trust) {
    Connection out = connection_of(false);
    use_certificates(out, false);
    out.trust = trust;
    return out;
}

TEST_CASE("KL10: another CA ends the SAs that the former one vouched for; a renewed certificate of ours does not") {
    Certified pair;
    pair.connect();
    Connection renewed = rights(kLeftsCa);
    renewed.signer = kSigner + 1;
    pair.right.put(renewed);
    pair.settle();
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    pair.right.put(rights(kLeftsCa + 100));
    pair.advance(1s);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.left.engine.sizes().ike_sas == 0);
    CHECK(pair.right.engine.attempts(kFirst).back().sentence.find("none of the customer's CAs") != std::string::npos);
}

TEST_CASE("other revocation lists: the peer's certificate is looked at again, over rekeys, and its tunnel goes on") {
    constexpr SecretId kRenewed = kLeftsCa + 100;
    Certified pair;
    pair.connect();
    pair.right.answerer.vouch(kRenewed, kLeftsCa);
    SUBCASE("at once") {}
    SUBCASE("after a rekey of the IKE_SA") {
        pair.right.rekey(Engine::Rekey::kIkeSas);
        pair.settle();
    }
    const auto before = pair.right.status().ike_sas.at(0);
    const std::size_t verified = pair.right.answerer.verified.size();
    pair.right.put(rights(kRenewed));
    pair.advance(1s);
    REQUIRE(pair.right.answerer.verified.size() == verified + 1);
    CHECK(pair.right.answerer.verified.back().trusts == std::vector<SecretId>{kRenewed});
    CHECK(pair.right.status().ike_sas.at(0).initiator_spi == before.initiator_spi);
    CHECK(pair.right.status().ike_sas.at(0).children.at(0).spi_in == before.children.at(0).spi_in);
    pair.check_agree();
    // The next one names it.
    pair.right.answerer.vouch(kRenewed + 1, kLeftsCa);
    pair.right.answerer.revoke(kRenewed + 1);
    pair.right.put(rights(kRenewed + 1));
    pair.advance(1s);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
    CHECK(pair.right.sessions.entries.empty());
    CHECK(pair.right.engine.attempts(kFirst).back().sentence.find("is revoked") != std::string::npos);
}

TEST_CASE("other revocation lists while authd is away: asked again until it answers, and nobody loses its tunnel") {
    Certified pair;
    pair.connect();
    pair.right.holds_asks = true;
    pair.right.put(rights(kLeftsCa + 100));
    pair.advance(60s);
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    pair.right.holds_asks = false;
    pair.advance(15s);
    CHECK(pair.right.engine.sizes().ike_sas == 0);
}

TEST_CASE("lists that change twice: an answer for the former ones decides nothing") {
    Certified pair;
    pair.connect();
    pair.right.answerer.vouch(kLeftsCa + 101, kLeftsCa);
    pair.right.holds_asks = true;
    pair.right.put(rights(kLeftsCa + 100));  // nobody's
    REQUIRE(pair.right.asks.size() == 1);
    pair.right.put(rights(kLeftsCa + 101));
    pair.right.holds_asks = false;
    pair.right.answer_asks();
    pair.advance(1s);
    CHECK(pair.right.engine.sizes().ike_sas == 1);
    CHECK(pair.right.answerer.verified.back().trusts == std::vector<SecretId>{kLeftsCa + 101});
    pair.check_agree();
}

TEST_CASE("an IKE_SA that is to be proven and is about to end costs no time") {
    Certified pair;
    pair.connect();
    pair.filter = [](const Wire&) { return false; };
    pair.advance(60s);  // its peer is silent: a probe is on its way
    pair.right.holds_asks = true;
    pair.right.put(rights(kLeftsCa + 100));
    pair.right.call([&] { pair.right.engine.remove_connection(pair.right.now, kFirst, pair.right.out); });
    CHECK(pair.right.engine.next_deadline() > pair.right.now.instant);
}

TEST_CASE("other CAs while the peer's certificate is being looked at: the attempt ends, and the next one asks them") {
    Certified pair;
    pair.left.holds_asks = true;
    pair.left.initiate();
    for (int i = 0; i < 8 && pair.left.answerer.signed_for.empty(); ++i) {
        pair.left.answer_asks();
        pair.settle();
    }
    pair.settle();  // IKE_AUTH is answered, and left asks who that is
    REQUIRE_FALSE(pair.left.asks.empty());
    Connection other = connection_of(true);
    use_certificates(other, true);
    other.trust = kRightsCa + 100;
    pair.left.put(other);
    pair.left.holds_asks = false;
    pair.left.answer_asks();
    pair.settle();
    CHECK(pair.left.engine.sizes().ike_sas == 0);
}

// --- a scripted peer ------------------------------------------------------------------------------

struct Show {
    const char* own = kLeft;
    const char* asked = kRight;  // null: no IDr
    FakeSigner signer{kLeftsCa, kLeft};
    bool has_wrong_signature = false;
    bool has_no_certificate = false;
};

// An IKE_AUTH request with a certificate.
std::vector<std::uint8_t> request_of(ScriptedPeer& peer, const Show& show) {
    const Identity own = identity(show.own);
    const Proposal proposal = ScriptedPeer::child_proposal(5);
    const auto octets = auth_octets(peer.suite.prf_hash(), peer.sent_init, peer.peer_nonce, peer.keys.sk_pi,
                                    id_body(own.type, own.value));
    auto signature = FakeSigner::sign(show.signer.certificate(), octets);
    if (show.has_wrong_signature) signature[0] ^= 1U;
    Chain chain;
    chain.id(PayloadType::kIdi, own.type, own.value);
    if (!show.has_no_certificate) {
        for (const auto& one : show.signer.chain()) chain.cert(CertEncoding::kX509Signature, one);
    }
    if (show.asked != nullptr) chain.id(PayloadType::kIdr, identity(show.asked).type, identity(show.asked).value);
    chain.auth(show.signer.method, signature).sa({&proposal, 1});
    chain.ts(PayloadType::kTsi, peer.local).ts(PayloadType::kTsr, peer.remote);
    return peer.sealed(ExchangeType::kIkeAuth, 1, chain);
}

struct CertifiedBench : Bench {
    static constexpr SecretId kBetasCa = 103;

    CertifiedBench()
        : Bench([](Connection& connection) {
              use_certificates(connection, false);
              connection.remote_address.reset();
          }) {
        hub.answerer.put_signer(kSigner, {kRightsCa, kRight});
    }
    void put_beta(bool has_gateway) {
        hub.engine.put_customer(hub.now, {kBeta, "beta", identity("beta.example.net"), {}}, hub.out);
        Connection other = connection_of(false);
        other.index = ConnectionIndex{1};
        other.customer = kBeta;
        other.auth = Auth::kCertificate;
        other.trust = kBetasCa;
        other.signer = kSigner + 1;
        other.local_identity.reset();
        other.remote_address.reset();
        other.children[0].peer = PeerIndex{1};
        hub.answerer.put_signer(kSigner + 1, {kRightsCa, "beta.example.net"});
        hub.put(other);
        if (has_gateway) hub.engine.set_gateway(identity("vpn.example.net"), kSigner + 2);
        hub.answerer.put_signer(kSigner + 2, {kRightsCa, "vpn.example.net"});
    }
    void show(const Show& what) {
        send(peer.init_request(), kIkePort);
        REQUIRE(peer.take_init_response(answer()));
        send(request_of(peer, what));
    }
    [[nodiscard]] std::size_t sas_of(ConnectionIndex connection) const { return hub.status(connection).ike_sas.size(); }
};

constexpr ConnectionIndex kBetas{1};

TEST_CASE("KA11: whatever is wrong, authd is asked once, and the answer is the same") {
    struct Row {
        const char* name;
        Show show;
    };
    const Row rows[] = {
        {"another CA", {.signer = {CertifiedBench::kBetasCa, kLeft}}},
        {"revoked", {.signer = {.issuer = kLeftsCa, .name = kLeft, .verdict = PeerVerdict::kRevoked}}},
        {"another identity", {.signer = {kLeftsCa, "other.example.net"}}},
        {"a wrong signature", {.has_wrong_signature = true}},
        {"no certificate", {.has_no_certificate = true}},
        {"nobody's IDr", {.asked = "nobody.example.net"}},
        {"nobody's IDi", {.own = "nobody.example.net", .signer = {kLeftsCa, "nobody.example.net"}}},
        {"beta's IDr with acme's certificate", {.asked = "beta.example.net"}},
        {"no IDr and no gateway", {.asked = nullptr}},
    };
    std::size_t size = 0;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        CertifiedBench bench;
        bench.put_beta(false);
        bench.show(row.show);
        const OpenedMessage told = bench.opened();
        CHECK(told.has(NotifyType::kAuthenticationFailed));
        CHECK(told.payloads.size() == 1);
        if (size == 0) size = told.bytes.size();
        CHECK(told.bytes.size() == size);
        CHECK(bench.hub.answerer.verified.size() == 1);
        CHECK(bench.hub.answerer.signed_for.empty());
        CHECK(bench.hub.engine.sizes().ike_sas == 0);
        CHECK(bench.hub.sessions.entries.empty());
    }
    CertifiedBench right;
    right.put_beta(false);
    right.show({});
    CHECK(right.sas_of(kFirst) == 1);
    CHECK(right.opened().payloads.find<CertPayload>() != nullptr);
}

TEST_CASE("row 4: without IDr the CA decides whose a peer is, and the gateway's certificate answers") {
    for (const bool is_betas : {false, true}) {
        for (const char* const asked : {static_cast<const char*>(nullptr), "vpn.example.net"}) {
            CertifiedBench bench;
            bench.put_beta(true);
            const SecretId issuer = is_betas ? CertifiedBench::kBetasCa : kLeftsCa;
            bench.show({.asked = asked, .signer = {issuer, kLeft}});
            CHECK(bench.sas_of(kFirst) == (is_betas ? 0 : 1));
            CHECK(bench.sas_of(kBetas) == (is_betas ? 1 : 0));
            CHECK(bench.hub.answerer.verified.at(0).trusts ==
                  std::vector<SecretId>{kLeftsCa, CertifiedBench::kBetasCa});
            // Acme's connection has an identity of its own, and so its own certificate.
            CHECK(bench.hub.answerer.signed_for.at(0).signer == (is_betas ? kSigner + 2 : kSigner));
        }
    }
    CertifiedBench foreign;
    foreign.put_beta(true);
    foreign.show({.asked = nullptr, .signer = {999, kLeft}});
    CHECK(foreign.hub.engine.sizes().ike_sas == 0);
    // With an IDr only that customer's CA is asked, gateway or not.
    CertifiedBench asked;
    asked.put_beta(true);
    asked.show({.signer = {CertifiedBench::kBetasCa, kLeft}});
    CHECK(asked.hub.engine.sizes().ike_sas == 0);
    CHECK(asked.hub.answerer.verified.at(0).trusts == std::vector<SecretId>{kLeftsCa});
}

TEST_CASE("KA4: an IKE_SA ends with its peer's certificate") {
    CertifiedBench bench;
    bench.hub.answerer.certificates_end = WallTime{bench.hub.now.wall.nanoseconds + Duration(2s).count()};
    bench.show({});
    CHECK(bench.sas_of(kFirst) == 1);
    bench.hub.sent.clear();
    bench.hub.run_until(bench.hub.now.instant + 1s);
    CHECK(bench.hub.sent.empty());
    bench.hub.run_until(bench.hub.now.instant + 2s);
    REQUIRE_FALSE(bench.hub.sent.empty());  // and repeated
    CHECK(bench.peer.open(bench.hub.sent.front().message()).payloads.find<DeletePayload>() != nullptr);
}

TEST_CASE("a certificate opens no connection with a preshared key, nor the other way round") {
    Bench psk;
    psk.send(psk.peer.init_request(), kIkePort);
    REQUIRE(psk.peer.take_init_response(psk.answer()));
    psk.send(request_of(psk.peer, {}));
    CHECK(psk.opened().has(NotifyType::kAuthenticationFailed));
    CHECK(psk.hub.answerer.verified.at(0).trusts.empty());
    CertifiedBench certified;
    certified.hub.put_psk(kFirst, kPsk);
    certified.send(certified.peer.init_request(), kIkePort);
    REQUIRE(certified.peer.take_init_response(certified.answer()));
    certified.send(certified.peer.auth_request(kPsk, kLeft, kRight));
    CHECK(certified.opened().has(NotifyType::kAuthenticationFailed));
}

TEST_CASE("a CA that changes while authd is asked vouches for nobody") {
    CertifiedBench bench;
    bench.send(bench.peer.init_request(), kIkePort);
    REQUIRE(bench.peer.take_init_response(bench.answer()));
    bench.hub.holds_asks = true;
    const auto request = request_of(bench.peer, {});
    bench.send(request);
    while (!bench.hub.asks.empty() && std::holds_alternative<KeyExchangeAsk>(bench.hub.asks.front().question)) {
        Ask ask = std::move(bench.hub.asks.front());
        bench.hub.asks.pop_front();
        bench.hub.call([&] {
            bench.hub.engine.handle_answer(bench.hub.now, ask.id, bench.hub.answerer.answer(std::move(ask.question)),
                                           bench.hub.out);
        });
    }
    REQUIRE(bench.hub.asks.size() == 1);
    Connection changed = connection_of(false);
    use_certificates(changed, false);
    changed.remote_address.reset();
    changed.trust = 555;
    bench.hub.put(changed);
    bench.hub.holds_asks = false;
    bench.hub.answer_asks();
    CHECK(bench.hub.engine.sizes().ike_sas == 0);
    CHECK(bench.hub.dropped(DropReason::kIkeAskFailed) == 1);
    // The peer asks again, and the CA in force is asked.
    bench.send(request);
    CHECK(bench.opened().has(NotifyType::kAuthenticationFailed));
    CHECK(bench.hub.answerer.verified.back().trusts == std::vector<SecretId>{555});
}

}  // namespace
}  // namespace warren::ike
