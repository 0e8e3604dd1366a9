// Packets that somebody watches (vpnd/io/tap.h), between ends in memory.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "loop_rig.h"

namespace warren::io::test {
namespace {

using Octets = std::vector<std::uint8_t>;

struct Told {
    bool is_outbound = false;
    bool is_drop = false;
    std::uint64_t sequence = 0;
    std::uint32_t session = 0;
    std::string peer;
    Octets inner;
    Octets outer;
    std::string note;
    std::uint16_t port = 0;
};

struct MemorySink final : TapSink {
    bool take(const TapRecord& record) override {
        if (is_full) {
            ++lost;
            return false;
        }
        told.push_back({record.is_outbound, record.is_drop, record.head.sequence, record.head.session.value,
                        std::string(record.peer), Octets(record.inner.begin(), record.inner.end()),
                        Octets(record.outer.begin(), record.outer.end()), std::string(record.note), record.local_port});
        return true;
    }
    void lose(std::uint64_t packets) override { lost += packets; }

    bool is_full = false;
    std::uint64_t lost = 0;
    std::vector<Told> told;
};

std::vector<Told> of(const std::vector<Told>& all, bool is_outbound) {
    std::vector<Told> out;
    for (const Told& one : all)
        if (one.is_outbound == is_outbound && one.note != "keepalive") out.push_back(one);
    return out;
}

TEST_CASE("in every framing each packet is told with the datagram that carries it, and only of the customer") {
    for (const FarEnd* const far_end : far_ends()) {
        CAPTURE(far_end->framing().name);
        LoopRig rig(1, *far_end);
        const auto sink = std::make_shared<MemorySink>();
        rig.put(0);
        rig.put(1);
        rig.tap(0, sink);
        rig.run();
        for (const std::uint32_t customer : {0U, 1U}) {
            rig.receive(customer, 3);
            rig.transmit(customer, 2);
        }
        rig.run();
        const auto in = of(sink->told, false);
        REQUIRE(in.size() == 3);
        for (std::size_t i = 0; i < in.size(); ++i) {
            CHECK(in[i].inner == LoopRig::packet_in(0, 0, i));
            CHECK(in[i].peer == "peer-0");
            CHECK(in[i].port == 51'820);
            CHECK_FALSE(in[i].is_drop);
            const auto opened = far_end->open(rig.session(0), in[i].outer);
            CHECK_FALSE(opened.has_value());  // it is sealed with the other direction's key
            CHECK(in[i].outer.size() > in[i].inner.size());
        }
        CHECK(in[1].sequence == in[0].sequence + 1);
        const auto out = of(sink->told, true);
        REQUIRE(out.size() == 2);
        for (std::size_t i = 0; i < out.size(); ++i) {
            CHECK(out[i].inner == LoopRig::packet_out(0, 0, i));
            auto opened = far_end->open(rig.session(0), out[i].outer);
            REQUIRE(opened.has_value());
            opened->resize(out[i].inner.size());  // without padding
            CHECK(*opened == out[i].inner);
        }
        // Both customers got everything.
        for (const std::uint32_t customer : {0U, 1U}) {
            CHECK(rig.delivered(customer).size() == 3);
            CHECK(rig.sent(customer).size() == 2);
        }
        for (const Told& one : sink->told) {
            for (std::size_t i = 0; i < 3; ++i) CHECK(one.inner != LoopRig::packet_in(1, 0, i));
            CHECK_FALSE(far_end->open(rig.session(1), one.outer).has_value());
        }
    }
}

TEST_CASE("a dropped packet is told with its reason, and what was in it when it was authentic") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0);
    rig.tap(0, sink);
    rig.run();
    rig.receive_forged(0, 1);
    // Of another customer's peer, so its source is not this one's.
    rig.receive(0, std::vector<Octets>{LoopRig::packet_in(1, 0, 7)});
    rig.run();
    const auto in = of(sink->told, false);
    REQUIRE(in.size() == 2);
    CHECK(in[0].is_drop);
    CHECK(in[0].note == "authentication_failed");
    CHECK(in[0].inner.empty());
    CHECK_FALSE(in[0].outer.empty());
    CHECK(in[1].is_drop);
    CHECK(in[1].note == "source_not_allowed");
    CHECK(in[1].inner == LoopRig::packet_in(1, 0, 7));
}

TEST_CASE("what was not opened is no packet inside, whoever knows the SPI") {
    for (const FarEnd* const far_end : far_ends()) {
        if (!std::string_view(far_end->framing().name).starts_with("esp")) continue;
        CAPTURE(far_end->framing().name);
        LoopRig rig(1, *far_end);
        const auto sink = std::make_shared<MemorySink>();
        rig.put(0);
        rig.tap(0, sink);
        rig.run();
        rig.receive(0, 1);
        // Of a length that no block of the cipher has.
        rig.uplink().arriving.back().bytes.push_back(0);
        rig.uplink().arriving.back().segment_size += 1;
        rig.run();
        const auto in = of(sink->told, false);
        REQUIRE(in.size() == 1);
        CHECK(in[0].is_drop);
        CHECK(in[0].inner.empty());
        CHECK_FALSE(in[0].outer.empty());
        CHECK(rig.delivered(0).empty());
    }
}

TEST_CASE("a packet that pushes out the oldest one is told as one that waits") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0, 1, false);
    rig.tap(0, sink);
    rig.run();
    for (std::size_t i = 0; i <= dataplane::kStagedPackets; ++i) {
        rig.transmit(0, 1);
        rig.run();
    }
    CHECK(rig.drops(DropReason::kStagedOverflow, 0) == 1);
    REQUIRE(sink->told.size() == dataplane::kStagedPackets + 1);
    for (const Told& one : sink->told) CHECK_FALSE(one.is_drop);
    CHECK(sink->told[dataplane::kStagedPackets - 1].note == "waits");
    CHECK(sink->told.back().note == "waits; an older one was dropped: staged_overflow");
}

