#include "vpnd/ike/reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>

#include "tests/unit/crypto/allocation_count.h"
#include "tests/unit/ike/messages.h"
#include "vpnd/ike/nat_detection.h"

namespace warren::ike {
namespace {

using test::Buffer;
using test::from_hex;

// A chain of one payload, its generic header included.
Buffer one(Bytes body, bool is_critical = false) {
    Buffer out = {0, static_cast<std::uint8_t>(is_critical ? 0x80 : 0), 0, 0};
    out.insert(out.end(), body.begin(), body.end());
    store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    return out;
}

// The only payload of a chain; monostate when it is refused as malformed.
Payload read_one(PayloadType type, Bytes body) {
    const Buffer chain = one(body);
    const auto payloads = read_payloads(type, chain);
    if (!payloads) {
        CHECK(payloads.error() == Flaw{Misfit::kMalformed, type});
        return {};
    }
    REQUIRE(payloads->size() == 1);
    return *payloads->begin();
}
bool is_refused(PayloadType type, Bytes body) {
    return std::holds_alternative<std::monostate>(read_one(type, body));
}
bool is_refused(PayloadType type, std::string_view body) {
    return is_refused(type, from_hex(body));
}

Flaw flaw_of(PayloadType first, Bytes chain) {
    const auto payloads = read_payloads(first, chain);
    REQUIRE_FALSE(payloads.has_value());
    return payloads.error();
}

TEST_CASE("a request that was made elsewhere is read") {
    const Buffer bytes = from_hex(known::kInitRequest);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    CHECK(message->header.spis == IkeSpis{known::kSpiI, 0});
    CHECK(message->payloads.size() == 7);
    CHECK(message->bytes.data() == bytes.data());

    const auto* const sa = message->payloads.find<SaPayload>();
    REQUIRE(sa != nullptr);
    REQUIRE(sa->proposals.size() == 1);
    const ProposalView proposal = *sa->proposals.begin();
    CHECK(proposal.number == 1);
    CHECK(proposal.protocol == ProtocolId::kIke);
    CHECK(proposal.spi.empty());
    const std::vector<Transform> transforms(proposal.transforms.begin(), proposal.transforms.end());
    CHECK(transforms == test::known_ike_proposal().transforms);

    const auto* const ke = message->payloads.find<KePayload>();
    REQUIRE(ke != nullptr);
    CHECK(ke->method == KeyExchangeId::kCurve25519);
    CHECK(ke->public_value.size() == 32);
    const auto* const nonce = message->payloads.find<NoncePayload>();
    REQUIRE(nonce != nullptr);
    CHECK(test::copy_of(nonce->nonce) == test::counting(known::kNonceI, 32));

    const auto* const source = message->payloads.notify(NotifyType::kNatDetectionSourceIp);
    REQUIRE(source != nullptr);
    CHECK(std::ranges::equal(source->data, nat_hash({known::kSpiI, 0}, *parse_ip("192.0.2.1"), 500)));
    const auto* const destination = message->payloads.notify(NotifyType::kNatDetectionDestinationIp);
    REQUIRE(destination != nullptr);
    CHECK(std::ranges::equal(destination->data, nat_hash({known::kSpiI, 0}, *parse_ip("198.51.100.7"), 500)));
    CHECK(message->payloads.notify(NotifyType::kIkev2FragmentationSupported) != nullptr);
    CHECK(message->payloads.notify(NotifyType::kCookie) == nullptr);
    CHECK(message->payloads.error() == nullptr);
    CHECK(message->payloads.find<SkPayload>() == nullptr);
}

TEST_CASE("KP4: a message that is cut is refused at every length, and takes no memory") {
    for (const std::string_view text : {known::kInitRequest, known::kInitResponse, known::kAuthRequest}) {
        Buffer bytes = from_hex(text);
        const std::size_t whole = bytes.size();
        for (std::size_t size = 0; size < whole; ++size) {
            if (size >= kHeaderSize) store_be(bytes.data() + 24, static_cast<std::uint32_t>(size));
            const std::uint64_t before = warren::test::allocations_of_this_thread();
            CHECK_FALSE(read_message(Bytes(bytes).first(size)).has_value());
            CHECK(warren::test::allocations_of_this_thread() == before);
        }
    }
}

TEST_CASE("KP4: what is read takes no memory") {
    const Buffer bytes = from_hex(known::kInitRequest);
    const std::uint64_t before = warren::test::allocations_of_this_thread();
    const auto message = read_message(bytes);
    CHECK(warren::test::allocations_of_this_thread() == before);
    CHECK(message.has_value());
}

TEST_CASE("KP6: an encrypted payload is the last, and covers the message before its IV") {
    const Buffer bytes = from_hex(known::kAuthRequest);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto* const sk = message->payloads.find<SkPayload>();
    REQUIRE(sk != nullptr);
    CHECK(sk->first == PayloadType::kIdi);
    CHECK(sk->associated.data() == bytes.data());
    CHECK(sk->associated.size() == kHeaderSize + kPayloadHeaderSize);
    CHECK(sk->sealed.data() == bytes.data() + kHeaderSize + kPayloadHeaderSize);
    CHECK(sk->associated.size() + sk->sealed.size() == bytes.size());

    Buffer longer = bytes;
    longer.insert(longer.end(), {0, 0, 0, 4});
    store_be(longer.data() + 24, static_cast<std::uint32_t>(longer.size()));
    const auto refused = read_message(longer);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == Flaw{Misfit::kNotLast, PayloadType::kSk});
}

TEST_CASE("KP6: payloads before an encrypted one are read, and covered") {
    Chain chain;
    chain.vendor_id(test::counting(0, 5)).raw(PayloadType::kSk, test::counting(9, 40));
    const Buffer bytes = write_message(test::request(ExchangeType::kInformational, 3), chain);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    CHECK(message->payloads.size() == 2);
    CHECK(message->payloads.find<SkPayload>()->associated.size() == kHeaderSize + 9 + 4);
}

TEST_CASE("KF1: a fragment covers its numbers as well") {
    Chain chain;
    chain.raw(PayloadType::kSkf, from_hex("0002 0003 aabbccdd"));
    const Buffer bytes = write_message(test::request(ExchangeType::kIkeAuth, 1), chain);
    const auto message = read_message(bytes);
    REQUIRE(message.has_value());
    const auto* const skf = message->payloads.find<SkfPayload>();
    REQUIRE(skf != nullptr);
    CHECK(skf->number == 2);
    CHECK(skf->total == 3);
    CHECK(skf->associated.size() == kHeaderSize + kPayloadHeaderSize + 4);
    CHECK(test::to_hex(skf->sealed) == "aabbccdd");

    for (const std::string_view body : {"", "0001", "000100", "0000 0001", "0001 0000", "0003 0002"}) {
        Chain wrong;
        wrong.raw(PayloadType::kSkf, from_hex(body));
        CHECK_FALSE(read_message(write_message(test::request(ExchangeType::kIkeAuth, 1), wrong)).has_value());
    }
}

TEST_CASE("KP6: nothing is encrypted inside of what was encrypted") {
    for (const PayloadType type : {PayloadType::kSk, PayloadType::kSkf}) {
        CHECK(flaw_of(type, one(from_hex("0001000100"))) == Flaw{Misfit::kMalformed, type});
    }
}

TEST_CASE("KP3: an unknown payload is skipped, and refused when it is critical") {
    Chain chain;
    chain.raw(static_cast<PayloadType>(200), test::counting(0, 9)).nonce(test::counting(0, 16));
    const auto payloads = read_payloads(chain.first(), chain.bytes());
    REQUIRE(payloads.has_value());
    CHECK(payloads->size() == 1);
    CHECK(payloads->find<NoncePayload>() != nullptr);

    for (const unsigned type : {1U, 32U, 49U, 52U, 54U, 128U, 255U}) {
        const auto unknown = static_cast<PayloadType>(type);
        CHECK(read_payloads(unknown, one({})).has_value());
        CHECK(flaw_of(unknown, one({}, true)) == Flaw{Misfit::kCritical, unknown});
    }
}

TEST_CASE("KP3: the critical bit of a known payload means nothing, nor do reserved ones") {
    Buffer chain = one(test::counting(0, 16));
    for (const unsigned bits : {0x80U, 0x7fU, 0xffU}) {
        chain[1] = static_cast<std::uint8_t>(bits);
        CHECK(read_payloads(PayloadType::kNonce, chain).has_value());
    }
}

TEST_CASE("KP4: a payload's length stays inside of the message, and holds its header") {
    for (unsigned length = 0; length < 64; ++length) {
        Buffer chain = one(test::counting(0, 16));
        store_be(chain.data() + 2, static_cast<std::uint16_t>(length));
        if (length == chain.size()) continue;
        // What lies behind a payload that is shorter than the chain belongs to none.
        const bool is_inside = length >= kPayloadHeaderSize && length < chain.size();
        const PayloadType concerned = is_inside ? PayloadType::kNone : PayloadType::kVendorId;
        CHECK(flaw_of(PayloadType::kVendorId, chain) == Flaw{Misfit::kPayloadLength, concerned});
    }
    CHECK(flaw_of(PayloadType::kVendorId, {}) == Flaw{Misfit::kPayloadLength, PayloadType::kVendorId});
    CHECK(flaw_of(PayloadType::kNone, from_hex("00")) == Flaw{Misfit::kPayloadLength});
    CHECK(read_payloads(PayloadType::kNone, {}).has_value());
}

TEST_CASE("KP5: what a message has once is refused twice") {
    const std::vector<std::pair<PayloadType, std::string_view>> once = {
        {PayloadType::kSa, "00000008 01010000"},
        {PayloadType::kKe, "00ff0000 01"},
        {PayloadType::kIdi, "02000000 61"},
        {PayloadType::kIdr, "02000000 61"},
        {PayloadType::kAuth, "02000000 61"},
        {PayloadType::kNonce, "000102030405060708090a0b0c0d0e0f"},
        {PayloadType::kTsi, "01000000 07000010 0000ffff 0a000000 0a0000ff"},
        {PayloadType::kTsr, "01000000 07000010 0000ffff 0a000000 0a0000ff"},
        {PayloadType::kCp, "01000000"},
        {PayloadType::kEap, "01010005 01"},
    };
    for (const auto& [type, body] : once) {
        CAPTURE(name_of(type));
        const Buffer bytes = from_hex(body);
        Chain chain;
        chain.raw(type, bytes);
        CHECK(read_payloads(chain.first(), chain.bytes()).has_value());
        chain.raw(PayloadType::kVendorId, {}).raw(type, bytes);
        CHECK(flaw_of(chain.first(), chain.bytes()) == Flaw{Misfit::kRepeated, type});
    }
    for (const PayloadType type : {PayloadType::kNotify, PayloadType::kDelete, PayloadType::kCertreq,
                                   PayloadType::kVendorId, PayloadType::kCert}) {
        Chain chain;
        chain.raw(type, from_hex("01000000")).raw(type, from_hex("01000000"));
        CHECK(read_payloads(chain.first(), chain.bytes()).has_value());
    }
}

TEST_CASE("KP4: there are at most 64 payloads, known or not, and 8 certificates") {
    for (const PayloadType type : {PayloadType::kVendorId, static_cast<PayloadType>(200)}) {
        Chain chain;
        for (std::size_t i = 0; i < kMostPayloads; ++i) chain.raw(type, {});
        CHECK(read_payloads(chain.first(), chain.bytes()).has_value());
        chain.raw(type, {});
        CHECK(flaw_of(chain.first(), chain.bytes()) == Flaw{Misfit::kTooManyPayloads, type});
    }
    Chain chain;
    for (std::size_t i = 0; i < kMostCertificates; ++i) chain.cert(CertEncoding::kX509Signature, test::counting(0, 9));
    CHECK(read_payloads(chain.first(), chain.bytes()).has_value());
    chain.cert(CertEncoding::kX509Signature, test::counting(0, 9));
    CHECK(flaw_of(chain.first(), chain.bytes()) == Flaw{Misfit::kTooManyPayloads, PayloadType::kCert});
}

TEST_CASE("KP4: an SA has proposals, at most 32, and marks the last of them") {
    Proposal proposal = test::known_ike_proposal();
    std::vector<Proposal> proposals(kMostProposals, proposal);
    Chain chain;
    chain.sa(proposals);
    const auto payloads = read_payloads(chain.first(), chain.bytes());
    REQUIRE(payloads.has_value());
    CHECK(payloads->find<SaPayload>()->proposals.size() == kMostProposals);

    proposals.push_back(proposal);
    Chain longer;
    longer.sa(proposals);
    CHECK(flaw_of(longer.first(), longer.bytes()) == Flaw{Misfit::kTooManyPayloads, PayloadType::kSa});

    CHECK(is_refused(PayloadType::kSa, ""));
    for (unsigned mark = 1; mark < 256; ++mark) {
        Buffer body = from_hex("00000008 01010000");
        body[0] = static_cast<std::uint8_t>(mark);
        CHECK(is_refused(PayloadType::kSa, body));
    }
    CHECK(is_refused(PayloadType::kSa, "00000008 01010000 00000008 02010000"));
    CHECK_FALSE(is_refused(PayloadType::kSa, "02000008 01010000 00000008 02010000"));
}

TEST_CASE("KP4: an SA is refused when any length or count in it is wrong") {
    // An SPI of 4, two transforms, the second with a key length.
    Buffer body = from_hex("00000020 01030402 c0000101 03000008 05000000 0000000c 01000014 800e0080");
    REQUIRE_FALSE(is_refused(PayloadType::kSa, body));
    // Last, length, SPI size, number of transforms; of both transforms the mark and the length.
    for (const std::size_t at : {0U, 2U, 3U, 6U, 7U, 12U, 14U, 15U, 20U, 22U, 23U}) {
        const std::uint8_t before = body[at];
        for (unsigned value = 0; value < 256; ++value) {
            if (value == before) continue;
            CAPTURE(at);
            CAPTURE(value);
            body[at] = static_cast<std::uint8_t>(value);
            CHECK(is_refused(PayloadType::kSa, body));
        }
        body[at] = before;
    }
    for (std::size_t size = 0; size < body.size(); ++size) {
        CHECK(is_refused(PayloadType::kSa, Bytes(body).first(size)));
    }
}

TEST_CASE("KN1: attributes of a transform") {
    const auto transform_with = [](std::string_view attributes) {
        const Buffer bytes = from_hex(attributes);
        Buffer body = from_hex("00000000 01010001 00000000 01000014");
        body.insert(body.end(), bytes.begin(), bytes.end());
        store_be(body.data() + 2, static_cast<std::uint16_t>(body.size()));
        store_be(body.data() + 10, static_cast<std::uint16_t>(body.size() - 8));
        return body;
    };
    const auto read = [&](std::string_view attributes) {
        const Buffer body = transform_with(attributes);
        const Payload payload = read_one(PayloadType::kSa, body);
        // read_one's copy is gone; the body has the same bytes.
        REQUIRE(std::holds_alternative<SaPayload>(payload));
        Bytes rest = Bytes(body).subspan(8);
        return Transform::take(rest);
    };
    using enum TransformType;
    CHECK(read("") == Transform{.type = kEncryption, .id = 20});
    CHECK(read("800e0100") == Transform{.type = kEncryption, .id = 20, .key_bits = 256});
    CHECK(read("800e0000").has_unknown_attribute);           // a length of 0 is none
    CHECK(read("800e0080 800e0100").has_unknown_attribute);  // two lengths
    CHECK(read("000e0002 0080").has_unknown_attribute);      // not in the fixed form
    CHECK(read("800e0080 80110001").has_unknown_attribute);  // a type that we do not know
    CHECK(read("800e0080 00110003 aabbcc").key_bits == 128);
    CHECK(is_refused(PayloadType::kSa, transform_with("80")));
    CHECK(is_refused(PayloadType::kSa, transform_with("800e01")));
    CHECK(is_refused(PayloadType::kSa, transform_with("00110003 aabb")));
}

TEST_CASE("KP5: KE has its method's length") {
    for (const Algorithm& one : algorithms()) {
        if (one.type != TransformType::kKeyExchange || one.standing == Standing::kRefused) continue;
        CAPTURE(one.name);
        const std::size_t size = crypto::public_value_size(one.method);
        for (const std::size_t given : {std::size_t{0}, size - 1, size, size + 1}) {
            Buffer body(4 + given, 1);
            store_be(body.data(), one.id);
            CHECK(is_refused(PayloadType::kKe, body) == (given != size));
        }
    }
    CHECK_FALSE(is_refused(PayloadType::kKe, "ffff0000 01"));  // of one that we do not know, anything
    CHECK(is_refused(PayloadType::kKe, "ffff0000"));
    CHECK(is_refused(PayloadType::kKe, "001f00"));
}

TEST_CASE("KP5: a nonce has 16 to 256 bytes") {
    for (const std::size_t size : {0U, 1U, 15U, 16U, 32U, 256U, 257U}) {
        CHECK(is_refused(PayloadType::kNonce, Buffer(size)) == (size < 16 || size > 256));
    }
}

TEST_CASE("identities of addresses have their length") {
    for (const PayloadType type : {PayloadType::kIdi, PayloadType::kIdr}) {
        CHECK_FALSE(is_refused(type, "01000000 0a000001"));
        CHECK(is_refused(type, "01000000 0a0000"));
        CHECK(is_refused(type, "01000000 0a00000101"));
        CHECK_FALSE(is_refused(type, "05000000 20010db8000000000000000000000001"));
        CHECK(is_refused(type, "05000000 0a000001"));
        CHECK(is_refused(type, "020000"));
        CHECK_FALSE(is_refused(type, "0b000000"));
    }
    const Buffer body = from_hex("03000000 6140622e63");
    const Buffer chain = one(body);
    const auto payloads = read_payloads(PayloadType::kIdi, chain);
    REQUIRE(payloads.has_value());
    const auto* const id = payloads->find<IdiPayload>();
    REQUIRE(id != nullptr);
    CHECK(id->type == IdType::kRfc822Addr);
    CHECK(test::copy_of(id->body) == body);
    CHECK(std::ranges::equal(id->value, as_bytes("a@b.c")));
    CHECK(payloads->find<IdrPayload>() == nullptr);
}

TEST_CASE("notifications and deletes add up") {
    CHECK_FALSE(is_refused(PayloadType::kNotify, "03044009 c0000101"));
    CHECK_FALSE(is_refused(PayloadType::kNotify, "00004006 aabb"));
    CHECK(is_refused(PayloadType::kNotify, "03054009 c0000101"));
    CHECK(is_refused(PayloadType::kNotify, "000040"));
    CHECK_FALSE(is_refused(PayloadType::kDelete, "01000000"));
    CHECK_FALSE(is_refused(PayloadType::kDelete, "03040002 c0000101 c0000102"));
    CHECK(is_refused(PayloadType::kDelete, "03040002 c0000101"));
    CHECK(is_refused(PayloadType::kDelete, "03040001 c0000101 c0000102"));
    CHECK(is_refused(PayloadType::kDelete, "03080001 c0000101 c0000102"));
    CHECK(is_refused(PayloadType::kDelete, "01080001 c0000101 c0000102"));
    CHECK(is_refused(PayloadType::kDelete, "030400"));
    const Buffer chain = one(from_hex("03040002 c0000101 c0000102"));
    const auto payloads = read_payloads(PayloadType::kDelete, chain);
    const auto* const found = payloads->find<DeletePayload>();
    REQUIRE(found->count() == 2);
    CHECK(found->esp_spi(0) == 0xc0000101);
    CHECK(found->esp_spi(1) == 0xc0000102);
}

TEST_CASE("traffic selectors") {
    const auto refused = [](std::string_view body) { return is_refused(PayloadType::kTsi, body); };
    CHECK_FALSE(refused("01000000 07110010 00350035 0a000000 0a0000ff"));
    CHECK_FALSE(
        refused("01000000 08000028 0000ffff 20010db8000000000000000000000000"
                "20010db80000000000000000000000ff"));
    CHECK_FALSE(refused("01000000 07110010 ffff0000 0a000000 0a0000ff"));  // OPAQUE
    CHECK(refused("01000000 07110010 00360035 0a000000 0a0000ff"));        // ports that end before they begin
    CHECK(refused("01000000 07110010 00350035 0a000100 0a0000ff"));        // addresses likewise
    CHECK(refused("01000000 08000010 0000ffff 0a000000 0a0000ff"));        // IPv6 of IPv4's length
    CHECK(refused("01000000 07000014 0000ffff 0a000000 0a0000ff 00000000"));
    CHECK(refused("00000000"));
    CHECK(refused("02000000 07110010 00350035 0a000000 0a0000ff"));
    CHECK(refused("01000000 07110010 00350035 0a000000 0a0000ff 07110010 00350035 0a000000 0a0000ff"));
    CHECK(refused("01000000 07110010 00350035 0a000000 0a0000"));
    CHECK(refused("01000000 09000003"));
    CHECK(refused("010000"));
}

TEST_CASE("selectors of unknown types are skipped, and said to be there") {
    const Buffer body = from_hex(
        "04000000 09000008 01020304 07060010 00000050 0a000000 0a0000ff 0900000c 0102030405060708"
        "08000028 0000ffff 20010db8000000000000000000000000 20010db80000000000000000000000ff");
    const Buffer chain = one(body);
    const auto payloads = read_payloads(PayloadType::kTsr, chain);
    REQUIRE(payloads.has_value());
    const auto* const ts = payloads->find<TsrPayload>();
    REQUIRE(ts != nullptr);
    CHECK(ts->has_unknown);
    const std::vector<TrafficSelector> selectors(ts->selectors.begin(), ts->selectors.end());
    REQUIRE(selectors.size() == 2);
    CHECK(selectors[0] == TrafficSelector{*parse_ip("10.0.0.0"), *parse_ip("10.0.0.255"), 6, 0, 80});
    CHECK(selectors[1] == TrafficSelector{*parse_ip("2001:db8::"), *parse_ip("2001:db8::ff"), 0, 0, 65535});

    const Buffer only_unknown = one(from_hex("01000000 09000008 01020304"));
    const auto none = read_payloads(PayloadType::kTsi, only_unknown);
    REQUIRE(none.has_value());
    CHECK(none->find<TsiPayload>()->selectors.empty());
    CHECK(none->find<TsiPayload>()->has_unknown);
}

TEST_CASE("KP4: there are at most 64 selectors") {
    const TrafficSelector any = {*parse_ip("0.0.0.0"), *parse_ip("255.255.255.255")};
    for (const std::size_t count : {kMostSelectors, kMostSelectors + 1}) {
        Chain chain;
        chain.ts(PayloadType::kTsi, std::vector(count, any));
        const auto payloads = read_payloads(chain.first(), chain.bytes());
        REQUIRE(payloads.has_value() == (count == kMostSelectors));
        if (!payloads) CHECK(payloads.error() == Flaw{Misfit::kTooManyPayloads, PayloadType::kTsi});
    }
}

TEST_CASE("configuration attributes") {
    const Buffer chain = one(from_hex("01000000 80010000 00030004 0a000035 00190003 612e62"));
    const auto payloads = read_payloads(PayloadType::kCp, chain);
    REQUIRE(payloads.has_value());
    const auto* const cp = payloads->find<CpPayload>();
    CHECK(cp->type == CfgType::kRequest);
    const std::vector<ConfigAttribute> attributes(cp->attributes.begin(), cp->attributes.end());
    REQUIRE(attributes.size() == 3);
    CHECK(attributes[0].type == CfgAttribute::kInternalIp4Address);  // the reserved bit means nothing
    CHECK(attributes[0].value.empty());
    CHECK(test::to_hex(attributes[1].value) == "0a000035");
    CHECK(attributes[2].type == CfgAttribute::kInternalDnsDomain);
    CHECK(is_refused(PayloadType::kCp, "010000"));
    CHECK(is_refused(PayloadType::kCp, "01000000 0001"));
    CHECK(is_refused(PayloadType::kCp, "01000000 00010004 0a0000"));
}

TEST_CASE("EAP's length is its payload's") {
    CHECK_FALSE(is_refused(PayloadType::kEap, "03010004"));
    CHECK_FALSE(is_refused(PayloadType::kEap, "01010005 01"));
    for (const std::string_view body : {"", "030100", "03010003", "03010005", "01010004 01"}) {
        CHECK(is_refused(PayloadType::kEap, body));
    }
}

TEST_CASE("short certificates and AUTH are refused") {
    CHECK(is_refused(PayloadType::kCert, ""));
    CHECK(is_refused(PayloadType::kCertreq, ""));
    CHECK_FALSE(is_refused(PayloadType::kCertreq, "04"));
    CHECK(is_refused(PayloadType::kAuth, "020000"));
}

TEST_CASE("KP4: random bytes never make the reader read beyond them") {
    test::SeededRandom random(21);
    const Buffer known = from_hex(known::kInitRequest);
    std::size_t taken = 0;
    for (int i = 0; i < 20'000; ++i) {
        Buffer bytes = known;
        for (std::uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
            bytes[kHeaderSize + random.below(bytes.size() - kHeaderSize)] = random.bytes(1)[0];
        }
        // A copy of the exact size, so that the address sanitizer sees a byte too far.
        const std::unique_ptr<std::uint8_t[]> exact(new std::uint8_t[bytes.size()]);
        std::ranges::copy(bytes, exact.get());
        const auto message = read_message({exact.get(), bytes.size()});
        taken += message ? 1U : 0U;
        if (!message || message->payloads.find<SaPayload>() == nullptr) continue;
        for (const ProposalView& proposal : message->payloads.find<SaPayload>()->proposals) {
            for (const Transform& transform : proposal.transforms) (void)find_algorithm(transform);
        }
    }
    CHECK(taken > 1000);
    CHECK(taken < 19'000);
}

}  // namespace
}  // namespace warren::ike
