#include "vpnd/ike/header.h"

#include <doctest/doctest.h>

#include "tests/unit/ike/messages.h"

namespace warren::ike {
namespace {

using test::Buffer;

constexpr std::size_t kSpiR = 8;
constexpr std::size_t kVersion = 17;
constexpr std::size_t kExchange = 18;
constexpr std::size_t kFlags = 19;
constexpr std::size_t kMessageId = 20;
constexpr std::size_t kLength = 24;

// IKE_SA_INIT's request: a header and nothing.
Buffer init_request() {
    return test::from_hex("0102030405060708 0000000000000000 00 20 22 08 00000000 0000001c");
}
// INFORMATIONAL's request from the initiator.
Buffer informational() {
    return test::from_hex("0102030405060708 1112131415161718 2e 20 25 08 00000007 0000001c");
}

Misfit misfit_of(Bytes bytes) {
    const auto header = read_header(bytes);
    REQUIRE_FALSE(header.has_value());
    CHECK(header.error().payload == PayloadType::kNone);
    return header.error().misfit;
}

TEST_CASE("KP2: every field is read and written where it is") {
    const auto header = read_header(informational());
    REQUIRE(header.has_value());
    CHECK(header->spis == IkeSpis{0x0102030405060708, 0x1112131415161718});
    CHECK(header->next_payload == PayloadType::kSk);
    CHECK(header->exchange == ExchangeType::kInformational);
    CHECK(header->is_initiator);
    CHECK_FALSE(header->is_response);
    CHECK(header->message_id == 7);
    CHECK(header->length == kHeaderSize);
    Buffer out(kHeaderSize, 0xff);
    write_header(*header, MutableBytes(out).first<kHeaderSize>());
    CHECK(out == informational());
    CHECK(header_fields(Bytes(out).first<kHeaderSize>()) == *header);
}

TEST_CASE("KP2: reserved flags and the minor version mean nothing, and are not sent") {
    for (const unsigned reserved : {0x01U, 0x02U, 0x04U, 0x10U, 0x40U, 0x80U}) {
        Buffer bytes = informational();
        bytes[kFlags] |= static_cast<std::uint8_t>(reserved);
        bytes[kVersion] = 0x2f;
        const auto header = read_header(bytes);
        REQUIRE(header.has_value());
        CHECK(header->minor_version == 15);
        Buffer out(kHeaderSize);
        write_header(*header, MutableBytes(out).first<kHeaderSize>());
        CHECK(out == informational());
    }
}

TEST_CASE("KP2: a message shorter than a header is refused, at every length") {
    const Buffer bytes = informational();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        CHECK(misfit_of(Bytes(bytes).first(size)) == Misfit::kShort);
    }
}

TEST_CASE("KP2: other versions are told apart by every value of the field") {
    for (unsigned version = 0; version < 256; ++version) {
        Buffer bytes = informational();
        bytes[kVersion] = static_cast<std::uint8_t>(version);
        if (version >> 4U == 2) {
            CHECK(read_header(bytes).has_value());
        } else {
            CHECK(misfit_of(bytes) == (version < 0x20 ? Misfit::kIkev1 : Misfit::kMajorVersion));
        }
    }
}

TEST_CASE("KP2: the length is the datagram's, in every bit") {
    for (unsigned bit = 0; bit < 32; ++bit) {
        Buffer bytes = informational();
        bytes[kLength + bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        CHECK(misfit_of(bytes) == Misfit::kLength);
    }
    Buffer longer = informational();
    longer.push_back(0);
    CHECK(misfit_of(longer) == Misfit::kLength);
}

TEST_CASE("KP4: a message that is too long is refused") {
    Buffer bytes = informational();
    bytes.resize(kMostMessage);
    store_be(bytes.data() + kLength, static_cast<std::uint32_t>(bytes.size()));
    CHECK(read_header(bytes).has_value());
    bytes.push_back(0);
    store_be(bytes.data() + kLength, static_cast<std::uint32_t>(bytes.size()));
    CHECK(misfit_of(bytes) == Misfit::kTooLong);
}

TEST_CASE("KP2: an initiator's SPI of zero is refused") {
    for (Buffer bytes : {init_request(), informational()}) {
        std::fill_n(bytes.begin(), 8, std::uint8_t{0});
        CHECK(misfit_of(bytes) == Misfit::kSpi);
    }
}

TEST_CASE("KP2: the responder's SPI is zero in IKE_SA_INIT's request, may be in its response, and nowhere else") {
    CHECK(read_header(init_request()).has_value());
    Buffer bytes = init_request();
    bytes[kSpiR + 7] = 1;
    CHECK(misfit_of(bytes) == Misfit::kSpi);
    bytes[kFlags] = 0x20;
    CHECK(read_header(bytes).has_value());
    bytes[kSpiR + 7] = 0;
    CHECK(read_header(bytes).has_value());
    for (const unsigned exchange : {0U, 33U, 35U, 36U, 37U, 43U, 44U, 255U}) {
        bytes[kExchange] = static_cast<std::uint8_t>(exchange);
        CHECK(misfit_of(bytes) == Misfit::kSpi);
    }
}

TEST_CASE("KP2: IKE_SA_INIT has message ID 0 and the flags of its role") {
    for (const unsigned flags : {0x00U, 0x28U}) {
        Buffer bytes = init_request();
        bytes[kFlags] = static_cast<std::uint8_t>(flags);
        CHECK(misfit_of(bytes) == Misfit::kFlags);
    }
    Buffer bytes = init_request();
    bytes[kMessageId + 3] = 1;
    CHECK(misfit_of(bytes) == Misfit::kFlags);
}

TEST_CASE("what may be answered has a notification, the rest has none") {
    CHECK(notify_for({Misfit::kMajorVersion}) == NotifyType::kInvalidMajorVersion);
    CHECK(notify_for({Misfit::kCritical, static_cast<PayloadType>(200)}) == NotifyType::kUnsupportedCriticalPayload);
    CHECK(notify_for({Misfit::kMalformed}) == NotifyType::kInvalidSyntax);
    CHECK(notify_for({Misfit::kPadding}) == NotifyType::kInvalidSyntax);
    for (const Misfit misfit : {Misfit::kShort, Misfit::kLength, Misfit::kTooLong, Misfit::kIkev1, Misfit::kSpi,
                                Misfit::kFlags, Misfit::kNotAuthentic}) {
        CHECK_FALSE(notify_for({misfit}).has_value());
    }
    for (int i = 0; i <= static_cast<int>(Misfit::kPadding); ++i) CHECK_FALSE(text_of(static_cast<Misfit>(i)).empty());
}

TEST_CASE("numbers have the RFCs' names") {
    CHECK(name_of(ExchangeType::kIkeSaInit) == "IKE_SA_INIT");
    CHECK(name_of(static_cast<ExchangeType>(99)) == "99");
    CHECK(name_of(PayloadType::kTsi) == "TSi");
    CHECK(name_of(NotifyType::kNoProposalChosen) == "NO_PROPOSAL_CHOSEN");
    CHECK(name_of(static_cast<NotifyType>(40960)) == "40960");
    CHECK(name_of(AuthMethod::kDigitalSignature) == "digital signature");
}

}  // namespace
}  // namespace warren::ike