// Of `count` segments of 100 bytes, as a TUN hands it over (virtio 1.1 §5.1.6).
Octets super_packet(std::size_t count) {
    constexpr std::size_t kHeaders = 40;
    Octets out(dataplane::kOffloadHeaderSize + kHeaders + 100 * count);
    out[0] = 1;  // needs a checksum
    out[1] = 1;  // TCP over IPv4
    store_le(out.data() + 2, std::uint16_t{kHeaders});
    store_le(out.data() + 4, std::uint16_t{100});
    store_le(out.data() + 6, std::uint16_t{20});
    store_le(out.data() + 8, std::uint16_t{16});
    const Octets headers = LoopRig::packet_out(0, 0, 0);
    std::uint8_t* const ip = out.data() + dataplane::kOffloadHeaderSize;
    std::copy_n(headers.begin(), 20, ip);
    store_be(ip + 2, static_cast<std::uint16_t>(out.size() - dataplane::kOffloadHeaderSize));
    ip[9] = 6;
    ip[32] = 5 << 4;  // data offset
    return out;
}

TEST_CASE("what a test link holds or loses is told as that, and the loss of a part is not that of the whole") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.set_line({.delay = std::chrono::milliseconds(5), .loss = dataplane::LineSettings::kWhole / 2});
    rig.put(0);
    rig.tap(0, sink);
    rig.run();
    constexpr std::size_t kSegments = 16;
    rig.tun(0).from_stack.push_back(super_packet(kSegments));
    rig.run();
    rig.advance(std::chrono::milliseconds(5));
    rig.run();
    auto out = of(sink->told, true);
    REQUIRE(out.size() >= kSegments);
    const std::size_t left = out.size() - kSegments;
    REQUIRE(left > 0);
    REQUIRE(left < kSegments);
    for (std::size_t i = 0; i < kSegments; ++i) {
        CHECK_FALSE(out[i].is_drop);
        CHECK(out[i].note == "waits; the test link lost " + std::to_string(kSegments - left) + " of 16");
    }
    sink->told.clear();
    rig.set_line({.loss = dataplane::LineSettings::kWhole});
    rig.put(0);
    rig.tap(0, sink);
    rig.run();
    rig.tun(0).from_stack.push_back(super_packet(kSegments));
    rig.run();
    out = of(sink->told, true);
    REQUIRE(out.size() == kSegments);
    for (const Told& one : out) {
        CHECK(one.is_drop);
        CHECK(one.note == "emulated_loss");
    }
}

