// Under load: cookies, rate limits, and peers that are served without a cookie.
#include "tests/unit/wireguard/harness.h"

namespace warren::wireguard {
namespace {

using namespace testing;

Cookie open_cookie(Bytes reply, Bytes request, const crypto::PublicKey& hub) {
    const auto message = parse_cookie_reply(reply);
    REQUIRE(message.has_value());
    Cookie cookie{};
    REQUIRE(crypto::xaead_open(cookie_key_of(hub), message->nonce, mac1_of(request), message->sealed_cookie, cookie));
    return cookie;
}

// The cookie that the loaded hub sends to `from`.
Cookie get_cookie(Hub& hub, const Endpoint& from) {
    ScriptedPeer asker = hub.make_peer();
    const auto request = asker.initiate(1, hub.timestamp());
    hub.deliver(request, from);
    REQUIRE(hub.messages_of(MessageType::kCookieReply) == 1);
    return open_cookie(hub.out.messages[0].view(), request, hub.engine.public_key());
}

TEST_CASE("C1: without load mac2 does not matter") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    auto initiation = peer.initiate(7, hub.timestamp());
    hub.random.fill(MutableBytes(initiation).last(16));
    hub.deliver(initiation);
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("C2, C5, C9, E3: under load an initiation without a cookie gets one, and no more") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.put_under_load();
    const auto initiation = peer.initiate(0xabcd, hub.timestamp());
    hub.deliver(initiation, endpoint_at(5));
    REQUIRE(hub.out.messages.size() == 1);
    CHECK(hub.out.commands.empty());
    const OutgoingMessage& reply = hub.out.messages[0];
    CHECK(reply.bytes.size() == 64);
    CHECK(reply.to == endpoint_at(5));
    CHECK(reply.from == hub.local);
    CHECK(parse_cookie_reply(reply.view())->receiver == 0xabcd);
    CHECK(hub.dropped(DropReason::kCookieRequired) >= 1);
    CHECK(hub.engine.counters().initiations_accepted == 0);

    // Only the sender of that mac1 can open it.
    (void)open_cookie(reply.view(), initiation, hub.engine.public_key());
    const auto other = peer.initiate(0xabcd, hub.timestamp());
    Cookie cookie{};
    const auto message = *parse_cookie_reply(reply.view());
    CHECK_FALSE(crypto::xaead_open(cookie_key_of(hub.engine.public_key()), message.nonce, mac1_of(other),
                                   message.sealed_cookie, cookie));
}

TEST_CASE("C2: under load a response without a cookie gets one too") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    const OutgoingMessage initiation = hub.out.messages.at(0);
    hub.put_under_load();
    auto answer = peer.respond(initiation.view(), 0x55);
    REQUIRE(answer.has_value());
    hub.deliver(answer->bytes, endpoint_at(1));
    REQUIRE(hub.messages_of(MessageType::kCookieReply) == 1);
    CHECK(hub.out.commands.empty());
    CHECK(parse_cookie_reply(hub.out.messages[0].view())->receiver == 0x55);
    const Cookie cookie = open_cookie(hub.out.messages[0].view(), answer->bytes, hub.engine.public_key());
    put_mac2(answer->bytes, cookie);
    hub.deliver(answer->bytes, endpoint_at(1));
    CHECK(hub.commands<dataplane::InstallSession>().size() == 1);
}

TEST_CASE("C2: under load nothing with a wrong mac1 is answered, not even with a cookie") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.put_under_load();
    auto initiation = peer.initiate(7, hub.timestamp());
    initiation[120] ^= 1;
    hub.deliver(initiation);
    CHECK(hub.is_silent());
}

