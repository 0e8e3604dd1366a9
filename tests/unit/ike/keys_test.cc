// The key schedule against an exchange that was computed elsewhere.
#include "vpnd/ike/keys.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/reader.h"
#include "vpnd/ike/sealed.h"

namespace warren::ike {
namespace {

using test::Buffer;
using test::from_hex;

const Buffer kNi = test::counting(known::kNonceI, 32);
const Buffer kNr = test::counting(known::kNonceR, 32);
const Buffer kSecondNi = test::counting(known::kSecondNonceI, 32);
const Buffer kSecondNr = test::counting(known::kSecondNonceR, 32);
constexpr IkeSpis kSpis = {known::kSpiI, known::kSpiR};

IkeSuite known_suite() {
    return test::ike_suite("aes256gcm", "prfsha384", "", "x25519");
}
IkeSuite cbc_suite() {
    return test::ike_suite("aes256", "prfsha256", "sha256", "x25519");
}

crypto::SharedSecret shared_secret() {
    const auto i = crypto::EphemeralKey::from_private(crypto::KeyExchangeMethod::kX25519, test::counting(1, 32));
    const auto response = from_hex(known::kInitResponse);
    auto shared = i->agree(read_message(response)->payloads.find<KePayload>()->public_value);
    REQUIRE(shared.has_value());
    return std::move(*shared);
}

IkeKeys known_keys() {
    return derive_ike_keys(known_suite(), shared_secret(), {kNi, kNr}, kSpis);
}
IkeKeys rekeyed_keys() {
    return derive_rekeyed_ike_keys(cbc_suite(), crypto::Sha::kSha384, known_keys().sk_d, shared_secret(),
                                   {kSecondNi, kSecondNr}, {known::kRekeyedSpiI, known::kRekeyedSpiR});
}

template <std::size_t N>
std::string hex(const crypto::SecretBytes<N>& secret) {
    return test::to_hex(secret.reveal());
}

TEST_CASE("both sides have the known secret") {
    CHECK(hex(shared_secret()) == known::kSharedSecret);
    const auto r =
        crypto::EphemeralKey::from_private(crypto::KeyExchangeMethod::kX25519, test::counting(known::kPrivateR, 32));
    const auto request = from_hex(known::kInitRequest);
    CHECK(hex(*r->agree(read_message(request)->payloads.find<KePayload>()->public_value)) == known::kSharedSecret);
}

TEST_CASE("the keys of an IKE_SA with an AEAD") {
    const IkeKeys keys = known_keys();
    CHECK(hex(keys.sk_d) == known::kSkD);
    CHECK(keys.sk_i.cipher == crypto::IkeCipher::kAes256Gcm);
    CHECK(hex(keys.sk_i.encryption) == known::kSkEi);
    CHECK(hex(keys.sk_r.encryption) == known::kSkEr);
    CHECK(keys.sk_i.integrity_key.empty());
    CHECK(keys.sk_r.integrity_key.empty());
    CHECK(hex(keys.sk_pi) == known::kSkPi);
    CHECK(hex(keys.sk_pr) == known::kSkPr);
}

TEST_CASE("KL5: the keys of a rekeyed IKE_SA with integrity of its own") {
    const IkeKeys keys = rekeyed_keys();
    CHECK(hex(keys.sk_d) == known::kRekeyedSkD);
    CHECK(keys.sk_i.cipher == crypto::IkeCipher::kAes256Cbc);
    CHECK(keys.sk_i.integrity == crypto::Integrity{crypto::Sha::kSha256, 16});
    CHECK(hex(keys.sk_i.integrity_key) == known::kRekeyedSkAi);
    CHECK(hex(keys.sk_r.integrity_key) == known::kRekeyedSkAr);
    CHECK(hex(keys.sk_i.encryption) == known::kRekeyedSkEi);
    CHECK(hex(keys.sk_r.encryption) == known::kRekeyedSkEr);
    CHECK(hex(keys.sk_pi) == known::kRekeyedSkPi);
    CHECK(hex(keys.sk_pr) == known::kRekeyedSkPr);
}

TEST_CASE("the keys of a child, without and with a key exchange of its own") {
    const IkeKeys keys = known_keys();
    const ChildKeys first =
        derive_child_keys(known_suite(), keys.sk_d, test::child_suite("aes128gcm"), nullptr, {kNi, kNr});
    CHECK(hex(first.initiator.encryption) == known::kChildInitiator);
    CHECK(hex(first.responder.encryption) == known::kChildResponder);
    CHECK(first.initiator.integrity.empty());
    CHECK(first.responder.integrity.empty());

    const crypto::SharedSecret shared = shared_secret();
    const ChildKeys second = derive_child_keys(
        known_suite(), keys.sk_d, test::child_suite("aes256", "sha256", "x25519"), &shared, {kSecondNi, kSecondNr});
    CHECK(hex(second.initiator.encryption) == known::kPfsChildInitiatorEncryption);
    CHECK(hex(second.initiator.integrity) == known::kPfsChildInitiatorIntegrity);
    CHECK(hex(second.responder.encryption) == known::kPfsChildResponderEncryption);
    CHECK(hex(second.responder.integrity) == known::kPfsChildResponderIntegrity);
}

TEST_CASE("KQ1: a PPK goes into SK_d, SK_pi and SK_pr") {
    IkeKeys keys = known_keys();
    mix_ppk(known_suite(), as_bytes(known::kPpk), keys);
    CHECK(hex(keys.sk_d) == known::kPpkSkD);
    CHECK(hex(keys.sk_pi) == known::kPpkSkPi);
    CHECK(hex(keys.sk_pr) == known::kPpkSkPr);
    CHECK(hex(keys.sk_i.encryption) == known::kSkEi);
}

TEST_CASE("KA1: AUTH by preshared key, of both sides") {
    const IkeKeys keys = known_keys();
    const Bytes psk = as_bytes(known::kPsk);
    const crypto::Sha prf = crypto::Sha::kSha384;
    const Buffer of_initiator = auth_octets(prf, from_hex(known::kInitRequest), kNr, keys.sk_pi,
                                            id_body(IdType::kRfc822Addr, as_bytes(known::kIdi)));
    CHECK(hex(shared_key_mic(prf, psk, of_initiator)) == known::kAuthOfInitiator);
    const Buffer of_responder = auth_octets(prf, from_hex(known::kInitResponse), kNi, keys.sk_pr,
                                            id_body(IdType::kFqdn, as_bytes(known::kIdr)));
    CHECK(hex(shared_key_mic(prf, psk, of_responder)) == known::kAuthOfResponder);
}

// --- IKE_AUTH, byte by byte ----------------------------------------------------------------------

constexpr std::string_view kNarrow = "10.0.1.0";

Chain auth_chain(std::string_view auth, std::uint32_t spi, bool is_request) {
    const std::array<Proposal, 1> esp = {
        {{.number = 1,
          .protocol = ProtocolId::kEsp,
          .spi = {0xc0, 0, static_cast<std::uint8_t>(spi >> 8U), static_cast<std::uint8_t>(spi)},
          .transforms = {{.type = TransformType::kEncryption, .id = 20, .key_bits = 128},
                         {.type = TransformType::kEsn, .id = 0}}}}};
    const std::array<TrafficSelector, 1> tsi = {{{*parse_ip(kNarrow), *parse_ip("10.0.1.255")}}};
    const std::array<TrafficSelector, 1> tsr = {{{*parse_ip("10.0.0.0"), *parse_ip("10.0.0.255")}}};
    Chain chain;
    if (is_request) chain.id(PayloadType::kIdi, IdType::kRfc822Addr, as_bytes(known::kIdi));
    chain.id(PayloadType::kIdr, IdType::kFqdn, as_bytes(known::kIdr));
    chain.auth(AuthMethod::kSharedKeyMic, from_hex(auth)).sa(esp);
    chain.ts(PayloadType::kTsi, tsi).ts(PayloadType::kTsr, tsr);
    return chain;
}

TEST_CASE("KP6: IKE_AUTH is sealed as it was elsewhere") {
    test::SeededRandom unused(1);
    IkeKeys keys = known_keys();
    const Chain request = auth_chain(known::kAuthOfInitiator, 0x0101, true);
    CHECK(test::to_hex(request.bytes()) == known::kAuthRequestChain);
    Sealer initiator(std::move(keys.sk_i));
    CHECK(test::to_hex(initiator.seal(test::request(ExchangeType::kIkeAuth, 1), request, unused)) ==
          known::kAuthRequest);
    Sealer responder(std::move(keys.sk_r));
    Header header = test::request(ExchangeType::kIkeAuth, 1);
    header.is_initiator = false;
    header.is_response = true;
    CHECK(test::to_hex(responder.seal(header, auth_chain(known::kAuthOfResponder, 0x0202, false), unused)) ==
          known::kAuthResponse);
}

TEST_CASE("KP6: IKE_AUTH is opened, and holds what was sealed") {
    const Buffer bytes = from_hex(known::kAuthRequest);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto opened = open(known_keys().sk_i, *message->payloads.find<SkPayload>());
    REQUIRE(opened.has_value());
    CHECK(opened->first == PayloadType::kIdi);
    CHECK(test::to_hex(opened->chain) == known::kAuthRequestChain);
    const auto payloads = read_payloads(opened->first, opened->chain);
    REQUIRE(payloads.has_value());
    CHECK(payloads->find<TsiPayload>()->selectors.begin()->first == *parse_ip(kNarrow));
    CHECK(test::to_hex(payloads->find<AuthPayload>()->data) == known::kAuthOfInitiator);
}

class FixedRandom final : public crypto::RandomSource {
  public:
    explicit FixedRandom(Buffer bytes) : bytes_(std::move(bytes)) {}
    void fill(MutableBytes out) override {
        REQUIRE(out.size() == bytes_.size());
        std::ranges::copy(bytes_, out.begin());
    }