TEST_CASE("a packet that waits for a session is told once with it, and its datagram when it leaves") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0, 1, false);
    rig.tap(0, sink);
    rig.run();
    rig.transmit(0, 1);
    rig.run();
    REQUIRE(sink->told.size() == 1);
    CHECK(sink->told[0].note == "waits");
    CHECK(sink->told[0].inner == LoopRig::packet_out(0, 0, 0));
    CHECK(sink->told[0].outer.empty());
    rig.install(0);
    rig.run();
    const auto out = of(sink->told, true);
    REQUIRE(out.size() == 2);
    CHECK(out[1].note == "had waited");
    CHECK_FALSE(out[1].outer.empty());
}

TEST_CASE("a sink without room loses records and no packet, and the loss is counted") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0);
    rig.run();
    sink->is_full = true;
    rig.tap(0, sink);
    rig.run();
    constexpr std::size_t kCount = 40;
    for (std::size_t i = 0; i < kCount; ++i) {
        rig.receive(0, 1);
        rig.transmit(0, 1);
        rig.run();
    }
    CHECK(sink->told.empty());
    CHECK(rig.delivered(0).size() == kCount);
    CHECK(rig.sent(0).size() == kCount);
    CHECK(sink->lost >= 2 * kCount);
    // When it has room again, it hears again.
    sink->is_full = false;
    rig.advance(std::chrono::milliseconds(5));
    rig.receive(0, 1);
    rig.run();
    CHECK(of(sink->told, false).size() == 1);
}

TEST_CASE("of several workers each tells its own; one peer alone can be watched; the end is the end") {
    LoopRig rig(2);
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0);
    rig.tap(0, sink);
    rig.run();
    // Each arrives at the worker that does not own it.
    rig.receive(0, 2, {0, 1});
    rig.receive(0, 2, {1, 0});
    rig.transmit(0, 1, {0, 1});
    rig.run();
    CHECK(of(sink->told, false).size() == 4);
    const auto out = of(sink->told, true);
    REQUIRE(out.size() == 1);
    CHECK(out[0].peer == "peer-1");
    CHECK_FALSE(out[0].outer.empty());

    sink->told.clear();
    rig.tap(0, sink, 1);
    rig.run();
    rig.receive(0, 2, {0, 0});
    rig.receive(0, 3, {1, 1});
    rig.transmit(0, 1, {0, 0});
    rig.run();
    REQUIRE(sink->told.size() == 3);
    for (const Told& one : sink->told) CHECK(one.peer == "peer-1");

    rig.untap();
    rig.run();
    sink->told.clear();
    rig.receive(0, 2, {1, 1});
    rig.run();
    CHECK(sink->told.empty());
    CHECK(sink.use_count() == 1);
}

TEST_CASE("a customer that goes takes its tap along: who gets its index is not watched") {
    LoopRig rig;
    const auto sink = std::make_shared<MemorySink>();
    rig.put(0);
    rig.tap(0, sink);
    rig.run();
    rig.drop(0);
    rig.put(0);
    rig.run();
    sink->told.clear();
    rig.receive(0, 2);
    rig.transmit(0, 2);
    rig.run();
    CHECK(rig.delivered(0).size() == 2);
    CHECK(sink->told.empty());
}

}  // namespace
}  // namespace warren::io::test