TEST_CASE("C2: cookie replies are limited in rate, so that a flood from forged sources costs little") {
    Hub hub;
    hub.put_under_load();
    ScriptedPeer stranger = hub.make_peer();
    auto bytes = stranger.initiate(1, hub.timestamp());
    std::uint32_t sent = 0;
    const auto flood = [&](std::uint32_t count) {
        const std::uint64_t before = hub.engine.counters().cookie_replies_sent;
        for (std::uint32_t i = 0; i < count; ++i) {
            store_le(bytes.data() + 4, 0x10000 + ++sent);
            fix_mac1(bytes, hub.engine.public_key());
            hub.deliver(bytes, endpoint_at(98));
        }
        return hub.engine.counters().cookie_replies_sent - before;
    };
    const std::uint64_t first = flood(3 * kCookieRepliesBurst);
    CHECK(first <= kCookieRepliesBurst);
    CHECK(first >= kCookieRepliesBurst - 2);  // one or two went out when the load was made
    CHECK(hub.dropped(DropReason::kCookieRequired) >= 3 * kCookieRepliesBurst);
    hub.advance(1ms);
    CHECK(flood(1000) == kCookieRepliesPerSecond / 1000);
}

TEST_CASE("who is refused is remembered: where from, which key, how often, since when") {
    Hub hub;
    ScriptedPeer stranger = hub.make_peer();
    for (const std::uint32_t index : {1U, 2U}) {
        hub.deliver(stranger.initiate(index, hub.timestamp()), endpoint_at(7));
        hub.advance(1s);
    }
    auto for_another = stranger.initiate(3, hub.timestamp());
    for_another[120] ^= 1;  // mac1: made for another server's key
    hub.deliver(for_another, endpoint_at(8));

    const auto refused = hub.engine.refusals();
    REQUIRE(refused.size() == 2);
    const auto by = [&](DropReason reason) {
        return *std::find_if(refused.begin(), refused.end(), [&](const auto& one) { return one.reason == reason; });
    };
    const control::Refusal unknown = by(DropReason::kUnknownPeer);
    CHECK(unknown.from == endpoint_at(7));
    CHECK(unknown.who == crypto::to_base64(stranger.keys.public_key).substr(0, 8));
    CHECK(unknown.messages == 2);
    CHECK(unknown.last.nanoseconds - unknown.first.nanoseconds == 1'000'000'000);
    const control::Refusal wrong_server = by(DropReason::kBadMac1);
    CHECK(wrong_server.from == endpoint_at(8));
    CHECK(wrong_server.who.empty());
}

TEST_CASE("who claims to be a peer and is refused is remembered as that, until the peer is gone") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    auto forged = peer.initiate(1, hub.timestamp());
    forged[100] ^= 1;  // in the sealed timestamp
    fix_mac1(forged, hub.engine.public_key());
    hub.deliver(forged, endpoint_at(7));
    auto refused = hub.engine.refusals();
    REQUIRE(refused.size() == 1);
    CHECK(refused[0].reason == DropReason::kBadInitiation);
    CHECK(refused[0].who == crypto::to_base64(peer.keys.public_key).substr(0, 8));
    CHECK(refused[0].peer == PeerIndex{0});
    CHECK(hub.engine.has_refusals_to_tell());
    CHECK(hub.engine.tell_refusals(hub.now.instant, 10).size() == 1);
    CHECK_FALSE(hub.engine.has_refusals_to_tell());
    hub.engine.remove_peer(hub.now, PeerIndex{0}, hub.out);
    refused = hub.engine.refusals();
    REQUIRE(refused.size() == 1);
    CHECK_FALSE(refused[0].peer.valid());
}

