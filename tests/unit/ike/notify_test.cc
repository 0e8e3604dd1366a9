#include "vpnd/ike/notify.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/ike/messages.h"
#include "vpnd/ike/cookie.h"
#include "vpnd/ike/nat_detection.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {
namespace {

using test::Buffer;
using test::from_hex;

// As the peer reads it: the views are of `notify`.
NotifyPayload read(const Notify& notify) {
    return {notify.protocol, notify.type, notify.spi, notify.data};
}

TEST_CASE("what is built is read") {
    CHECK(wanted_method(read(invalid_ke_payload(KeyExchangeId::kModp3072))) == KeyExchangeId::kModp3072);
    CHECK(esp_spi_of(read(rekey_sa(0xc0000101))) == 0xc0000101);
    CHECK(esp_spi_of(read(child_sa_not_found(0xc0000101))) == 0xc0000101);
    CHECK(invalid_spi_of(read(invalid_spi(0xc0000101))) == 0xc0000101);
    CHECK_FALSE(esp_spi_of(read(invalid_spi(0xc0000101))).has_value());
    CHECK(auth_lifetime_of(read(auth_lifetime(std::chrono::seconds(3600)))) == std::chrono::seconds(3600));
    for (const std::string_view text : {"192.0.2.1", "2001:db8::1"}) {
        CHECK(additional_address_of(read(additional_address(*parse_ip(text)))) == *parse_ip(text));
    }
    const Notify ppk = ppk_identity(as_bytes("branch"));
    CHECK(test::to_hex(ppk.data) ==
          "02"
          "6272616e6368");
    CHECK(test::to_hex(*ppk_identity_of(read(ppk))) == "6272616e6368");
}

TEST_CASE("hash algorithms: those that we know, of any list") {
    const std::array ours = {HashAlgorithmId::kSha2_256, HashAlgorithmId::kIdentity};
    CHECK(hashes_of(read(signature_hash_algorithms(ours))) == ((1U << 2U) | (1U << 5U)));
    Notify notify = notify_of(NotifyType::kSignatureHashAlgorithms, from_hex("0000 0001 0006 0020 ffff 0004 0004"));
    CHECK(hashes_of(read(notify)) == ((1U << 1U) | (1U << 4U)));
    notify.data.pop_back();
    CHECK_FALSE(hashes_of(read(notify)).has_value());
    notify.data.clear();
    CHECK(hashes_of(read(notify)) == 0);
}

TEST_CASE("data of another length is nothing") {
    for (std::size_t size = 0; size <= 80; ++size) {
        CAPTURE(size);
        const Buffer data(size, 2);
        const auto with = [&](NotifyType type) { return NotifyPayload{ProtocolId::kNone, type, {}, data}; };
        CHECK(wanted_method(with(NotifyType::kInvalidKePayload)).has_value() == (size == 2));
        CHECK(invalid_spi_of(with(NotifyType::kInvalidSpi)).has_value() == (size == 4));
        CHECK(cookie_of(with(NotifyType::kCookie)).has_value() == (size >= 1 && size <= 64));
        CHECK(cookie_of(with(NotifyType::kCookie2)).has_value() == (size >= 8 && size <= 64));
        CHECK(nat_hash_of(with(NotifyType::kNatDetectionSourceIp)).has_value() == (size == 20));
        CHECK(additional_address_of(with(NotifyType::kAdditionalIp4Address)).has_value() == (size == 4));
        CHECK(additional_address_of(with(NotifyType::kAdditionalIp6Address)).has_value() == (size == 16));
        CHECK(auth_lifetime_of(with(NotifyType::kAuthLifetime)).has_value() == (size == 4));
        CHECK(ppk_identity_of(with(NotifyType::kPpkIdentity)).has_value() == (size >= 2));
        const NotifyPayload rekey = {ProtocolId::kEsp, NotifyType::kRekeySa, data, {}};
        CHECK(esp_spi_of(rekey).has_value() == (size == 4));
    }
    const Buffer opaque = from_hex("01616263");  // PPK_ID_OPAQUE
    CHECK_FALSE(ppk_identity_of({ProtocolId::kNone, NotifyType::kPpkIdentity, {}, opaque}).has_value());
}

TEST_CASE("what is said about a flaw") {
    const auto unknown = static_cast<PayloadType>(200);
    CHECK(notify_about({Misfit::kCritical, unknown}) ==
          notify_of(NotifyType::kUnsupportedCriticalPayload, Buffer{200}));
    CHECK(notify_about({Misfit::kMalformed, PayloadType::kSa}) == notify_of(NotifyType::kInvalidSyntax));
    CHECK(notify_about({Misfit::kMajorVersion}) == notify_of(NotifyType::kInvalidMajorVersion));
}

TEST_CASE("errors are told from what is said besides") {
    CHECK(is_error(NotifyType::kStateNotFound));
    CHECK(is_error(static_cast<NotifyType>(16383)));
    CHECK_FALSE(is_error(NotifyType::kInitialContact));
    Chain chain;
    chain.notify(notify_of(NotifyType::kInitialContact)).notify(notify_of(NotifyType::kTsUnacceptable));
    const auto payloads = read_payloads(chain.first(), chain.bytes());
    REQUIRE(payloads->error() != nullptr);
    CHECK(payloads->error()->type == NotifyType::kTsUnacceptable);
}

TEST_CASE("KM1: the NAT detection hash covers SPIs, address and port") {
    const IkeSpis spis = {1, 2};
    const IpAddress address = *parse_ip("192.0.2.1");
    const NatHash hash = nat_hash(spis, address, 500);
    // SHA-1 of 0000000000000001 0000000000000002 c0000201 01f4
    CHECK(test::to_hex(hash) == "e551650fd0b1c24a937f8f251b195b30fec944e4");
    CHECK(nat_hash({3, 2}, address, 500) != hash);
    CHECK(nat_hash({1, 3}, address, 500) != hash);
    CHECK(nat_hash(spis, *parse_ip("192.0.2.2"), 500) != hash);
    CHECK(nat_hash(spis, address, 501) != hash);
    CHECK(nat_hash(spis, *parse_ip("2001:db8::1"), 500) != hash);
}

// --- cookies -----------------------------------------------------------------------------------

struct Jar {
    test::SeededRandom random{31};
    CookieSecrets secrets{random};
    Instant now{1'000'000'000'000};
    Buffer nonce = test::counting(0, 32);
    Endpoint from = *parse_endpoint("192.0.2.1:500");
    std::uint64_t spi = 0x0102030405060708;

