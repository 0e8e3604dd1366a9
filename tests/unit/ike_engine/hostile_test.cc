// What strangers and broken peers send. Nothing moves before integrity is right; what was seen at a stock daemon is
// here to be better.
#include "tests/unit/ike_engine/bench.h"

namespace warren::ike {
namespace {

using namespace testing;

// The peer is up, and after `hostile` everything is as it was: the same sessions, and the next genuine request works.
void check_harmless(Bench& bench, const std::function<void()>& hostile, std::uint32_t next_id = 2) {
    const auto before = bench.hub.engine.sizes();
    const std::size_t sessions = bench.hub.sessions.entries.size();
    const std::size_t news = bench.hub.all_news.size();
    hostile();
    CHECK(bench.hub.engine.sizes().all == before.all);
    CHECK(bench.hub.engine.sizes().children == before.children);
    CHECK(bench.hub.sessions.entries.size() == sessions);
    CHECK(bench.hub.all_news.size() == news);
    bench.send(bench.peer.sealed(ExchangeType::kInformational, next_id, Chain()));
    CHECK(bench.opened().header.message_id == next_id);
}

std::vector<std::uint8_t> with_exchange(std::vector<std::uint8_t> message, std::uint8_t exchange) {
    message[18] = exchange;
    return message;
}

TEST_CASE("KP6: a flipped bit anywhere in a protected request moves nothing") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        const auto good = bench.peer.sealed(ExchangeType::kInformational, 2, Chain().delete_ike());
        for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
            auto bad = good;
            bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
            // The I flag's and the version's bits may draw an answer in the clear; no more than that.
            bench.send(bad);
            REQUIRE(bench.hub.sent.size() <= 1);
            if (!bench.hub.sent.empty()) REQUIRE(bench.hub.sent[0].message()[16] != 46);
            // Reserved bits are ignored on receipt, but integrity covers them.
        }
    });
}

TEST_CASE("KP6: an SK payload of a live IKE_SA with a wrong length moves nothing: 0, 3, beyond the end, random") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        const auto good = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
        for (const unsigned length : {0U, 1U, 3U, 4U, 5U, 12U, 65'535U}) {
            auto bad = good;
            store_be(bad.data() + 30, static_cast<std::uint16_t>(length));
            bench.send(bad);
            CHECK(bench.hub.sent.empty());
        }
        test::SeededRandom random(5);
        for (int round = 0; round < 500; ++round) {
            auto bad = good;
            bad.resize(kHeaderSize + 4 + random.below(200));
            random.fill(MutableBytes(bad).subspan(kHeaderSize));
            bad[16] = 46;
            store_be(bad.data() + 24, static_cast<std::uint32_t>(bad.size()));
            store_be(bad.data() + 30, static_cast<std::uint16_t>(bad.size() - kHeaderSize));
            bench.send(bad);
            CHECK(bench.hub.sent.empty());
        }
    });
    CHECK(bench.hub.dropped(DropReason::kIkeMalformed) > 0);
    CHECK(bench.hub.dropped(DropReason::kIkeIntegrityWrong) > 0);
}

TEST_CASE("KP2: the header's length is the datagram's, or the message is dropped") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        auto longer = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
        longer.push_back(0);
        bench.send(longer);
        CHECK(bench.hub.sent.empty());
        auto shorter = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
        shorter.pop_back();
        bench.send(shorter);
        CHECK(bench.hub.sent.empty());
    });
    CHECK(bench.hub.dropped(DropReason::kIkeMalformed) == 2);
}

TEST_CASE("KL1: a forged exchange type with a live IKE_SA's SPIs uses up no message ID") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        const auto genuine = bench.peer.sealed(ExchangeType::kInformational, 2, Chain().delete_ike());
        for (unsigned exchange = 0; exchange < 256; ++exchange) {
            if (exchange == static_cast<unsigned>(ExchangeType::kInformational)) continue;
            bench.send(with_exchange(genuine, static_cast<std::uint8_t>(exchange)));
            CHECK(bench.hub.sent.empty());
        }
        // In the clear, with the right SPIs and the next ID.
        for (const ExchangeType exchange :
             {ExchangeType::kIkeAuth, ExchangeType::kCreateChildSa, ExchangeType::kInformational}) {
            bench.send(write_message(bench.peer.header(exchange, 2, false), Chain().delete_ike()));
            bench.send(write_message(bench.peer.header(exchange, 2, true), Chain().delete_ike()));
            CHECK(bench.hub.sent.empty());
        }
    });
    CHECK(bench.hub.dropped(DropReason::kIkeUnprotected) == 6);
}

