// Trains in and out of real sockets, on loopback.
#include "vpnd/io/udp_socket.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "base/socket_address.h"
#include "stack.h"

namespace warren::io::test {
namespace {

const IpAddress kLoopbackV4 = IpAddress::v4(127, 0, 0, 1);
const IpAddress kLoopbackV6 = *parse_ip("::1");

// A data socket as the worker has it.
struct DataSocket {
    explicit DataSocket(const IpAddress& address) {
        UniqueFd fd = bound_socket(SOCK_DGRAM, {address, 0, 0});
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        endpoint = bound_to(fd.get());
        socket = std::make_unique<UdpSocket>(std::move(fd), address.family);
        REQUIRE(socket->prepare().has_value());
    }
    // Everything that comes within a moment.
    std::vector<std::vector<std::uint8_t>> receive(std::size_t datagrams) {
        std::vector<std::vector<std::uint8_t>> out;
        while (out.size() < datagrams) {
            pollfd ready{socket->fd(), POLLIN, 0};
            if (::poll(&ready, 1, 1'000) != 1) break;
            const auto received = socket->receive(batch, {7});
            for (const dataplane::Train& train : received.trains) {
                last = train;
                ++trains;
                const std::size_t step = train.segment_size == 0 ? train.bytes.size() : train.segment_size;
                for (std::size_t at = 0; at < train.bytes.size(); at += step) {
                    const auto part = train.bytes.subspan(at, std::min(step, train.bytes.size() - at));
                    out.emplace_back(part.begin(), part.end());
                }
            }
        }
        return out;
    }

    Endpoint endpoint;
    std::unique_ptr<UdpSocket> socket;
    dataplane::BufferPool pool{ReceiveBatch::kMessages};
    ReceiveBatch batch{pool};
    dataplane::Train last;
    std::size_t trains = 0;
};

class TrainMaker {
  public:
    dataplane::EgressTrain make(const Endpoint& to, std::size_t count, std::size_t size, std::size_t last_size) {
        dataplane::EgressTrain train;
        train.remote = to;
        train.buffer = pool_.take();
        train.segment_size = static_cast<std::uint32_t>(size);
        train.count = static_cast<std::uint32_t>(count);
        train.size = static_cast<std::uint32_t>((count - 1) * size + last_size);
        for (auto& byte : train.bytes()) byte = static_cast<std::uint8_t>(random_());
        return train;
    }

  private:
    dataplane::BufferPool pool_{8};
    std::mt19937 random_{1};
};

std::vector<std::vector<std::uint8_t>> datagrams_of(const dataplane::EgressTrain& train) {
    std::vector<std::vector<std::uint8_t>> out;
    const auto bytes = train.bytes();
    for (std::size_t at = 0; at < bytes.size(); at += train.segment_size) {
        const auto part = bytes.subspan(at, std::min<std::size_t>(train.segment_size, bytes.size() - at));
        out.emplace_back(part.begin(), part.end());
    }
    return out;
}

SendOutcome send_one(UdpSocket& socket, dataplane::EgressTrain& train) {
    std::array<SendOutcome, 1> outcome{SendOutcome::kFull};
    train.gone = 0;
    REQUIRE(socket.send(std::span(&train, 1), outcome) == 1);
    return outcome[0];
}

TEST_CASE("D12: trains of every shape arrive as the datagrams that they hold") {
    TrainMaker maker;
    for (const IpAddress& address : {kLoopbackV4, kLoopbackV6}) {
        DataSocket from(address);
        DataSocket to(address);
        struct Shape {
            std::size_t count, size, last;
        };
        for (const Shape& shape : {Shape{1, 32, 32},
                                   {1, 65'507, 65'507},
                                   {2, 1'452, 1'452},
                                   {45, 1'452, 1'452},
                                   {45, 1'452, 32},
                                   {64, 96, 80},
                                   {64, 1'000, 1'000},
                                   {2, 32'000, 33}}) {
            CAPTURE(shape.count);
            CAPTURE(shape.size);
            auto train = maker.make(to.endpoint, shape.count, shape.size, shape.last);
            CHECK(send_one(*from.socket, train) == SendOutcome::kSent);
            CHECK(to.receive(shape.count) == datagrams_of(train));
            CHECK(to.last.from == from.endpoint);
            CHECK(to.last.to.address == address);
            CHECK(to.last.listener == ListenerIndex{7});
        }
        CHECK(to.trains == 8);  // the kernel kept them together
    }
}

TEST_CASE("many trains go in one call, in order") {
    TrainMaker maker;
    DataSocket from(kLoopbackV4);
    DataSocket to(kLoopbackV4);
    std::vector<dataplane::EgressTrain> trains;
    std::vector<std::vector<std::uint8_t>> expected;
    for (std::size_t i = 0; i < 8; ++i) {
        trains.push_back(maker.make(to.endpoint, 1 + i % 3, 200 + i, 100));
        trains.back().ungrouped = i == 3;
        if (trains.back().count == 1) trains.back().segment_size = trains.back().size;
        for (auto& datagram : datagrams_of(trains.back())) expected.push_back(std::move(datagram));
    }
    std::array<SendOutcome, 8> outcomes;
    CHECK(from.socket->send(trains, outcomes) == 8);
    CHECK(to.receive(expected.size()) == expected);
}

TEST_CASE("D9: the traffic class goes out and comes in, and is not kept for the next train") {
    TrainMaker maker;
    for (const IpAddress& address : {kLoopbackV4, kLoopbackV6}) {
        DataSocket from(address);
        DataSocket to(address);
        for (const unsigned traffic_class : {0U, 1U, 2U, 3U, 0U}) {
            auto train = maker.make(to.endpoint, 2, 100, 100);
            train.traffic_class = static_cast<std::uint8_t>(traffic_class);
            CHECK(send_one(*from.socket, train) == SendOutcome::kSent);
            CHECK(to.receive(2).size() == 2);
            CHECK(to.last.traffic_class == traffic_class);
        }
    }
}

TEST_CASE("E2: a train leaves from the address it should; when that is gone, from another") {
    TrainMaker maker;
    UniqueFd any = bound_socket(SOCK_DGRAM, {IpAddress::v4(0, 0, 0, 0), 0, 0});
    UdpSocket socket(std::move(any), Family::kV4);
    REQUIRE(socket.prepare().has_value());
    DataSocket to(kLoopbackV4);
    auto train = maker.make(to.endpoint, 2, 100, 100);
    train.local.address = IpAddress::v4(127, 0, 0, 9);
    CHECK(send_one(socket, train) == SendOutcome::kSent);
    CHECK(to.receive(2).size() == 2);
    CHECK(to.last.from.address == IpAddress::v4(127, 0, 0, 9));
    train.local.address = IpAddress::v4(192, 0, 2, 77);  // not ours
    CHECK(send_one(socket, train) == SendOutcome::kSentFromElsewhere);
    CHECK(to.receive(2) == datagrams_of(train));
    CHECK(to.last.from.address == kLoopbackV4);
}

TEST_CASE("a pinned train leaves from its address or not at all") {
    TrainMaker maker;
    UniqueFd any = bound_socket(SOCK_DGRAM, {IpAddress::v4(0, 0, 0, 0), 0, 0});
    UdpSocket socket(std::move(any), Family::kV4);
    REQUIRE(socket.prepare().has_value());
    DataSocket to(kLoopbackV4);
    auto train = maker.make(to.endpoint, 2, 100, 100);
    train.pinned = true;
    train.local.address = IpAddress::v4(127, 0, 0, 9);
    CHECK(send_one(socket, train) == SendOutcome::kSent);
    CHECK(to.receive(2).size() == 2);
    train.local.address = IpAddress::v4(192, 0, 2, 77);  // not ours
    CHECK(send_one(socket, train) == SendOutcome::kRefused);
}

TEST_CASE("E7: a closed port at the peer kills neither the socket nor what comes in later") {
    TrainMaker maker;
    DataSocket from(kLoopbackV4);
    Endpoint closed = DataSocket(kLoopbackV4).endpoint;
    auto lost = maker.make(closed, 2, 100, 100);
    for (int i = 0; i < 3; ++i) CHECK(send_one(*from.socket, lost) == SendOutcome::kSent);
    DataSocket peer(kLoopbackV4);
    auto train = maker.make(from.endpoint, 3, 100, 50);
    CHECK(send_one(*peer.socket, train) == SendOutcome::kSent);
    CHECK(from.receive(3) == datagrams_of(train));
}

TEST_CASE("where no way leads, a train is refused and the next still goes") {
    TrainMaker maker;
    DataSocket from(kLoopbackV4);
    DataSocket to(kLoopbackV4);
    std::vector<dataplane::EgressTrain> trains;
    trains.push_back(maker.make({IpAddress::v4(255, 255, 255, 255), 9, 0}, 1, 100, 100));  // broadcast is not permitted
    trains.push_back(maker.make(to.endpoint, 1, 100, 100));
    std::array<SendOutcome, 2> outcomes{};
    CHECK(from.socket->send(trains, outcomes) == 2);
    CHECK(outcomes[0] == SendOutcome::kRefused);
    CHECK(outcomes[1] == SendOutcome::kSent);
    CHECK(to.receive(1).size() == 1);
}

TEST_CASE("D10: without DF, and a train whose segments exceed the device's MTU goes one by one, in fragments") {
    std::string reason;
    if (!Stack::is_possible(reason)) {
        MESSAGE("skipped: needs root for namespaces: " << reason);
        return;
    }
    // Both ends in one namespace whose loopback device has an MTU of 1280.
    Stack stack("10.0.0.1", 24, "fd00::1", 64);
    stack.run([] {
        loopback_up(1'280);
        TrainMaker maker;
        for (const IpAddress& address : {kLoopbackV4, kLoopbackV6}) {
            DataSocket from(address);
            DataSocket to(address);
            const UniqueFd wire(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)));
            auto train = maker.make(to.endpoint, 5, 1'452, 400);
            CHECK(send_one(*from.socket, train) == SendOutcome::kSentUngrouped);
            CHECK(to.receive(5) == datagrams_of(train));
            train.ungrouped = true;  // as it is remembered; it says nothing new, so the memory can fade
            CHECK(send_one(*from.socket, train) == SendOutcome::kSent);
            CHECK(to.receive(5) == datagrams_of(train));
            CHECK_FALSE(from.socket->segmentation_is_off());
            std::array<std::uint8_t, 2'048> packet;
            std::size_t fragments = 0;
            while (const auto size = ::recv(wire.get(), packet.data(), packet.size(), 0)) {
                if (size < 0) break;
                if (packet[0] >> 4 != 4) continue;
                CHECK((packet[6] & 0x40) == 0);
                if (((packet[6] & 0x3f) | packet[7]) != 0) ++fragments;
            }
            if (address.is_v4()) CHECK(fragments >= 16);
        }
    });
}

TEST_CASE("a full socket: what did not go waits, and nothing goes twice, in trains or one by one") {
    std::string reason;
    if (!Stack::is_possible(reason)) {
        MESSAGE("skipped: needs root for namespaces: " << reason);
        return;
    }
    Stack stack("10.0.0.1", 24, "fd00::1", 64);
    stack.run([] {
        loopback_up(1'500);
        if (!slow_loopback("80mbit")) {
            MESSAGE("skipped: no tc, or no tbf in this kernel");
            return;
        }
        for (const bool ungrouped : {false, true}) {
            DataSocket from(kLoopbackV4);
            DataSocket to(kLoopbackV4);
            const int little = 100'000;
            REQUIRE(::setsockopt(from.socket->fd(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little) == 0);
            TrainMaker maker;
            std::vector<dataplane::EgressTrain> trains;
            std::vector<std::vector<std::uint8_t>> expected;
            for (int i = 0; i < 8; ++i) {
                trains.push_back(maker.make(to.endpoint, 45, 1'400, 1'400));
                trains.back().ungrouped = ungrouped;
                for (auto& datagram : datagrams_of(trains.back())) expected.push_back(std::move(datagram));
            }
            std::vector<std::vector<std::uint8_t>> got;
            std::array<SendOutcome, 8> outcomes{};
            std::size_t done = 0;
            int rounds = 0;
            while (done < trains.size() && ++rounds < 1'000) {
                done += from.socket->send(std::span(trains).subspan(done), outcomes);
                for (auto& datagram : to.receive(got.size() < expected.size() ? 1 : 0))
                    got.push_back(std::move(datagram));
            }
            CHECK(done == trains.size());
            CHECK(rounds > 1);  // it was full at least once
            while (got.size() < expected.size()) {
                auto more = to.receive(1);
                if (more.empty()) break;
                for (auto& datagram : more) got.push_back(std::move(datagram));
            }
            CHECK(got == expected);
        }
    });
}

TEST_CASE("what a queue behind the socket had no room for is refused: the socket takes more, so nobody waits for it") {
    std::string reason;
    if (!Stack::is_possible(reason)) {
        MESSAGE("skipped: needs root for namespaces: " << reason);
        return;
    }
    Stack stack("10.0.0.1", 24, "fd00::1", 64);
    stack.run([] {
        loopback_up(1'500);
        if (!slow_loopback("1mbit", "1ms")) {
            MESSAGE("skipped: no tc, or no tbf in this kernel");
            return;
        }
        for (const bool ungrouped : {false, true}) {
            DataSocket from(kLoopbackV4);
            DataSocket to(kLoopbackV4);
            const int on = 1;  // or else the kernel keeps quiet about its queues (ip(7))
            REQUIRE(::setsockopt(from.socket->fd(), IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
            TrainMaker maker;
            std::vector<dataplane::EgressTrain> trains;
            for (int i = 0; i < 8; ++i) {
                trains.push_back(maker.make(to.endpoint, 45, 1'400, 1'400));
                trains.back().ungrouped = ungrouped;
            }
            std::array<SendOutcome, 8> outcomes{};
            CHECK(from.socket->send(trains, outcomes) == trains.size());
            CHECK(outcomes.back() == SendOutcome::kRefused);
        }
    });
}

}  // namespace
}  // namespace warren::io::test