TEST_CASE("C2: only a mac2 for its address, or the answer to an initiation of ours, tells a sender from a stranger") {
    using control::Standing;
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    const auto standing = [&](Bytes message, const Endpoint& from) {
        return hub.engine.standing_of(hub.now, {from, hub.local}, message);
    };

    hub.put_under_load();
    auto initiation = peer.initiate(7, hub.timestamp());
    CHECK(standing(initiation, endpoint_at(1)) == Standing::kStranger);
    hub.deliver(initiation, endpoint_at(1));
    const Cookie cookie = open_cookie(hub.out.messages.at(0).view(), initiation, hub.engine.public_key());
    put_mac2(initiation, cookie);
    CHECK(standing(initiation, endpoint_at(1)) == Standing::kProven);
    CHECK(standing(initiation, endpoint_at(2)) == Standing::kStranger);
    hub.advance(2 * kCookieSecretLife);
    CHECK(standing(initiation, endpoint_at(1)) == Standing::kStranger);
    initiation[120] ^= 1;  // mac1
    const std::uint64_t refused = hub.dropped(DropReason::kBadMac1);
    CHECK(standing(initiation, endpoint_at(1)) == Standing::kRefused);
    CHECK(hub.dropped(DropReason::kBadMac1) == refused + 1);

    hub.out.clear();
    hub.need_session();
    const OutgoingMessage ours = hub.out.messages.at(0);
    auto answer = peer.respond(ours.view(), 0x55);
    REQUIRE(answer.has_value());
    CHECK(standing(answer->bytes, endpoint_at(3)) == Standing::kProven);
    auto guessed = answer->bytes;
    guessed[8] ^= 0x80;  // the receiver's index
    fix_mac1(guessed, hub.engine.public_key());
    CHECK(standing(guessed, endpoint_at(3)) == Standing::kStranger);
    hub.engine.set_queue_length(0);
    hub.deliver(answer->bytes, endpoint_at(1));
    REQUIRE(hub.commands<dataplane::InstallSession>().size() == 1);
    CHECK(standing(answer->bytes, endpoint_at(1)) == Standing::kStranger);
}

TEST_CASE("C3: under load a valid mac2 is served, 5 at once and 20 per second for each source") {
    Hub hub;
    std::vector<ScriptedPeer> peers;
    for (std::uint32_t i = 0; i < 100; ++i) {
        peers.push_back(hub.make_peer());
        hub.put(peers.back(), i);
    }
    hub.put_under_load();
    const Cookie cookie = get_cookie(hub, endpoint_at(5));
    std::size_t answered = 0;
    for (std::size_t i = 0; i < 100; ++i) {
        auto initiation = peers[i].initiate(7, hub.timestamp());
        put_mac2(initiation, cookie);
        hub.deliver(initiation, endpoint_at(5));
        answered += hub.messages_of(MessageType::kResponse);
        CHECK(hub.messages_of(MessageType::kCookieReply) == 0);
        hub.advance(9ms);
        hub.engine.set_queue_length(kUnderLoadQueue);
        if (!hub.engine.under_load(hub.now)) hub.put_under_load();
    }
    CHECK(answered >= 22);
    CHECK(answered <= 25);
    CHECK(hub.dropped(DropReason::kRateLimited) == 100 - answered);
}

TEST_CASE("C4: a cookie is valid for one address and one port") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.put_under_load();
    const Cookie cookie = get_cookie(hub, endpoint_at(5, 1000));
    auto initiation = peer.initiate(7, hub.timestamp());
    put_mac2(initiation, cookie);
    hub.deliver(initiation, endpoint_at(5, 1001));
    CHECK(hub.messages_of(MessageType::kResponse) == 0);
    CHECK(hub.messages_of(MessageType::kCookieReply) == 1);
    hub.deliver(initiation, endpoint_at(6, 1000));
    CHECK(hub.messages_of(MessageType::kCookieReply) == 1);
    hub.deliver(initiation, endpoint_at(5, 1000));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("C6: a received cookie is kept for the next message, and does not hasten it") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    const OutgoingMessage first = hub.out.messages.at(0);
    CHECK(mac2_of(first.view()) == Mac{});
    CookieChecker theirs(peer.keys.public_key, hub.random);
    const Endpoint us{IpAddress::v4(203, 0, 113, 1), 51820, 0};
    std::array<std::uint8_t, kCookieReplySize> reply{};
    const std::uint32_t our_index = parse_initiation(first.view())->sender;
    format(theirs.create_reply(hub.now.instant, first.view(), us, our_index), reply);
    hub.deliver(reply, endpoint_at(1));
    CHECK(hub.is_silent());
    CHECK(hub.engine.counters().cookie_replies_accepted == 1);

    hub.run(4900ms);
    CHECK(hub.out.messages.empty());
    hub.run(500ms);
    REQUIRE(hub.messages_of(MessageType::kInitiation) == 1);
    CHECK(theirs.is_mac2_valid(hub.now.instant, hub.out.messages[0].view(), us));
}

