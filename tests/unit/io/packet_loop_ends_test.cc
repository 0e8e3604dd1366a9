// A packet loop and its ends, which are in memory (loop_rig.h): both ways in each framing, an uplink that is full or
// fails, a TUN that refuses or is gone.
#include <doctest/doctest.h>

#include <numeric>

#include "loop_rig.h"
#include "tests/unit/crypto/allocation_count.h"
#include "vpnd/packet/checksum.h"
#include "vpnd/packet/transport_header.h"

namespace warren::io::test {
namespace {

using Numbers = std::vector<std::uint64_t>;

Numbers numbers(std::uint64_t first, std::uint64_t end) {
    Numbers out(end - first);
    std::iota(out.begin(), out.end(), first);
    return out;
}

// One after the other, so that each makes a train of its own.
void transmit_singly(LoopRig& rig, std::uint32_t customer, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        rig.transmit(customer, 1);
        rig.run();
    }
}

template <typename T>
std::size_t count_events(const std::vector<WorkerEvent>& events) {
    return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [](const WorkerEvent& event) {
        const auto* const inner = std::get_if<dataplane::Event>(&event);
        return inner != nullptr && std::holds_alternative<T>(*inner);
    }));
}

TEST_CASE("in every framing a packet reaches the stack as the peer sent it, and the peer as the stack sent it") {
    for (const FarEnd* const far_end : far_ends()) {
        CAPTURE(far_end->framing().name);
        LoopRig rig(1, *far_end);
        rig.put(0);
        rig.put(1);
        rig.run();
        for (const std::uint32_t customer : {0U, 1U}) {
            rig.receive(customer, 3);
            rig.transmit(customer, 2);
        }
        rig.receive_forged(1, 1);
        rig.run();
        for (const std::uint32_t customer : {0U, 1U}) {
            const auto& delivered = rig.tun(customer).to_stack;
            REQUIRE(delivered.size() == 3);
            for (std::size_t i = 0; i < 3; ++i) CHECK(delivered[i] == LoopRig::packet_in(customer, 0, i));
            Numbers seen;
            for (const MemoryUplink::Sent& train : rig.uplink().sent) {
                if (train.customer.value != customer) continue;
                for (const auto& datagram : train.datagrams) {
                    auto packet = far_end->open(rig.session(customer), datagram);
                    REQUIRE(packet.has_value());
                    if (packet->empty()) continue;  // the first keepalive
                    const auto wanted = LoopRig::packet_out(customer, 0, seen.size());
                    packet->resize(wanted.size());  // without padding
                    CHECK(*packet == wanted);
                    seen.push_back(seen.size());
                }
                CHECK_FALSE(far_end->open(rig.session(1 - customer), train.datagrams[0]).has_value());
            }
            CHECK(seen.size() == 2);
        }
        CHECK(rig.drops(DropReason::kAuthenticationFailed, 1) == 1);
        CHECK(rig.drops(DropReason::kAuthenticationFailed, 0) == 0);
    }
}

TEST_CASE("a full uplink: trains wait in order, the oldest is dropped and counted, and what waits leaves first") {
    LoopRig rig;
    rig.put(0);
    rig.put(1);
    rig.run();
    rig.uplink().sent.clear();
    const int number = rig.uplink().number();
    CHECK(rig.readiness().interest_in(number) == EPOLLIN);
    rig.uplink().room = 0;
    transmit_singly(rig, 0, 3);
    CHECK(rig.readiness().interest_in(number) == (EPOLLIN | EPOLLOUT));
    transmit_singly(rig, 1, 7);  // eight may wait
    CHECK(rig.sent(0).empty());
    CHECK(rig.drops(DropReason::kUplinkFull, 0) == 2);
    CHECK(rig.drops(DropReason::kUplinkFull, 1) == 0);

    rig.uplink().room = 3;
    rig.run();
    CHECK(rig.sent(0) == Numbers{2});
    CHECK(rig.sent(1) == Numbers{0, 1});
    transmit_singly(rig, 0, 1);  // behind those of the other
    CHECK(rig.sent(0) == Numbers{2});
    CHECK(rig.readiness().interest_in(number) == (EPOLLIN | EPOLLOUT));

    rig.uplink().room = SIZE_MAX;
    rig.run();
    CHECK(rig.sent(1) == numbers(0, 7));
    CHECK(rig.sent(0) == Numbers{2, 3});
    CHECK(rig.uplink().sent.back().customer == CustomerIndex{0});
    CHECK(rig.readiness().interest_in(number) == EPOLLIN);
    transmit_singly(rig, 0, 1);
    CHECK(rig.sent(0) == Numbers{2, 3, 4});
    CHECK(rig.drops(DropReason::kUplinkFull, 0) == 2);
}

