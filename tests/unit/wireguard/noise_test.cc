#include "vpnd/wireguard/noise.h"

#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

// Keys that count upwards. The expected bytes below were computed by a second implementation, in Python with hashlib's
// BLAKE2s.
template <typename Key>
Key counting(std::uint8_t first) {
    Key key;
    for (std::uint8_t& byte : key.secret.writable()) byte = first++;
    return key;
}
crypto::KeyPair counting_pair(std::uint8_t first) {
    return crypto::key_pair_of(counting<crypto::PrivateKey>(first));
}

struct Parties {
    crypto::KeyPair initiator = counting_pair(1);
    crypto::KeyPair responder = counting_pair(33);
    crypto::KeyPair initiator_ephemeral = counting_pair(65);
    crypto::KeyPair responder_ephemeral = counting_pair(97);
    crypto::PresharedKey preshared_key = counting<crypto::PresharedKey>(129);
    Tai64n timestamp{test::array_from_hex<12>("400000005f5e100a12000000")};
    crypto::Secret<32> static_static = std::move(*crypto::x25519(initiator.private_key, responder.public_key));
    SymmetricState initiator_state{as_bytes(kIdentifier)};
    SymmetricState responder_state{as_bytes(kIdentifier)};

    Initiation first() {
        Initiation message;
        message.sender = 0x01020304;
        REQUIRE(create_first_message(initiator_state, initiator, initiator_ephemeral, responder.public_key,
                                     static_static, timestamp.bytes, message.ephemeral, message.sealed_static,
                                     message.sealed_timestamp));
        return message;
    }
    void consume_first(const Initiation& message) {
        const auto static_key =
            consume_first_message_static(responder_state, responder, {message.ephemeral}, message.sealed_static);
        REQUIRE(static_key == initiator.public_key);
        Tai64n got;
        REQUIRE(consume_first_message_payload(responder_state, static_static, message.sealed_timestamp, got.bytes));
        REQUIRE(got == timestamp);
    }
    Response second(const Initiation& first_message) {
        Response message;
        message.sender = 0x0a0b0c0d;
        message.receiver = first_message.sender;
        REQUIRE(create_second_message(responder_state, responder_ephemeral, {first_message.ephemeral},
                                      initiator.public_key, preshared_key, {}, message.ephemeral,
                                      message.sealed_nothing));
        return message;
    }
};

TEST_CASE("H10: both handshake messages and both session keys have known answers") {
    Parties parties;
    const Initiation first = parties.first();
    std::array<std::uint8_t, kInitiationSize> bytes{};
    format(first, bytes);
    testing::fix_mac1(bytes, parties.responder.public_key);
    testing::put_mac2(bytes, test::array_from_hex<16>("a1a2a3a4a5a6a7a8a9aaabacadaeafb0"));
    CHECK(bytes == test::array_from_hex<kInitiationSize>(
                       "010000000403020164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466158a0e4ca242d15"
                       "1ca97ab90159a98b67e"
                       "616625e68b4065d357376b6598e644ad7d678c0295d22de4cb43d5135581ed36346bfa46f9cb123339f893c5938919e"
                       "35a4efb87b0502b3851"
                       "29df4a4160654d258c7f47a10910568731abd9e8e84ca20aa13764d76fd18fef4729"));

    parties.consume_first(first);
    const Response second = parties.second(first);
    std::array<std::uint8_t, kResponseSize> response{};
    format(second, response);
    testing::fix_mac1(response, parties.initiator.public_key);
    CHECK(response ==
          test::array_from_hex<kResponseSize>(
              "020000000d0c0b0a04030201244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49e4c0"
              "2d3979007ba89b4d57e622b64ed0a8b8af91dfbf7f6996efc4de0ee5778500000000000000000000000000000000"));

    REQUIRE(consume_second_message(parties.initiator_state, parties.initiator, parties.initiator_ephemeral.private_key,
                                   {second.ephemeral}, parties.preshared_key, second.sealed_nothing, {}));
    const auto hash = test::array_from_hex<32>("af0912049b4286c1f272bf661cdbf975834a23a17dbc08f8d09aa14de7bbf7ea");
    CHECK(parties.initiator_state.handshake_hash() == hash);
    CHECK(parties.responder_state.handshake_hash() == hash);
    for (SymmetricState* state : {&parties.initiator_state, &parties.responder_state}) {
        const auto keys = state->split();
        CHECK(keys.initiator_sends.secret.equals(crypto::Secret<32>(
            test::array_from_hex<32>("248a29611829aaf7ee8bc8e87df805c1019f08f82d80eb79b7625821ba0a1317"))));
        CHECK(keys.responder_sends.secret.equals(crypto::Secret<32>(
            test::array_from_hex<32>("848308e622b3e15e5ebc5312111efc31082e86c85e9ee93fe8c5aa7f972cc9c3"))));
    }
}