TEST_CASE("C6: a cookie reply is accepted once, only for our last mac1, only with an index of ours") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    const OutgoingMessage first = hub.out.messages.at(0);
    CookieChecker theirs(peer.keys.public_key, hub.random);
    const auto reply_to = [&](Bytes message, std::uint32_t receiver) {
        std::array<std::uint8_t, kCookieReplySize> reply{};
        format(theirs.create_reply(hub.now.instant, message, endpoint_at(1), receiver), reply);
        return reply;
    };
    const std::uint32_t our_index = parse_initiation(first.view())->sender;
    hub.deliver(reply_to(first.view(), our_index + 64));
    CHECK(hub.dropped(DropReason::kUnknownIndex) == 1);
    auto forged = reply_to(first.view(), our_index);
    forged[40] ^= 1;
    hub.deliver(forged);
    CHECK(hub.dropped(DropReason::kBadCookieReply) == 1);
    OutgoingMessage other = first;
    other.bytes[116] ^= 1;  // not the mac1 that we sent
    hub.deliver(reply_to(other.view(), our_index));
    CHECK(hub.dropped(DropReason::kBadCookieReply) == 2);
    hub.deliver(reply_to(first.view(), our_index));
    CHECK(hub.engine.counters().cookie_replies_accepted == 1);
    hub.deliver(reply_to(first.view(), our_index));
    CHECK(hub.dropped(DropReason::kUnexpectedCookieReply) == 1);
    CHECK(hub.is_silent());
}

TEST_CASE("C6, I2: a cookie reply to our response has the session's index") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.deliver(peer.initiate(7, hub.timestamp()));
    const OutgoingMessage response = hub.out.messages.at(0);
    CookieChecker theirs(peer.keys.public_key, hub.random);
    std::array<std::uint8_t, kCookieReplySize> reply{};
    format(
        theirs.create_reply(hub.now.instant, response.view(), endpoint_at(1), parse_response(response.view())->sender),
        reply);
    hub.deliver(reply);
    CHECK(hub.engine.counters().cookie_replies_accepted == 1);
    hub.advance(1s);
    hub.deliver(peer.initiate(8, hub.timestamp()));
    CHECK(theirs.is_mac2_valid(hub.now.instant, hub.out.messages.at(0).view(), endpoint_at(1)));
}

TEST_CASE("C7: a cookie reply never moves the endpoint") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put_with_endpoint(peer, endpoint_at(1));
    hub.need_session();
    const OutgoingMessage first = hub.out.messages.at(0);
    CookieChecker theirs(peer.keys.public_key, hub.random);
    std::array<std::uint8_t, kCookieReplySize> reply{};
    format(theirs.create_reply(hub.now.instant, first.view(), endpoint_at(1), parse_initiation(first.view())->sender),
           reply);
    hub.deliver(reply, endpoint_at(77));
    CHECK(hub.engine.counters().cookie_replies_accepted == 1);
    CHECK(hub.out.commands.empty());
    CHECK(hub.engine.peer_status(PeerIndex{0})->endpoint == endpoint_at(1));
}

TEST_CASE("C8: load ends a second after its cause") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.put_under_load();
    hub.engine.set_queue_length(1);
    hub.advance(500ms);
    hub.deliver(peer.initiate(7, hub.timestamp()), endpoint_at(5));
    CHECK(hub.messages_of(MessageType::kCookieReply) == 1);
    hub.advance(1s);
    CHECK_FALSE(hub.engine.under_load(hub.now));
    hub.deliver(peer.initiate(8, hub.timestamp()), endpoint_at(5));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("C10: cookies work for IPv4, IPv6, v4-mapped and link-local sources") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    hub.put_under_load();
    for (const char* text : {"198.51.100.7", "2001:db8::7", "::ffff:198.51.100.8", "fe80::7"}) {
        const Endpoint from{*parse_ip(text), 4500, 3};
        const Cookie cookie = get_cookie(hub, from);
        hub.advance(30ms);
        auto initiation = peer.initiate(7, hub.timestamp());
        put_mac2(initiation, cookie);
        hub.deliver(initiation, from);
        CHECK(hub.messages_of(MessageType::kResponse) == 1);
    }
}

