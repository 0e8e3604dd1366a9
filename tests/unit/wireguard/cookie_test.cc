#include "vpnd/wireguard/cookie.h"

#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;
using test::array_from_hex;

// Expected bytes come from a second implementation, in Python with hashlib's BLAKE2s and libsodium's
// XChaCha20-Poly1305.
crypto::PublicKey responder_key() {
    return {array_from_hex<32>("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b")};
}

// Randomness that counts upwards, like the second implementation's.
class Counting final : public crypto::RandomSource {
  public:
    explicit Counting(std::uint8_t first) : next_(first) {}
    void fill(MutableBytes out) override {
        for (std::uint8_t& byte : out) byte = next_++;
    }
    void restart(std::uint8_t first) { next_ = first; }

  private:
    std::uint8_t next_;
};

TEST_CASE("H2, C5: the keys of mac1 and of cookie replies have known answers") {
    CHECK(mac1_key_of(responder_key()) ==
          array_from_hex<32>("5c5cbbfd0c782a2539047315dc2b629f825570bc6a8686d245dd060463b85e1b"));
    CHECK(cookie_key_of(responder_key()) ==
          array_from_hex<32>("17728e626505a9a7054fda9a980a5209fb72714de5d9e476848ec7214cc83713"));
}

TEST_CASE("C4, C5: a cookie reply has a known answer") {
    Counting random(145);  // 32 bytes for the secret before, then the secret is 177, 178, ...
    CookieChecker checker(responder_key(), random);
    std::array<std::uint8_t, kInitiationSize> initiation{};
    // The reply depends only on mac1.
    const auto mac1 = array_from_hex<16>("4a4160654d258c7f47a10910568731ab");
    std::copy(mac1.begin(), mac1.end(), initiation.begin() + 116);
    const Endpoint from{IpAddress::v4(198, 51, 100, 77), 51820, 0};
    CHECK_FALSE(checker.is_mac2_valid({0}, initiation, from));  // makes the secrets
    random.restart(209);                                        // the nonce
    std::array<std::uint8_t, kCookieReplySize> bytes{};
    format(checker.create_reply({0}, initiation, from, 0x01020304), bytes);
    CHECK(bytes == array_from_hex<64>("0300000004030201d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8"
                                      "135a8988d080b2520d7b0c44538968b025ad875f8a83facbbaadbf26ff4fd55b"));
    put_mac2(initiation, array_from_hex<16>("5a1c995dfd5950aed5091d8be17fd5cc"));
    CHECK(checker.is_mac2_valid({0}, initiation, from));
}

struct Asking {
    SeededRandom random{5};
    crypto::PublicKey hub{generate_key_pair(random).public_key};
    CookieChecker checker{hub, random};
    MacWriter macs;
    Endpoint from = endpoint_at(1);

    std::array<std::uint8_t, kInitiationSize> sign(Instant now) {
        std::array<std::uint8_t, kInitiationSize> message{1};
        random.fill(MutableBytes(message).subspan(4, 112));
        macs.sign(now, message, hub);
        return message;
    }
    CookieVerdict ask(Instant now) {
        const auto message = sign(now);
        return macs.consume(now, checker.create_reply(now, message, from, 1), hub);
    }
    bool is_welcome(Instant now) { return checker.is_mac2_valid(now, sign(now), from); }
};