TEST_CASE("an uplink that is full for long: what is received is delivered meanwhile, and no buffer is lost") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.uplink().sent.clear();
    for (int i = 0; i < 20; ++i) {
        rig.uplink().room = 0;
        rig.transmit(0, 1'000);
        rig.receive(0, 10);
        rig.run();
        rig.uplink().room = SIZE_MAX;
        rig.run();
    }
    CHECK(rig.delivered(0) == numbers(0, 200));
    CHECK(rig.drops(DropReason::kBuffersExhausted, 0) == 0);
    const std::uint64_t dropped = rig.drops(DropReason::kUplinkFull, 0);
    CHECK(dropped > 0);
    CHECK(rig.sent(0).size() + dropped == 20'000);
}

TEST_CASE("what an uplink refuses is counted for its customer, and the rest is sent") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.uplink().outcomes = {SendOutcome::kSent, SendOutcome::kRefused, SendOutcome::kSent};
    transmit_singly(rig, 0, 3);
    CHECK(rig.sent(0) == Numbers{0, 2});
    CHECK(rig.drops(DropReason::kUplinkRefused, 0) == 1);
}

TEST_CASE("E2, T5: after a train that could not leave from its address, the kernel chooses the address") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.uplink().sent.clear();
    rig.uplink().outcomes = {SendOutcome::kSentFromElsewhere};
    transmit_singly(rig, 0, 2);
    REQUIRE(rig.uplink().sent.size() == 2);
    CHECK_FALSE(rig.uplink().sent[0].local.address.is_unspecified());
    CHECK(rig.uplink().sent[1].local.address.is_unspecified());
}

TEST_CASE("a path that takes no trains is sent single datagrams for a minute, unless the device is to blame") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.uplink().sent.clear();
    rig.uplink().outcomes = {SendOutcome::kSentUngrouped};
    SUBCASE("the path") {
        transmit_singly(rig, 0, 2);
        rig.advance(std::chrono::seconds(59));
        transmit_singly(rig, 0, 1);
        rig.advance(std::chrono::seconds(2));
        transmit_singly(rig, 0, 1);
        REQUIRE(rig.uplink().sent.size() == 4);
        CHECK_FALSE(rig.uplink().sent[0].ungrouped);
        CHECK(rig.uplink().sent[1].ungrouped);
        CHECK(rig.uplink().sent[2].ungrouped);
        CHECK_FALSE(rig.uplink().sent[3].ungrouped);
    }
    SUBCASE("the device") {
        rig.uplink().segmentation_is_off = true;
        transmit_singly(rig, 0, 2);
        CHECK_FALSE(rig.uplink().sent[1].ungrouped);
    }
}

TEST_CASE("a datagram that does not fit is counted, and the ones around it are delivered") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    rig.receive(0, 1);
    rig.uplink().arriving.push_back({{}, {}, 0, 0, std::vector<std::uint8_t>(dataplane::PacketBuffer::kSize + 1)});
    rig.receive(0, 1);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{0, 1});
    CHECK(rig.drops(DropReason::kDatagramTruncated) == 1);
}

TEST_CASE("a TUN that refuses is counted for its customer, and takes packets again when it does") {
    LoopRig rig;
    rig.put(0);
    rig.put(1);
    rig.run();
    rig.tun(0).refuses = true;
    rig.receive(0, 5);
    rig.receive(1, 5);
    rig.run();
    CHECK(rig.drops(DropReason::kTunWriteFailed, 0) == 5);
    CHECK(rig.drops(DropReason::kTunWriteFailed, 1) == 0);
    CHECK(rig.delivered(1) == numbers(0, 5));
    rig.tun(0).refuses = false;
    rig.receive(0, 2);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{5, 6});
    CHECK(rig.drops(DropReason::kTunWriteFailed, 0) == 5);
}

// One flow of UDP, with checksums: packets that may be joined.
std::vector<std::vector<std::uint8_t>> joinable(const std::vector<std::uint8_t>& like, std::size_t count) {
    using namespace dataplane;
    std::vector<std::vector<std::uint8_t>> out;
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<std::uint8_t> packet(20 + kUdpHeaderSize + 32, static_cast<std::uint8_t>(i));
        std::copy_n(like.begin(), 20, packet.begin());  // addresses
        packet[9] = kProtocolUdp;
        store_be(packet.data() + 2, static_cast<std::uint16_t>(packet.size()));
        store_be(packet.data() + 4, static_cast<std::uint16_t>(i));
        store_be<std::uint16_t>(packet.data() + 6, 0x4000);  // may not be fragmented
        store_le<std::uint16_t>(packet.data() + 10, 0);
        store_le(packet.data() + 10, checksum_finish(checksum_sum(Bytes(packet).first(20))));
        std::uint8_t* const udp = packet.data() + 20;
        store_be<std::uint16_t>(udp, 5000);
        store_be<std::uint16_t>(udp + 2, 6000);
        store_be(udp + kUdpLength, static_cast<std::uint16_t>(packet.size() - 20));
        store_le<std::uint16_t>(udp + kUdpChecksum, 0);
        const Bytes addresses = Bytes(packet).subspan(12, 8);
        store_le(udp + kUdpChecksum,
                 checksum_finish(checksum_pseudo_header(addresses, kProtocolUdp, packet.size() - 20) +
                                 checksum_sum(Bytes(packet).subspan(20))));
        out.push_back(std::move(packet));
    }
    return out;
}

