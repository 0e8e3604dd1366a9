#include "vpnd/ike/writer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/nat_detection.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using test::Buffer;
using test::from_hex;

constexpr std::array kHashes = {HashAlgorithmId::kSha2_256, HashAlgorithmId::kSha2_384, HashAlgorithmId::kSha2_512,
                                HashAlgorithmId::kIdentity};

Bytes public_value_in(std::string_view message) {
    static std::vector<Buffer> kept;
    kept.push_back(from_hex(message));
    return read_message(kept.back())->payloads.find<KePayload>()->public_value;
}

TEST_CASE("IKE_SA_INIT is written as it was elsewhere, byte by byte") {
    const IkeSpis spis = {known::kSpiI, 0};
    const std::vector<Proposal> proposals = {test::known_ike_proposal()};
    Chain chain;
    chain.sa(proposals)
        .ke(KeyExchangeId::kCurve25519, public_value_in(known::kInitRequest))
        .nonce(test::counting(known::kNonceI, 32))
        .notify(notify_of(NotifyType::kNatDetectionSourceIp, nat_hash(spis, *parse_ip("192.0.2.1"), 500)))
        .notify(notify_of(NotifyType::kNatDetectionDestinationIp, nat_hash(spis, *parse_ip("198.51.100.7"), 500)))
        .notify(notify_of(NotifyType::kIkev2FragmentationSupported))
        .notify(signature_hash_algorithms(kHashes));
    CHECK(chain.ok());
    CHECK(chain.first() == PayloadType::kSa);
    const Header request = {.spis = spis, .exchange = ExchangeType::kIkeSaInit, .is_initiator = true};
    CHECK(test::to_hex(write_message(request, chain)) == known::kInitRequest);

    Chain answer;
    answer.sa(proposals)
        .ke(KeyExchangeId::kCurve25519, public_value_in(known::kInitResponse))
        .nonce(test::counting(known::kNonceR, 32));
    const Header response = {
        .spis = {known::kSpiI, known::kSpiR}, .exchange = ExchangeType::kIkeSaInit, .is_response = true};
    CHECK(test::to_hex(write_message(response, answer)) == known::kInitResponse);
}

TEST_CASE("every payload is on the wire as the RFC draws it") {
    const auto hex = [](const Chain& chain) { return test::to_hex(chain.bytes()); };
    CHECK(hex(Chain().id(PayloadType::kIdi, IdType::kFqdn, as_bytes("a.b"))) == "0000000b02000000612e62");
    CHECK(hex(Chain().cert(CertEncoding::kX509Signature, as_bytes("a"))) == "000000060461");
    CHECK(hex(Chain().certreq(CertEncoding::kX509Signature, as_bytes("ab"))) == "00000007046162");
    CHECK(hex(Chain().auth(AuthMethod::kDigitalSignature, as_bytes("a"))) == "000000090e00000061");
    CHECK(hex(Chain().notify(rekey_sa(0xc0000101))) == "0000000c03044009c0000101");
    CHECK(hex(Chain().notify(invalid_ke_payload(KeyExchangeId::kCurve25519))) == "0000000a00000011001f");
    CHECK(hex(Chain().delete_ike()) == "0000000801000000");
    const std::array<std::uint32_t, 2> spis = {0xc0000101, 0xc0000102};
    CHECK(hex(Chain().delete_esp(spis)) == "0000001003040002c0000101c0000102");
    CHECK(hex(Chain().vendor_id(as_bytes("v"))) == "0000000576");
    const std::array<TrafficSelector, 1> v4 = {{{*parse_ip("10.0.0.0"), *parse_ip("10.0.0.255"), 17, 53, 53}}};
    CHECK(hex(Chain().ts(PayloadType::kTsi, v4)) ==
          "00000018010000000711001000350035"
          "0a0000000a0000ff");
    const std::array<TrafficSelector, 1> v6 = {{{*parse_ip("2001:db8::"), *parse_ip("2001:db8::ff")}}};
    CHECK(hex(Chain().ts(PayloadType::kTsr, v6)) ==
          "0000003001000000080000280000ffff20010db800000000000000000000000020010db80000000000000000000000ff");
    const std::array<ConfigAttribute, 2> attributes = {
        {{CfgAttribute::kInternalIp4Address, {}}, {CfgAttribute::kInternalDnsDomain, as_bytes("a.b")}}};
    CHECK(hex(Chain().cp(CfgType::kReply, attributes)) ==
          "0000001302000000000100000019"
          "0003612e62");
    CHECK(hex(Chain().eap(from_hex("03010004"))) == "0000000803010004");
    CHECK(hex(Chain().raw(static_cast<PayloadType>(200), {}, true)) == "00800004");
    CHECK(Chain().first() == PayloadType::kNone);
}