constexpr Instant after(std::int64_t seconds) {
    return {1'000'000'000'000 + seconds * 1'000'000'000};
}

TEST_CASE("C4: a cookie is valid until the peer stops using it, with a secret of any age") {
    for (const int age : {0, 1, 60, 119}) {  // of the secret when the cookie was given
        Asking asking;
        CHECK_FALSE(asking.is_welcome(after(0)));  // makes the secret
        REQUIRE(asking.ask(after(age)) == CookieVerdict::kAccepted);
        for (const int later : {0, 1, 5, 60, 114}) CHECK(asking.is_welcome(after(age + later)));
        CHECK_FALSE(asking.is_welcome(after(age + 115)));  // the peer no longer sends mac2
    }
}

TEST_CASE("C4: the secret is new every 120 s, and the one before last is forgotten") {
    Asking asking;
    (void)asking.is_welcome(after(0));
    const auto message = asking.sign(after(0));
    const CookieReply reply = asking.checker.create_reply(after(0), message, asking.from, 1);
    Cookie cookie{};
    REQUIRE(crypto::xaead_open(cookie_key_of(asking.hub), reply.nonce, mac1_of(message), reply.sealed_cookie, cookie));
    auto again = message;
    put_mac2(again, cookie);
    CHECK(asking.checker.is_mac2_valid(after(119), again, asking.from));
    CHECK(asking.checker.is_mac2_valid(after(120), again, asking.from));
    const CookieReply second = asking.checker.create_reply(after(121), message, asking.from, 1);
    Cookie newer{};
    REQUIRE(crypto::xaead_open(cookie_key_of(asking.hub), second.nonce, mac1_of(message), second.sealed_cookie, newer));
    CHECK(newer != cookie);
    CHECK_FALSE(asking.checker.is_mac2_valid(after(241), again, asking.from));
}

TEST_CASE("C4: after a long silence no old secret is valid") {
    Asking asking;
    (void)asking.is_welcome(after(0));
    auto message = asking.sign(after(0));
    const CookieReply reply = asking.checker.create_reply(after(0), message, asking.from, 1);
    Cookie cookie{};
    REQUIRE(crypto::xaead_open(cookie_key_of(asking.hub), reply.nonce, mac1_of(message), reply.sealed_cookie, cookie));
    put_mac2(message, cookie);
    CHECK_FALSE(asking.checker.is_mac2_valid(after(1000), message, asking.from));
    // Before the first secret, a mac2 under a secret of zeros is not valid either.
    CookieChecker fresh(asking.hub, asking.random);
    const std::array<std::uint8_t, 2> port{0xca, 0x6c};
    put_mac2(message, crypto::blake2s_mac(std::array<std::uint8_t, 32>{}, {asking.from.address.bytes(), port}));
    CHECK_FALSE(fresh.is_mac2_valid(after(0), message, asking.from));
}

TEST_CASE("C4: a cookie of a link-local address is for one device") {
    Asking asking;
    asking.from = *parse_endpoint("[fe80::7%3]:51820");
    REQUIRE(asking.ask(after(0)) == CookieVerdict::kAccepted);
    const auto message = asking.sign(after(1));
    CHECK(asking.checker.is_mac2_valid(after(1), message, asking.from));
    CHECK_FALSE(asking.checker.is_mac2_valid(after(1), message, *parse_endpoint("[fe80::7%4]:51820")));
    CHECK_FALSE(asking.checker.is_mac2_valid(after(1), message, *parse_endpoint("[fe80::7]:51820")));
}

TEST_CASE("C6: a cookie is accepted once per message sent, and never without one") {
    Asking asking;
    const CookieReply unasked = asking.checker.create_reply(after(0), std::array<std::uint8_t, 148>{}, asking.from, 1);
    CHECK(asking.macs.consume(after(0), unasked, asking.hub) == CookieVerdict::kUnexpected);
    const auto message = asking.sign(after(0));
    const CookieReply reply = asking.checker.create_reply(after(0), message, asking.from, 1);
    CHECK(asking.macs.consume(after(0), reply, asking.hub) == CookieVerdict::kAccepted);
    CHECK(asking.macs.consume(after(0), reply, asking.hub) == CookieVerdict::kUnexpected);
}

TEST_CASE("H2: a flipped bit anywhere before mac2 makes mac1 wrong") {
    Asking asking;
    const auto good = asking.sign(after(0));
    REQUIRE(asking.checker.is_mac1_valid(good));
    for (std::size_t bit = 0; bit < 8 * 132; ++bit) {
        auto bad = good;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        CHECK_FALSE(asking.checker.is_mac1_valid(bad));
    }
}

}  // namespace
}  // namespace warren::wireguard