TEST_CASE("C11: under load a peer at its known address is served without a cookie") {
    Hub hub;
    ScriptedPeer known = hub.make_peer();
    ScriptedPeer unknown = hub.make_peer();
    hub.put(known, 0);
    hub.put(unknown, 1);
    hub.connect(known, 0, endpoint_at(5));
    hub.advance(60s);
    hub.put_under_load();
    hub.deliver(known.initiate(7, hub.timestamp()), endpoint_at(5, 4242));  // another port: NAT
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    hub.deliver(unknown.initiate(7, hub.timestamp()), endpoint_at(6));
    CHECK(hub.messages_of(MessageType::kCookieReply) == 1);
}

TEST_CASE("C11: messages that forge a known address use only that address's budget") {
    Hub hub;
    ScriptedPeer known = hub.make_peer();
    ScriptedPeer elsewhere = hub.make_peer();
    ScriptedPeer liar = hub.make_peer();
    hub.put(known, 0);
    hub.put(elsewhere, 1);
    hub.connect(known, 0, endpoint_at(5));
    hub.connect(elsewhere, 1, endpoint_at(6));
    hub.advance(60s);
    hub.put_under_load();
    const std::uint64_t unknown_before = hub.dropped(DropReason::kUnknownPeer);
    for (std::uint32_t i = 0; i < 100; ++i) hub.deliver(liar.initiate(i, hub.timestamp()), endpoint_at(5));
    CHECK(hub.dropped(DropReason::kUnknownPeer) - unknown_before == kKnownSourceBurst);
    hub.deliver(elsewhere.initiate(7, hub.timestamp()), endpoint_at(6));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    // The peer itself can still connect with a cookie.
    const Cookie cookie = get_cookie(hub, endpoint_at(5));
    auto initiation = known.initiate(7, hub.timestamp());
    put_mac2(initiation, cookie);
    hub.deliver(initiation, endpoint_at(5));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("C11: all known sources together have a budget; beyond it they need a cookie") {
    Hub hub;
    const std::uint32_t count = kKnownSourcesBurst + 50;
    const auto from = [](std::uint32_t i) {
        return Endpoint{IpAddress::v4(10, 9, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)), 51820,
                        0};
    };
    std::vector<ScriptedPeer> peers;
    for (std::uint32_t i = 0; i < count; ++i) {
        peers.push_back(hub.make_peer());
        PeerConfig config = hub.config_of(peers.back(), i);
        config.customer = CustomerIndex{i};
        hub.put(std::move(config));
        hub.connect(peers.back(), i, from(i));
    }
    hub.advance(60s);
    hub.put_under_load();
    std::size_t answered = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        hub.deliver(peers[i].initiate(7, hub.timestamp()), from(i));
        answered += hub.messages_of(MessageType::kResponse);
    }
    CHECK(answered == kKnownSourcesBurst);
}

TEST_CASE("a customer's peers begin as many handshakes as it may, and another customer's notice nothing") {
    Hub hub;
    std::vector<ScriptedPeer> peers;
    constexpr std::uint32_t kPeers = 8;
    constexpr std::uint32_t kMost = 3;
    for (std::uint32_t i = 0; i < 2 * kPeers; ++i) {
        peers.push_back(hub.make_peer());
        PeerConfig config = hub.config_of(peers.back(), i);
        config.customer = CustomerIndex{i / kPeers};
        config.handshakes_per_second = i < kPeers ? kMost : 0;
        hub.put(std::move(config));
    }
    const auto answered = [&](std::uint32_t first) {
        std::size_t out = 0;
        for (std::uint32_t i = first; i < first + kPeers; ++i) {
            hub.deliver(peers[i].initiate(7 + i, hub.timestamp()), endpoint_at(static_cast<std::uint8_t>(1 + i)));
            out += hub.messages_of(MessageType::kResponse);
            hub.out.clear();
        }
        return out;
    };
    CHECK(answered(0) == kMost);
    CHECK(hub.dropped(DropReason::kCustomerHandshakeRate) == kPeers - kMost);
    CHECK(answered(kPeers) == kPeers);
    hub.run(2s);
    CHECK(answered(0) == kMost);
}