TEST_CASE("a device that refuses super-packets gets each packet as it was, and no super-packet of that kind any more") {
    LoopRig rig;
    rig.set_joining({.tcp = true, .udp = true});
    rig.put(0);
    rig.run();
    const auto packets = joinable(LoopRig::packet_in(0, 0, 0), 6);
    rig.receive(0, packets);
    rig.run();
    REQUIRE(rig.tun(0).writes == 1);  // they are joined

    rig.tun(0).to_stack.clear();
    rig.tun(0).refuses_whole = true;
    rig.receive(0, packets);
    rig.run();
    CHECK(rig.tun(0).to_stack == packets);
    CHECK(rig.drops(DropReason::kTunWriteFailed, 0) == 0);
    rig.tun(0).refuses_whole = false;
    rig.tun(0).writes = 0;
    rig.receive(0, packets);
    rig.run();
    CHECK(rig.tun(0).writes == 6);
    CHECK(rig.tun(0).joining.tcp);
}

TEST_CASE("a TUN that is gone wakes nobody any more, until its customer gets another") {
    LoopRig rig;
    rig.put(0);
    rig.put(1);
    rig.run();
    const int number = rig.tun(0).number();
    REQUIRE(rig.readiness().interest_in(number) == EPOLLIN);
    rig.tun(0).is_gone = true;
    rig.round();
    CHECK(rig.readiness().interest_in(number) == 0);
    rig.run();  // it comes to rest
    rig.receive(0, 1);
    rig.transmit(1, 1);
    rig.run();
    CHECK(rig.drops(DropReason::kTunWriteFailed, 0) == 1);
    CHECK(rig.sent(1) == Numbers{0});
    rig.put(0);
    rig.run();
    rig.transmit(0, 2);
    rig.receive(0, 2);
    rig.run();
    CHECK(rig.delivered(0) == Numbers{0, 1});
    CHECK(rig.sent(0) == Numbers{0, 1});
}

TEST_CASE("a customer that goes takes its TUN with it: the end is removed before it is closed") {
    LoopRig rig;
    rig.put(0);
    rig.run();
    const int number = rig.tun(0).number();
    rig.set_cost(0, std::chrono::microseconds(5));
    rig.transmit(0, 2'000);  // more than one round is long
    rig.round();
    REQUIRE_FALSE(rig.tun(0).from_stack.empty());
    rig.drop(0);
    rig.run();
    CHECK(rig.readiness().interest_in(number) == 0);
    CHECK_FALSE(rig.tun(0).is_open());
}

TEST_CASE("without a session packets wait, one is asked for, and they leave in order when it is there") {
    LoopRig rig;
    rig.put(0, 1, false);
    rig.transmit(0, 20);
    rig.run();
    CHECK(rig.uplink().sent.empty());
    CHECK(count_events<dataplane::NeedSession>(rig.take_events()) == 1);
    rig.install(0);
    rig.run();
    CHECK(rig.sent(0) == numbers(0, 20));
}

TEST_CASE("rounds in steady state take nothing from the heap") {
    if (!warren::test::counts_allocations()) return;
    LoopRig rig;
    rig.put(0);
    rig.put(1);
    rig.run();
    rig.uplink().keeps_sent = false;
    for (const std::uint32_t customer : {0U, 1U}) rig.tun(customer).keeps_written = false;
    std::uint64_t allocated = 0;
    std::size_t writes = 0;
    for (int i = 0; i < 20; ++i) {
        for (const std::uint32_t customer : {0U, 1U}) {
            for (int train = 0; train < 4; ++train) rig.receive(customer, 50);
            rig.transmit(customer, 500);
        }
        for (int round = 0; round < 20; ++round) {
            const std::uint64_t before = warren::test::allocations_of_this_thread();
            rig.round_alone();
            if (i >= 10) allocated += warren::test::allocations_of_this_thread() - before;
        }
        rig.round();
        (void)rig.take_events();
        writes = rig.tun(0).writes + rig.tun(1).writes;
    }
    CHECK(writes == 20 * 2 * 200);
    CHECK(rig.uplink().sent_trains > 20 * 2 * 500 / 64);
    CHECK(allocated == 0);
}

}  // namespace
}  // namespace warren::io::test