TEST_CASE("KL1: an authentic response that nobody asked for moves nothing") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        for (std::uint32_t id = 0; id < 4; ++id) {
            bench.send(bench.peer.sealed(ExchangeType::kInformational, id, Chain().delete_ike(), true));
            bench.send(bench.peer.sealed(ExchangeType::kCreateChildSa, id, bench.peer.child_chain(9), true));
            CHECK(bench.hub.sent.empty());
        }
    });
    CHECK(bench.hub.dropped(DropReason::kIkeResponseUnasked) == 8);
}

TEST_CASE("KL1: a request that was answered gets the same answer, byte for byte, and is carried out once") {
    Bench bench;
    bench.connect();
    const auto request = bench.peer.sealed(ExchangeType::kCreateChildSa, 2, bench.peer.child_chain(0xc0ffee02));
    bench.send(request);
    const auto answer = bench.answer();
    CHECK(bench.hub.engine.sizes().children == 2);
    for (int i = 0; i < 3; ++i) {
        bench.send(request);
        CHECK(bench.answer() == answer);
        CHECK(bench.hub.engine.sizes().children == 2);
    }
    // One that is older still, or too early, gets nothing.
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 3, Chain()));
    CHECK(bench.hub.sent.size() == 1);
    bench.send(request);
    CHECK(bench.hub.sent.empty());
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 5, Chain()));
    CHECK(bench.hub.sent.empty());
    CHECK(bench.hub.dropped(DropReason::kIkeMessageId) == 2);
}

TEST_CASE("KL1: a repetition that is not authentic gets no answer") {
    Bench bench;
    bench.connect();
    const auto request = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
    bench.send(request);
    auto forged = request;
    forged.back() ^= 1U;
    bench.send(forged);
    CHECK(bench.hub.sent.empty());
}

TEST_CASE("KL7: what is repeated is no sign that the peer is there: neither its last request nor an old answer") {
    for (const bool is_answer : {false, true}) {
        Bench bench;
        bench.connect();
        auto message = bench.peer.sealed(ExchangeType::kInformational, 2, Chain());
        if (is_answer) {
            bench.hub.run_until(bench.hub.now.instant + 30s);
            REQUIRE(bench.hub.sent.size() == 1);
            message = bench.peer.sealed(ExchangeType::kInformational, bench.hub.sent[0].id(), Chain(), true);
        }
        bench.send(message);
        bool is_asked = false;
        for (int i = 0; i < 31; ++i) {
            CHECK_FALSE(is_asked);
            bench.hub.run_until(bench.hub.now.instant + 1s);
            const auto& sent = bench.hub.sent;
            is_asked = std::any_of(sent.begin(), sent.end(), [](const Wire& wire) { return !wire.is_response(); });
            if (is_asked) break;
            bench.send(message);
        }
        CHECK(is_asked);
    }
}

TEST_CASE("KF1: a fragment without agreement is dropped, an INFORMATIONAL in agreed fragments is taken") {
    Bench bench;
    bench.connect();
    check_harmless(bench, [&] {
        const Chain chain = Chain().delete_ike();
        bench.send(bench.peer.sealer->seal_fragment(bench.peer.header(ExchangeType::kInformational, 2, false),
                                                    chain.first(), 1, 1, chain.bytes(), bench.peer.random));
        CHECK(bench.hub.sent.empty());
    });
    CHECK(bench.hub.dropped(DropReason::kIkeFragment) == 1);

    Bench agreed;
    agreed.peer.more = {notify_of(NotifyType::kIkev2FragmentationSupported)};
    agreed.connect();
    const Chain chain = agreed.peer.child_chain(0xc0ffee02);
    const Header header = agreed.peer.header(ExchangeType::kCreateChildSa, 2, false);
    const std::size_t half = chain.bytes().size() / 2;
    const auto first =
        agreed.peer.sealer->seal_fragment(header, chain.first(), 1, 2, chain.bytes().first(half), agreed.peer.random);
    const auto second = agreed.peer.sealer->seal_fragment(header, PayloadType::kNone, 2, 2, chain.bytes().subspan(half),
                                                          agreed.peer.random);
    auto forged = second;
    forged.back() ^= 1U;
    agreed.send(forged);
    agreed.send(second);
    CHECK(agreed.hub.sent.empty());
    agreed.send(first);
    CHECK(agreed.opened().payloads.find<SaPayload>() != nullptr);
    // KF2: a repeat is answered on fragment 1 only.
    agreed.send(second);
    CHECK(agreed.hub.sent.empty());
    agreed.send(first);
    CHECK(agreed.hub.sent.size() == 1);
}