TEST_CASE("payloads name the next one's type") {
    Chain chain;
    chain.nonce(test::counting(0, 16)).delete_ike().vendor_id({});
    const Bytes bytes = chain.bytes();
    CHECK(chain.first() == PayloadType::kNonce);
    CHECK(static_cast<PayloadType>(bytes[0]) == PayloadType::kDelete);
    CHECK(static_cast<PayloadType>(bytes[20]) == PayloadType::kVendorId);
    CHECK(bytes[28] == 0);
}

TEST_CASE("what does not fit its field is said to be wrong") {
    CHECK(Chain().vendor_id(Buffer(kMostChain - kPayloadHeaderSize)).ok());
    CHECK_FALSE(Chain().vendor_id(Buffer(kMostChain - kPayloadHeaderSize + 1)).ok());
    CHECK_FALSE(Chain().vendor_id(Buffer(70'000)).ok());
    CHECK_FALSE(Chain().vendor_id(Buffer(40'000)).vendor_id(Buffer(40'000)).ok());
    CHECK_FALSE(Chain().vendor_id(Buffer(70'000)).vendor_id({}).ok());

    const TrafficSelector any = {*parse_ip("0.0.0.0"), *parse_ip("255.255.255.255")};
    CHECK(Chain().ts(PayloadType::kTsi, std::vector(255, any)).ok());
    CHECK_FALSE(Chain().ts(PayloadType::kTsi, std::vector(256, any)).ok());

    std::vector<Proposal> proposals = {test::known_ike_proposal()};
    proposals[0].transforms.resize(255);
    CHECK(Chain().sa(proposals).ok());
    proposals[0].transforms.resize(256);
    CHECK_FALSE(Chain().sa(proposals).ok());
    proposals[0].transforms.resize(1);
    proposals[0].spi.resize(256);
    CHECK_FALSE(Chain().sa(proposals).ok());

    Notify notify = notify_of(NotifyType::kCookie);
    notify.spi.resize(256);
    CHECK_FALSE(Chain().notify(notify).ok());
}

// --- what is written is read -----------------------------------------------------------------

Proposal random_proposal(test::SeededRandom& random) {
    Proposal out = {.number = static_cast<std::uint8_t>(random.below(256)),
                    .protocol = static_cast<ProtocolId>(random.below(4)),
                    .spi = random.bytes(random.below(9)),
                    .transforms = {}};
    for (std::uint64_t i = random.below(20); i > 0; --i) {
        out.transforms.push_back({.type = static_cast<TransformType>(random.below(256)),
                                  .id = static_cast<std::uint16_t>(random.below(65'536)),
                                  .key_bits = static_cast<std::uint16_t>(random.below(3) * 128)});
    }
    return out;
}

TrafficSelector random_selector(test::SeededRandom& random) {
    const std::size_t size = random.below(2) == 0 ? 4 : 16;
    TrafficSelector out = {IpAddress::from_bytes(random.bytes(size)), IpAddress::from_bytes(random.bytes(size)),
                           static_cast<std::uint8_t>(random.below(256)),
                           static_cast<std::uint16_t>(random.below(65'536)),
                           static_cast<std::uint16_t>(random.below(65'536))};
    if (out.last < out.first) std::swap(out.first, out.last);
    if (out.last_port < out.first_port) std::swap(out.first_port, out.last_port);
    return out;
}

// All that a random chain has, to compare with what was read of it.
struct Written {
    std::vector<Proposal> proposals;
    Buffer nonce;
    std::vector<Notify> notifies;
    Buffer idi;
    Buffer idr;
    Buffer auth;
    std::vector<std::uint32_t> spis;
    std::vector<TrafficSelector> tsi;
    std::vector<std::pair<std::uint16_t, Buffer>> attributes;

    explicit Written(test::SeededRandom& random)
        : nonce(random.bytes(16 + random.below(241))),
          idi(random.bytes(random.below(80))),
          idr(random.bytes(random.below(80))),
          auth(random.bytes(random.below(300))) {
        for (std::uint64_t i = 1 + random.below(8); i > 0; --i) proposals.push_back(random_proposal(random));
        for (std::uint64_t i = random.below(10); i > 0; --i) {
            notifies.push_back({.type = static_cast<NotifyType>(random.below(65'536)),
                                .protocol = static_cast<ProtocolId>(random.below(4)),
                                .spi = random.bytes(random.below(9)),
                                .data = random.bytes(random.below(100))});
        }
        for (std::uint64_t i = 1 + random.below(5); i > 0; --i) {
            spis.push_back(static_cast<std::uint32_t>(random.below(UINT32_MAX)));
        }
        for (std::uint64_t i = 1 + random.below(10); i > 0; --i) tsi.push_back(random_selector(random));
        for (std::uint64_t i = random.below(10); i > 0; --i) {
            attributes.emplace_back(static_cast<std::uint16_t>(random.below(32'768)), random.bytes(random.below(20)));
        }
    }

    [[nodiscard]] Chain chain() const {
        Chain out;
        out.sa(proposals).nonce(nonce).id(PayloadType::kIdi, IdType::kKeyId, idi);
        for (const Notify& notify : notifies) out.notify(notify);
        out.id(PayloadType::kIdr, IdType::kFqdn, idr).auth(AuthMethod::kSharedKeyMic, auth).delete_esp(spis);
        std::vector<ConfigAttribute> views;
        for (const auto& [type, value] : attributes) views.push_back({static_cast<CfgAttribute>(type), value});
        out.ts(PayloadType::kTsi, tsi).cp(CfgType::kSet, views);
        return out;
    }
};

void check_sa(const SaPayload& sa, const std::vector<Proposal>& written) {
    std::vector<Proposal> read;
    for (const ProposalView& view : sa.proposals) {
        read.push_back({.number = view.number,
                        .protocol = view.protocol,
                        .spi = test::copy_of(view.spi),
                        .transforms = {view.transforms.begin(), view.transforms.end()}});
    }
    CHECK(read == written);
}

TEST_CASE("whatever is written is read as it was") {
    test::SeededRandom random(22);
    for (int round = 0; round < 300; ++round) {
        const Written written(random);
        const Chain chain = written.chain();
        REQUIRE(chain.ok());
        const Buffer bytes = write_message(test::request(ExchangeType::kInformational, 1), chain);
        const auto message = read_message(bytes);
        REQUIRE(message.has_value());
        const Payloads& payloads = message->payloads;
        CHECK(payloads.size() == 8 + written.notifies.size());
        check_sa(*payloads.find<SaPayload>(), written.proposals);
        CHECK(test::copy_of(payloads.find<NoncePayload>()->nonce) == written.nonce);
        CHECK(test::copy_of(payloads.find<IdiPayload>()->value) == written.idi);
        CHECK(test::copy_of(payloads.find<IdiPayload>()->body) == id_body(IdType::kKeyId, written.idi));
        CHECK(test::copy_of(payloads.find<IdrPayload>()->value) == written.idr);
        CHECK(test::copy_of(payloads.find<AuthPayload>()->data) == written.auth);

        std::vector<Notify> notifies;
        for (const Payload& payload : payloads) {
            const auto* const found = std::get_if<NotifyPayload>(&payload);
            if (found == nullptr) continue;
            notifies.push_back({found->type, found->protocol, test::copy_of(found->spi), test::copy_of(found->data)});
        }
        CHECK(notifies == written.notifies);
        const auto& selectors = payloads.find<TsiPayload>()->selectors;
        CHECK(std::vector<TrafficSelector>(selectors.begin(), selectors.end()) == written.tsi);
        std::vector<std::pair<std::uint16_t, Buffer>> attributes;
        for (const ConfigAttribute& one : payloads.find<CpPayload>()->attributes) {
            attributes.emplace_back(static_cast<std::uint16_t>(one.type), test::copy_of(one.value));
        }
        CHECK(attributes == written.attributes);
        const auto* const deleted = payloads.find<DeletePayload>();
        REQUIRE(deleted->count() == written.spis.size());
        for (std::size_t i = 0; i < written.spis.size(); ++i) CHECK(deleted->esp_spi(i) == written.spis[i]);

        for (std::size_t size = 1; size < chain.bytes().size(); size += 1 + random.below(40)) {
            CHECK_FALSE(read_payloads(chain.first(), chain.bytes().first(size)).has_value());
        }
    }
}

}  // namespace
}  // namespace warren::ike
