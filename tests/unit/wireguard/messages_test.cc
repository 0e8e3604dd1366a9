#include "vpnd/wireguard/messages.h"

#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

TEST_CASE("H1: a message of one type has one length") {
    for (std::uint32_t type = 0; type <= 5; ++type) {
        for (std::size_t size = 0; size <= 200; ++size) {
            std::vector<std::uint8_t> datagram(size);
            if (size > 0) datagram[0] = static_cast<std::uint8_t>(type);
            const bool right = (type == 1 && size == 148) || (type == 2 && size == 92) || (type == 3 && size == 64);
            CHECK((classify(datagram).misfit == Misfit::kNone) == right);
            CHECK(parse_initiation(datagram).has_value() == (type == 1 && right));
            CHECK(parse_response(datagram).has_value() == (type == 2 && right));
            CHECK(parse_cookie_reply(datagram).has_value() == (type == 3 && right));
        }
    }
}

TEST_CASE("H1: the three reserved bytes are zero") {
    for (std::size_t bit = 8; bit < 32; ++bit) {
        std::vector<std::uint8_t> datagram(148);
        datagram[0] = 1;
        datagram[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
        CHECK(classify(datagram).misfit == Misfit::kType);
    }
}

TEST_CASE("A formatted message can be parsed") {
    SeededRandom random(3);
    Initiation initiation;
    initiation.sender = 0x01020304;
    random.fill(initiation.ephemeral);
    random.fill(initiation.sealed_static);
    random.fill(initiation.sealed_timestamp);
    std::array<std::uint8_t, kInitiationSize> bytes{};
    random.fill(bytes);
    format(initiation, bytes);
    const auto parsed = parse_initiation(bytes);
    REQUIRE(parsed.has_value());
    CHECK(parsed->sender == initiation.sender);
    CHECK(parsed->ephemeral == initiation.ephemeral);
    CHECK(parsed->sealed_static == initiation.sealed_static);
    CHECK(parsed->sealed_timestamp == initiation.sealed_timestamp);
    CHECK(bytes[4] == 4);  // little-endian

    Response response{5, 6, initiation.ephemeral, {}};
    random.fill(response.sealed_nothing);
    std::array<std::uint8_t, kResponseSize> response_bytes{};
    format(response, response_bytes);
    const auto parsed_response = parse_response(response_bytes);
    REQUIRE(parsed_response.has_value());
    CHECK(parsed_response->sender == 5);
    CHECK(parsed_response->receiver == 6);
    CHECK(parsed_response->sealed_nothing == response.sealed_nothing);

    CookieReply reply;
    reply.receiver = 7;
    random.fill(reply.nonce);
    random.fill(reply.sealed_cookie);
    std::array<std::uint8_t, kCookieReplySize> reply_bytes{};
    format(reply, reply_bytes);
    const auto parsed_reply = parse_cookie_reply(reply_bytes);
    REQUIRE(parsed_reply.has_value());
    CHECK(parsed_reply->receiver == 7);
    CHECK(parsed_reply->nonce == reply.nonce);
    CHECK(parsed_reply->sealed_cookie == reply.sealed_cookie);
}

TEST_CASE("C9: a cookie reply is shorter than the message that it answers") {
    static_assert(kCookieReplySize * 100 <= kResponseSize * 70);
    static_assert(kCookieReplySize * 100 <= kInitiationSize * 70);
    CHECK(kMaxHandshakeSize == kInitiationSize);
}

}  // namespace
}  // namespace warren::wireguard