TEST_CASE("C11: under load the peers of each customer share a budget of their own") {
    Hub hub;
    std::vector<ScriptedPeer> peers;
    const std::uint32_t count = kCustomerBurst + 100;
    for (std::uint32_t i = 0; i < count; ++i) {
        peers.push_back(hub.make_peer());
        hub.put(peers.back(), i);
    }
    ScriptedPeer other = hub.make_peer();
    PeerConfig config = hub.config_of(other, count);
    config.customer = CustomerIndex{1};
    hub.put(std::move(config));
    hub.put_under_load();
    std::size_t answered = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Endpoint from{IpAddress::v4(10, 9, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)),
                            51820, 0};
        const Cookie cookie = get_cookie(hub, from);
        auto initiation = peers[i].initiate(7, hub.timestamp());
        put_mac2(initiation, cookie);
        hub.deliver(initiation, from);
        answered += hub.messages_of(MessageType::kResponse);
    }
    CHECK(answered == kCustomerBurst);
    CHECK(hub.dropped(DropReason::kCustomerRateLimited) == 100);
    const Cookie cookie = get_cookie(hub, endpoint_at(5));
    auto initiation = other.initiate(7, hub.timestamp());
    put_mac2(initiation, cookie);
    hub.deliver(initiation, endpoint_at(5));
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
}

TEST_CASE("C11, C13: neither a long queue of junk and replays nor expensive messages alone are load") {
    Hub hub;
    ScriptedPeer peer = hub.make_peer();
    hub.put(peer);
    const auto initiation = peer.initiate(7, hub.timestamp());
    hub.deliver(initiation);
    hub.engine.set_queue_length(100'000);
    auto junk = initiation;
    junk[116] ^= 1;
    for (int i = 0; i < 10'000; ++i) {
        hub.deliver(initiation);
        hub.deliver(junk);
    }
    hub.advance(1s);
    hub.deliver(peer.initiate(8, hub.timestamp()));  // a valid one in the middle
    CHECK(hub.messages_of(MessageType::kResponse) == 1);
    CHECK_FALSE(hub.engine.under_load(hub.now));

    hub.engine.set_queue_length(kUnderLoadQueue - 1);
    ScriptedPeer stranger = hub.make_peer();
    auto expensive = stranger.initiate(1, hub.timestamp());
    for (std::uint32_t i = 0; i < 2 * kExpensiveBurst; ++i) {
        store_le(expensive.data() + 4, i);
        fix_mac1(expensive, hub.engine.public_key());
        hub.deliver(expensive);
    }
    CHECK_FALSE(hub.engine.under_load(hub.now));
}

TEST_CASE("C2: a machine too slow for the flood still detects load, but junk with a few valid messages is no load") {
    Hub hub;
    ScriptedPeer stranger = hub.make_peer();
    auto expensive = stranger.initiate(1, hub.timestamp());
    std::uint32_t number = 0;
    const auto deliver_expensive = [&] {
        store_le(expensive.data() + 4, ++number);
        fix_mac1(expensive, hub.engine.public_key());
        hub.deliver(expensive);
    };
    auto junk = expensive;
    junk[116] ^= 1;
    hub.engine.set_queue_length(kUnderLoadQueue);
    for (std::uint32_t i = 0; i < 2 * kExpensiveBurst; ++i) {  // one in twenty
        for (int j = 0; j < 19; ++j) hub.deliver(junk);
        deliver_expensive();
        hub.advance(2ms);
    }
    CHECK_FALSE(hub.engine.under_load(hub.now));

    hub.engine.set_queue_length(0);
    hub.deliver(junk);
    hub.engine.set_queue_length(kUnderLoadQueue);
    for (std::uint32_t i = 0; i < kExpensiveBurst; ++i) {  // a quarter of what the bucket allows
        deliver_expensive();
        hub.advance(2ms);
    }
    CHECK_FALSE(hub.engine.under_load(hub.now));
    deliver_expensive();
    CHECK(hub.engine.under_load(hub.now));
}

}  // namespace
}  // namespace warren::wireguard
