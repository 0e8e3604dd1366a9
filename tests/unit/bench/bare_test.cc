// The bare programs do the whole work: what leaves them a client can read, and what a client sends arrives joined.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/fd.h"
#include "bench/bare/in.h"
#include "bench/bare/out.h"
#include "bench/wgblast/initiator.h"
#include "bench/wgblast/inner.h"
#include "bench/wgblast/roster.h"
#include "vpnd/packet/offload_header.h"

namespace warren::bench {
namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr std::size_t kHeaders = 40;
constexpr std::size_t kSegment = 1380;

UniqueFd bound_socket(sockaddr_in& address) {
    UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return fd;
}

Buffer received(int fd) {
    Buffer out(70'000);
    const ssize_t size = ::recv(fd, out.data(), out.size(), MSG_DONTWAIT);
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
}

// A hub without a TUN, and a client with a session, both on the loopback.
struct Link {
    Link() : sessions(roster.keys_of(1000)), initiator(roster.keys_of(3), roster.keys_of(1000).public_key) {
        hub = bound_socket(hub_address);
        client = bound_socket(client_address);
        std::array<int, 2> pair{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
        tun = UniqueFd(pair[0]);
        stack = UniqueFd(pair[1]);
    }

    void send_to_hub(Bytes datagram) const {
        REQUIRE(::sendto(client.get(), datagram.data(), datagram.size(), 0,
                         reinterpret_cast<const sockaddr*>(&hub_address),
                         sizeof hub_address) == static_cast<ssize_t>(datagram.size()));
    }
    Session connect(BareIn& in, std::uint32_t index) {
        const Now now{{1'000'000'000'000}, {1'700'000'000'000'000'000}};
        const auto initiation = initiator.initiate(now, index, random);
        REQUIRE(initiation.has_value());
        send_to_hub(*initiation);
        in.run();
        auto session = initiator.consume_response(now.instant, received(client.get()));
        REQUIRE(session.has_value());
        return std::move(*session);
    }

    Roster roster{"test", 4};
    crypto::SystemRandom random;
    Sessions sessions;
    Initiator initiator;
    sockaddr_in hub_address{}, client_address{};
    UniqueFd hub, client, tun, stack;
    std::unique_ptr<crypto::PacketAead> aead = *crypto::make_packet_aead(crypto::AeadBackend::kSodium);
};

// As a stack hands it to its TUN: one header, no checksum.
Buffer super_packet(std::size_t payload) {
    Buffer packet(kHeaders + payload);
    InnerShape(Transport::kTcp, packet.size()).write({0x0a000001, 0x0a000100, 5000, 0xfffffff0}, packet.data());
    for (std::size_t i = 0; i < payload; ++i) packet[kHeaders + i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    const auto header = dataplane::OffloadHeader{.flags = dataplane::OffloadHeader::kNeedsChecksum,
                                                 .gso_type = static_cast<std::uint8_t>(dataplane::GsoType::kTcpV4),
                                                 .header_size = kHeaders,
                                                 .gso_size = kSegment,
                                                 .checksum_start = kIpHeader,
                                                 .checksum_offset = dataplane::kTcpChecksum}
                            .encode();
    packet.insert(packet.begin(), header.begin(), header.end());
    return packet;
}

TEST_CASE("a super-packet goes out as intact packets, and what is authentic comes in") {
    Link link;
    BareIn in(link.hub.get(), link.tun.get(), link.sessions, *link.aead);
    BareOut out(link.hub.get(), link.tun.get(), link.sessions, *link.aead);
    Session session = link.connect(in, 77);
    const std::size_t payload = 3 * kSegment + 100;
    const Buffer sent = super_packet(payload);
    REQUIRE(::write(link.stack.get(), sent.data(), sent.size()) == static_cast<ssize_t>(sent.size()));
    out.run();

    std::size_t datagrams = 0;
    for (Buffer message = received(link.client.get()); !message.empty(); message = received(link.client.get())) {
        REQUIRE(message.size() > kMessageOverhead);
        CHECK(load_le<std::uint32_t>(&message[4]) == 77);
        Buffer packet(message.size() - kMessageOverhead);
        const Bytes sealed = Bytes(message).subspan(kMessageHeader);
        REQUIRE(crypto::aead_open(session.receive_key.secret, datagrams, {}, sealed, packet));
        const std::size_t size = load_be<std::uint16_t>(&packet[2]);
        CHECK(size == kHeaders + (datagrams < 3 ? kSegment : 100));
        CHECK(is_intact(Bytes(packet).first(size)));
        store_le(&message[4], session.remote_id);
        crypto::aead_seal(session.send_key.secret, datagrams, {}, packet,
                          MutableBytes(message).subspan(kMessageHeader));
        if (datagrams == 2) message.back() ^= 1;  // not authentic any more
        link.send_to_hub(message);
        ++datagrams;
    }
    CHECK(datagrams == 4);

    in.run();
    std::vector<Buffer> written;
    for (Buffer one = received(link.stack.get()); !one.empty(); one = received(link.stack.get()))
        written.push_back(std::move(one));
    // Without UDP_GRO each datagram is a train of its own, so none is joined.
    REQUIRE(written.size() == 3);
    constexpr std::size_t kStart = dataplane::kOffloadHeaderSize;
    const std::array<std::size_t, 3> numbers = {0, 1, 3};
    for (std::size_t i = 0; i < written.size(); ++i) {
        CHECK(is_intact(Bytes(written[i]).subspan(kStart)));
        const Bytes text = Bytes(written[i]).subspan(kStart + kHeaders);
        CHECK(text.size() == (numbers[i] < 3 ? kSegment : 100));
        CHECK(std::equal(text.begin(), text.end(), &sent[kStart + kHeaders + numbers[i] * kSegment]));
    }
}

TEST_CASE("segments that follow each other are written as one packet") {
    Link link;
    Joined joined(link.tun.get());
    std::vector<Buffer> packets;
    std::uint32_t sequence = 1000;
    for (const std::size_t payload : {kSegment, kSegment, std::size_t{300}, kSegment}) {
        packets.emplace_back(kHeaders + payload);
        InnerShape(Transport::kTcp, packets.back().size())
            .write({0x0a000100, 0x0a000001, 5000, sequence}, packets.back().data());
        sequence += static_cast<std::uint32_t>(payload);
    }
    for (Buffer& packet : packets) joined.add(packet.data(), packet.size());
    joined.finish();

    const Buffer first = received(link.stack.get());
    REQUIRE(first.size() == dataplane::kOffloadHeaderSize + kHeaders + 2 * kSegment + 300);
    const auto header = dataplane::OffloadHeader::decode(first);
    CHECK(header.gso_size == kSegment);
    CHECK(header.gso_type == static_cast<std::uint8_t>(dataplane::GsoType::kTcpV4));
    CHECK(load_be<std::uint16_t>(&first[dataplane::kOffloadHeaderSize + 2]) == kHeaders + 2 * kSegment + 300);
    const Buffer second = received(link.stack.get());  // a short segment was the last of the first one
    CHECK(second.size() == dataplane::kOffloadHeaderSize + packets[3].size());
    CHECK(is_intact(Bytes(second).subspan(dataplane::kOffloadHeaderSize)));
    CHECK(received(link.stack.get()).empty());
}

TEST_CASE("the newest session and the one before are known, others are not") {
    Link link;
    BareIn in(link.hub.get(), link.tun.get(), link.sessions, *link.aead);
    CHECK(link.sessions.newest() == nullptr);
    for (std::uint32_t i = 1; i <= 3; ++i) {
        const Session session = link.connect(in, i);
        const BareSession* const found = link.sessions.find(session.remote_id);
        REQUIRE(found != nullptr);
        CHECK(found == link.sessions.newest());
        CHECK(found->remote_id == i);
        CHECK(found->receive_key.secret.equals(session.send_key.secret));
        CHECK(found->send_key.secret.equals(session.receive_key.secret));
        CHECK(found->remote.sin_port == link.client_address.sin_port);
    }
    CHECK(link.sessions.find(2) != nullptr);
    CHECK(link.sessions.find(1) == nullptr);
    CHECK(link.sessions.find(0) == nullptr);
    CHECK_FALSE(link.sessions.answer(Buffer(wireguard::kInitiationSize), link.client_address).has_value());
}

}  // namespace
}  // namespace warren::bench