TEST_CASE("an authentic message that is malformed inside draws INVALID_SYNTAX and ends the IKE_SA on both sides") {
    Bench bench;
    bench.connect();
    const auto request = bench.peer.sealed(ExchangeType::kInformational, 2, Chain().raw(PayloadType::kDelete, {}));
    bench.send(request);
    const auto answer = bench.answer();
    CHECK(bench.peer.open(answer).has(NotifyType::kInvalidSyntax));
    CHECK(bench.hub.engine.sizes().ike_sas == 0);
    CHECK(bench.hub.sessions.entries.empty());
    bench.send(request);
    CHECK(bench.answer() == answer);
}

TEST_CASE(
    "KP3: an unknown critical payload inside is named and nothing else happens; one that is not critical is skipped") {
    Bench bench;
    bench.connect();
    const std::array<std::uint8_t, 3> body{1, 2, 3};
    bench.send(bench.peer.sealed(ExchangeType::kInformational, 2,
                                 Chain().raw(static_cast<PayloadType>(200), body, true).delete_ike()));
    const OpenedMessage refused = bench.opened();
    const auto* const notify = refused.payloads.notify(NotifyType::kUnsupportedCriticalPayload);
    REQUIRE(notify != nullptr);
    CHECK(notify->data[0] == 200);
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
    bench.send(
        bench.peer.sealed(ExchangeType::kInformational, 3, Chain().raw(static_cast<PayloadType>(200), body, false)));
    CHECK(bench.opened().payloads.empty());
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
}

TEST_CASE("KL7: hints in the clear hasten one question a minute and change nothing") {
    Bench bench;
    bench.connect();
    const auto hint = write_message(bench.peer.header(ExchangeType::kInformational, 2, true),
                                    Chain().notify(notify_of(NotifyType::kInvalidIkeSpi)));
    bench.send(hint);
    CHECK(bench.hub.sent.empty());
    bench.hub.run_until(bench.hub.now.instant);
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].exchange() == ExchangeType::kInformational);
    const std::uint32_t id = bench.hub.sent[0].id();
    bench.send(bench.peer.sealed(ExchangeType::kInformational, id, Chain(), true));
    for (int i = 0; i < 20; ++i) bench.send(hint);
    bench.hub.run_until(bench.hub.now.instant + 1s);
    CHECK(bench.hub.sent.empty());
    CHECK(bench.hub.engine.sizes().ike_sas == 1);
}

TEST_CASE("KL9: a message for an IKE_SA that is not there draws one INVALID_IKE_SPI per source and minute") {
    Bench bench;
    bench.connect();
    ScriptedPeer stranger(99);
    stranger.spis = {1, 2};
    const auto lost = write_message(stranger.header(ExchangeType::kInformational, 3, false), Chain());
    bench.send(lost);
    const auto answer = bench.answer();
    const auto message = read_message(answer);
    REQUIRE(message.has_value());
    CHECK(message->payloads.notify(NotifyType::kInvalidIkeSpi) != nullptr);
    CHECK(message->header.is_response);
    CHECK_FALSE(message->header.is_initiator);
    CHECK(message->header.message_id == 3);
    CHECK(message->header.spis == stranger.spis);
    bench.send(lost);
    CHECK(bench.hub.sent.empty());
    bench.hub.run_until(bench.hub.now.instant + kInvalidSpiInterval);
    bench.send(lost);
    CHECK(
        std::any_of(bench.hub.sent.begin(), bench.hub.sent.end(), [](const Wire& wire) { return wire.is_response(); }));
    // Never to a response.
    bench.send(write_message(stranger.header(ExchangeType::kInformational, 3, true), Chain()));
    CHECK(bench.hub.sent.empty());
}