    Cookie make() { return secrets.make(now, nonce, from, spi); }
    bool is_valid(Bytes cookie) { return secrets.is_valid(now, cookie, nonce, from, spi); }
};

TEST_CASE("KD2: a cookie is good for the request that it was made for") {
    Jar jar;
    const Cookie cookie = jar.make();
    CHECK(jar.is_valid(cookie));
    CHECK(jar.make() == cookie);
    for (std::size_t bit = 0; bit < 8 * cookie.size(); ++bit) {
        Cookie wrong = cookie;
        wrong[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        CHECK_FALSE(jar.is_valid(wrong));
    }
    for (std::size_t size = 0; size < cookie.size(); ++size) CHECK_FALSE(jar.is_valid(Bytes(cookie).first(size)));
    Buffer longer(cookie.begin(), cookie.end());
    longer.push_back(0);
    CHECK_FALSE(jar.is_valid(longer));
}

TEST_CASE("KD2: a cookie is good for no other nonce, address, port or SPI") {
    Jar jar;
    const Cookie cookie = jar.make();
    const auto is_other = [&](auto change) {
        const Jar before{};
        change();
        const bool is_refused = !jar.is_valid(cookie);
        jar.nonce = before.nonce;
        jar.from = before.from;
        jar.spi = before.spi;
        return is_refused;
    };
    CHECK(is_other([&] { jar.nonce[31] ^= 1; }));
    CHECK(is_other([&] { jar.nonce.pop_back(); }));
    CHECK(is_other([&] { jar.from.port = 501; }));
    CHECK(is_other([&] { jar.from.address = *parse_ip("192.0.2.2"); }));
    CHECK(is_other([&] { jar.from.scope_id = 1; }));
    CHECK(is_other([&] { jar.spi ^= 1; }));
    CHECK(jar.is_valid(cookie));
}

TEST_CASE("KD2: a cookie for an IPv6 address is none for the IPv4 address that ends it") {
    Jar jar;
    jar.nonce = test::counting(0, 16);
    jar.from = *parse_endpoint("[2001:db8::c000:201]:500");
    const Cookie cookie = jar.make();
    // Nonce and address one behind the other are the same bytes.
    const Bytes front = jar.from.address.bytes().first(12);
    jar.nonce.insert(jar.nonce.end(), front.begin(), front.end());
    jar.from = *parse_endpoint("192.0.2.1:500");
    CHECK_FALSE(jar.is_valid(cookie));
}

TEST_CASE("KD2: a cookie is good for the life of its secret and of the next, and not longer") {
    Jar jar;
    const Cookie cookie = jar.make();
    const Instant made = jar.now;
    jar.now = made + kCookieSecretLife - Duration(1);
    CHECK(jar.make() == cookie);
    jar.now = made + kCookieSecretLife;
    CHECK(jar.make() != cookie);
    CHECK(jar.is_valid(cookie));
    jar.now = made + 2 * kCookieSecretLife - Duration(1);
    CHECK(jar.is_valid(cookie));
    jar.now = made + 2 * kCookieSecretLife;
    CHECK_FALSE(jar.is_valid(cookie));
}

TEST_CASE("KD2: a cookie of long ago is not good though nobody asked meanwhile, however often the version went round") {
    Jar jar;
    const Cookie cookie = jar.make();
    jar.now = jar.now + 3 * kCookieSecretLife;
    CHECK_FALSE(jar.is_valid(cookie));
    for (int i = 0; i < 300; ++i) {
        jar.now = jar.now + kCookieSecretLife;
        CHECK_FALSE(jar.is_valid(cookie));
    }
}

}  // namespace
}  // namespace warren::ike