TEST_CASE("H3: every changed bit of an initiation is detected") {
    Parties parties;
    const Initiation first = parties.first();
    for (std::size_t bit = 0; bit < 8 * (32 + 48 + 28); bit += 3) {
        Initiation changed = first;
        const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
        const std::size_t byte = bit / 8;
        // Curve25519 ignores the top bit of a public key, but the hash does not.
        if (byte < 32) changed.ephemeral[byte] ^= mask;
        if (byte >= 32 && byte < 80) changed.sealed_static[byte - 32] ^= mask;
        if (byte >= 80) changed.sealed_timestamp[byte - 80] ^= mask;
        SymmetricState state(as_bytes(kIdentifier));
        const auto static_key =
            consume_first_message_static(state, parties.responder, {changed.ephemeral}, changed.sealed_static);
        Tai64n got;
        const bool accepted = static_key && consume_first_message_payload(state, parties.static_static,
                                                                          changed.sealed_timestamp, got.bytes);
        CHECK_FALSE(accepted);
    }
}

TEST_CASE("H13: another preshared key makes the response unreadable") {
    Parties parties;
    const Initiation first = parties.first();
    parties.consume_first(first);
    const Response second = parties.second(first);
    for (const int start : {0, 128, 130}) {
        SymmetricState state = parties.initiator_state.clone();
        const auto other =
            start == 0 ? crypto::PresharedKey{} : counting<crypto::PresharedKey>(static_cast<std::uint8_t>(start));
        CHECK_FALSE(consume_second_message(state, parties.initiator, parties.initiator_ephemeral.private_key,
                                           {second.ephemeral}, other, second.sealed_nothing, {}));
    }
    CHECK(consume_second_message(parties.initiator_state, parties.initiator, parties.initiator_ephemeral.private_key,
                                 {second.ephemeral}, parties.preshared_key, second.sealed_nothing, {}));
}

TEST_CASE("H4: a zero Diffie-Hellman result ends the handshake at each of its four places") {
    Parties parties;
    const crypto::PublicKey zero{};  // order 1: every shared secret with it is zero
    Initiation message;
    CHECK_FALSE(create_first_message(parties.initiator_state, parties.initiator, parties.initiator_ephemeral, zero,
                                     parties.static_static, parties.timestamp.bytes, message.ephemeral,
                                     message.sealed_static, message.sealed_timestamp));  // es
    CHECK_FALSE(
        consume_first_message_static(parties.responder_state, parties.responder, zero, message.sealed_static));  // es
    Response response;
    SymmetricState state(as_bytes(kIdentifier));
    CHECK_FALSE(create_second_message(state, parties.responder_ephemeral, zero, parties.initiator.public_key,
                                      parties.preshared_key, {}, response.ephemeral, response.sealed_nothing));  // ee
    CHECK_FALSE(create_second_message(state, parties.responder_ephemeral, parties.initiator.public_key, zero,
                                      parties.preshared_key, {}, response.ephemeral, response.sealed_nothing));  // se
    CHECK_FALSE(consume_second_message(state, parties.initiator, parties.initiator_ephemeral.private_key, zero,
                                       parties.preshared_key, response.sealed_nothing, {}));  // ee, se
}

TEST_CASE("S9: splitting leaves no chaining key behind") {
    Parties parties;
    const Initiation first = parties.first();
    parties.consume_first(first);
    (void)parties.second(first);
    const auto once = parties.responder_state.split();
    const auto again = parties.responder_state.split();
    CHECK_FALSE(once.initiator_sends.secret.equals(again.initiator_sends.secret));
}

}  // namespace
}  // namespace warren::wireguard
