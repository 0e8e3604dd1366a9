// Messages that may share a train.
#include "vpnd/dataplane/egress.h"

#include <doctest/doctest.h>

#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane::test {
namespace {

Session session(std::uint32_t index) {
    InstallSession install;
    install.local_id = {index};
    install.remote_id = index + 1;
    install.send_key.secret.writable()[0] = static_cast<std::uint8_t>(index);
    return {std::move(install), kWireguardFraming};
}

TEST_CASE(
    "D13: a train holds messages of one session, endpoint, local address and traffic class, and each is sealed with "
    "its own key") {
    const auto aead = *crypto::make_packet_aead(crypto::AeadBackend::kSodium);
    Egress egress(*aead);
    Output out;
    Session first = session(1);
    Session second = session(2);
    Peer peer;
    peer.index = {0};
    peer.remote = *parse_endpoint("192.0.2.1:1");
    Session* sending = &first;
    const auto add = [&](std::uint8_t traffic_class = 0) {
        std::uint8_t* const text = egress.append(Instant{1}, peer, *sending, traffic_class, 32, out);
        REQUIRE(text != nullptr);
        std::memset(text, 0x55, 32);
        return out.trains.size();
    };
    CHECK(add() == 1);
    CHECK(add() == 1);
    CHECK(add(2) == 2);
    CHECK(add(2) == 2);
    peer.remote.port = 2;
    CHECK(add(2) == 3);
    peer.local.address = *parse_ip("203.0.113.1");
    CHECK(add(2) == 4);
    sending = &second;
    CHECK(add(2) == 5);
    CHECK(add(2) == 5);
    peer.index = {1};
    CHECK(add(2) == 6);
    egress.seal(out);
    for (const EgressTrain& train : out.trains) {
        CHECK(train.session == nullptr);
        for (std::size_t at = 0; at < train.size; at += train.segment_size) {
            const Bytes message = Bytes(train.bytes()).subspan(at, train.segment_size);
            const MessageHead head = WireguardFraming::parse(message);
            const Session& sealer = head.session.value == 2 ? first : second;
            std::array<std::uint8_t, 32> plain{};
            CHECK(crypto::aead_open(sealer.send_key.secret, head.sequence, {},
                                    message.subspan(WireguardFraming::kHeaderSize), plain));
            CHECK(plain[31] == 0x55);
        }
    }
}

}  // namespace
}  // namespace warren::dataplane::test