  private:
    Buffer bytes_;
};

TEST_CASE("KP6: a message with AES-CBC is sealed as it was elsewhere, and opened") {
    const std::array<std::uint32_t, 1> spis = {0xc0000101};
    Chain chain;
    chain.delete_esp(spis);
    FixedRandom iv(test::counting(known::kCbcIv, 16));
    Sealer sealer(rekeyed_keys().sk_i);
    const Header header = {.spis = {known::kRekeyedSpiI, known::kRekeyedSpiR},
                           .exchange = ExchangeType::kInformational,
                           .is_initiator = true};
    const Buffer bytes = sealer.seal(header, chain, iv);
    CHECK(test::to_hex(bytes) == known::kDeleteMessage);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto opened = open(rekeyed_keys().sk_i, *message->payloads.find<SkPayload>());
    REQUIRE(opened.has_value());
    CHECK(test::to_hex(opened->chain) == test::to_hex(chain.bytes()));
}

// --- RFC 7427 ------------------------------------------------------------------------------------

TEST_CASE("KA2: the framing of a digital signature") {
    const Buffer algorithm = from_hex("300a06082a8648ce3d040302");  // ecdsa-with-SHA256, RFC 7427 Appendix A.3.2
    const Buffer signature = test::counting(1, 70);
    const Buffer data = write_digital_signature({algorithm, signature});
    CHECK(data[0] == algorithm.size());
    CHECK(data.size() == 1 + algorithm.size() + signature.size());
    const auto read = read_digital_signature(data);
    REQUIRE(read.has_value());
    CHECK(test::copy_of(read->algorithm) == algorithm);
    CHECK(test::copy_of(read->signature) == signature);
    for (std::size_t size = 0; size <= 1 + algorithm.size(); ++size) {
        CHECK_FALSE(read_digital_signature(Bytes(data).first(size)).has_value());
    }
    CHECK_FALSE(read_digital_signature(from_hex("00aabb")).has_value());
}

}  // namespace
}  // namespace warren::ike