TEST_CASE("KL9: a packet of a child that is not there draws one INVALID_SPI per source and minute, and no larger one") {
    Bench bench;
    std::vector<std::uint8_t> packet(44, 0x5a);
    packet[17] = 0x20;  // as a message it would be of version 2
    const auto from = [&](const std::vector<std::uint8_t>& bytes, std::uint16_t port) {
        bench.hub.sent.clear();
        bench.hub.deliver({bench.there, {bench.hub.address, port, 0}, bytes});
        return bench.hub.sent.size();
    };
    REQUIRE(from(packet, kNatPort) == 1);
    const std::vector<std::uint8_t> sent = bench.hub.sent[0].bytes;
    CHECK(sent.size() <= packet.size());
    CHECK(load_be<std::uint32_t>(sent.data()) == 0);
    const auto message = read_message(Bytes(sent).subspan(4));
    REQUIRE(message.has_value());
    CHECK(message->header.exchange == ExchangeType::kInformational);
    CHECK_FALSE(message->header.is_response);
    CHECK(message->header.is_initiator);
    const auto* const told = message->payloads.notify(NotifyType::kInvalidSpi);
    REQUIRE(told != nullptr);
    CHECK(invalid_spi_of(*told) == 0x5a5a'5a5a);
    CHECK(from(packet, kNatPort) == 0);
    bench.hub.run_until(bench.hub.now.instant + kInvalidSpiInterval);
    CHECK(from(std::vector<std::uint8_t>(43, 0x5a), kNatPort) == 0);
    CHECK(from(packet, kIkePort) == 0);
    CHECK(from(packet, kNatPort) == 1);
}

TEST_CASE("KP1: on the port of ESP a message has its marker, and a keepalive means nothing") {
    Bench bench;
    const auto request = bench.peer.init_request();
    Wire bare{bench.there, {bench.hub.address, kNatPort, 0}, request};
    bench.hub.deliver(bare);  // a packet, by its first bytes
    CHECK(bench.hub.engine.sizes().all == 0);
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].bytes.size() < request.size());
    bench.hub.sent.clear();
    bench.hub.deliver({bench.there, {bench.hub.address, kNatPort, 0}, {0xff}});
    CHECK(bench.hub.dropped(DropReason::kIkeMalformed) == 0);
    for (std::size_t size = 0; size < 64; ++size) {
        bench.hub.deliver({bench.there, {bench.hub.address, kNatPort, 0}, std::vector<std::uint8_t>(size)});
        bench.hub.deliver({bench.there, {bench.hub.address, kIkePort, 0}, std::vector<std::uint8_t>(size)});
    }
    CHECK(bench.hub.sent.empty());
    bench.send(request, kNatPort);
    REQUIRE(bench.hub.sent.size() == 1);
    CHECK(bench.hub.sent[0].from.port == kNatPort);
    CHECK(load_be<std::uint32_t>(bench.hub.sent[0].bytes.data()) == 0);
}

TEST_CASE("KP2: versions: IKEv1 is dropped, a later major version answered once a second") {
    Bench bench;
    auto message = bench.peer.init_request();
    message[17] = 0x10;
    bench.send(message, kIkePort);
    CHECK(bench.hub.sent.empty());
    message[17] = 0x30;
    auto longer = message;
    longer.push_back(0);  // no message of IKE has another length than it says
    bench.send(longer, kIkePort);
    CHECK(bench.hub.sent.empty());
    bench.send(message, kIkePort);
    const auto answer = bench.answer();
    const auto read = read_message(answer);
    REQUIRE(read.has_value());
    CHECK(read->payloads.notify(NotifyType::kInvalidMajorVersion) != nullptr);
    CHECK(read->header.spis.initiator == bench.peer.spis.initiator);
    bench.send(message, kIkePort);
    CHECK(bench.hub.sent.empty());
    bench.hub.run_until(bench.hub.now.instant + 1s);
    bench.send(message, kIkePort);
    CHECK(bench.hub.sent.size() == 1);
    CHECK(bench.hub.dropped(DropReason::kIkeVersion) == 5);
    message[17] = 0x2f;  // the minor version is ignored
    bench.send(message, kIkePort);
    CHECK(read_message(bench.answer())->payloads.find<SaPayload>() != nullptr);
    CHECK(bench.hub.engine.sizes().half_open == 1);
}

}  // namespace
}  // namespace warren::ike
