// Token buckets and a customer's limits, alone and in a pipeline.
#include "vpnd/turns/policer.h"

#include <doctest/doctest.h>

#include "rig.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kRate = 8'000'000;  // a megabyte a second
constexpr std::size_t kBurst = 100'000;     // bytes: a tenth of a second of it

// Bytes that pass in `time` if `offered` times the allowed rate arrives, in messages of `size`.
std::size_t passed(Policer& policer, Instant& now, Duration time, std::size_t size, std::uint64_t offered = 4) {
    const Duration gap = Duration(static_cast<std::int64_t>(size * 8'000'000'000 / kRate / offered));
    std::size_t out = 0;
    for (const Instant end = now + time; now < end; now = now + gap) {
        if (policer.pass(now, size)) out += size;
    }
    return out;
}

TEST_CASE("without a rate there is no limit") {
    Policer policer;
    for (int i = 0; i < 1'000'000; ++i) REQUIRE(policer.pass(kStart, 65'000));
}

TEST_CASE("beyond one burst, a rate holds within a percent in the long run, for all sizes") {
    for (const std::size_t size : {48U, 1'452U, 60'000U}) {
        CAPTURE(size);
        Policer policer;
        policer.set_rate(kRate);
        Instant now = kStart;
        const std::size_t first = passed(policer, now, seconds(10), size);
        CHECK(first >= 10'000'000);
        CHECK(first <= 10'000'000 + kBurst + size + 100'000);
        const std::size_t second = passed(policer, now, seconds(10), size);
        CHECK(second >= 9'900'000);
        CHECK(second <= 10'100'000);
    }
}

TEST_CASE("a customer below its rate loses nothing, also in bursts that fit") {
    Policer policer;
    policer.set_rate(kRate);
    Instant now = kStart;
    for (int second = 0; second < 100; ++second) {
        for (std::size_t sent = 0; sent < kBurst - 1'452; sent += 1'452) REQUIRE(policer.pass(now, 1'452));
        now = now + milliseconds(100);
    }
}

TEST_CASE("a silent hour saves at most one burst") {
    Policer policer;
    policer.set_rate(kRate);
    Instant now = kStart + seconds(3'600);
    std::size_t sent = 0;
    while (policer.pass(now, 1'000)) sent += 1'000;
    CHECK(sent >= kBurst);
    CHECK(sent <= kBurst + 1'000);
}

TEST_CASE("at a low rate a burst of 64 KiB still passes") {
    Policer policer;
    policer.set_rate(64'000);
    std::size_t sent = 0;
    while (policer.pass(kStart, 1'024)) sent += 1'024;
    CHECK(sent >= (64U << 10));
    CHECK(sent <= (64U << 10) + 1'024);
}

TEST_CASE("returned tokens can be used again") {
    Policer policer;
    policer.set_rate(kRate);
    for (int i = 0; i < 100'000; ++i) {
        REQUIRE(policer.pass(kStart, 1'452));
        policer.refund(1'452);
    }
}

TEST_CASE("setting the same rate keeps the debt, setting another one clears it") {
    Policer policer;
    policer.set_rate(64'000);
    while (policer.pass(kStart, 60'000)) {
    }
    policer.set_rate(64'000);
    CHECK_FALSE(policer.pass(kStart, 1));
    policer.set_rate(kRate);
    CHECK(policer.pass(kStart, 1));
}

// --- in the pipeline -------------------------------------------------------------------------------------------------

constexpr std::uint32_t kIndex = 1 << 6;

struct LimitedRig : Rig {
    LimitedRig(std::uint64_t rate_up, std::uint64_t rate_down) {
        CustomerSpec spec;
        spec.rate_up = rate_up;
        spec.rate_down = rate_down;
        put(spec);
        set_endpoint(0, "198.51.100.7:1111");
        install(0, kIndex, true);
        (void)sent();
    }
    static Packet from_site(std::size_t payload) { return udp_packet({}, 1, 2, Packet(payload)); }
    static Packet to_site(std::size_t payload) {
        return udp_packet({.source = IpAddress::v4(10, 0, 1, 10), .destination = IpAddress::v4(10, 0, 0, 2)}, 2, 1,
                          Packet(payload));
    }
    std::uint64_t next = 0;
};

// What arrives in `time` after everything that the shaper holds was delivered or sent, step by step.
void pass_time(LimitedRig& rig, Duration time) {
    for (const Instant end = rig.now + time; rig.now < end; rig.now = rig.now + milliseconds(1)) rig.release();
}

TEST_CASE("over rate_up packets wait for their turn, and over twice the rate messages are not opened") {
    LimitedRig rig(kRate, 0);
    const std::size_t admitted = 2 * kBurst / 1'056;  // 1,000 bytes, headers of UDP, IP and WireGuard, padding
    for (std::size_t i = 0; i < 2 * admitted; ++i)
        rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
    const std::size_t at_once = rig.delivered().size();
    CHECK(at_once >= 5);  // 5 ms of 1,028 bytes each
    CHECK(at_once <= 7);
    const std::uint64_t unopened = 2 * admitted - rig.traffic(0).rx_packets;
    CHECK(unopened >= admitted - 2);
    CHECK(unopened <= admitted + 2);
    pass_time(rig, seconds(1));
    const std::size_t later = rig.delivered().size();
    CHECK(later >= 70);  // the queue of one flow: 80 ms, its memory included
    CHECK(later <= 80);
    CHECK(at_once + later + rig.drops(DropReason::kRateUpExceeded) == 2 * admitted);
    CHECK(rig.all_drops() == rig.drops(DropReason::kRateUpExceeded));
}

TEST_CASE("beyond twice the rate keepalives pass, and the other direction is not limited") {
    LimitedRig rig(64'000, 0);
    for (std::size_t i = 0; i < 500; ++i) rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
    const std::uint64_t opened = rig.traffic(0).rx_packets;
    CHECK(opened < 100);
    rig.receive(rig.seal(kIndex, rig.next++, {}));
    CHECK(rig.traffic(0).rx_packets == opened + 1);
    // A forged message is not opened either, so it is not detected.
    Packet forged = rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000));
    forged.back() ^= 1;
    rig.receive(forged);
    CHECK(rig.drops(DropReason::kAuthenticationFailed) == 0);
    rig.transmit(0, LimitedRig::to_site(1'000));
    CHECK(rig.sent().size() == 1);
}

TEST_CASE("what waits for the rate is delivered in order and unchanged, at the rate") {
    LimitedRig rig(kRate, 0);
    std::vector<Packet> wanted;
    for (std::size_t i = 0; i < 40; ++i) {
        wanted.push_back(udp_packet({}, 1, 2, Packet(972, static_cast<std::uint8_t>(i))));
        rig.receive(rig.seal(kIndex, rig.next++, wanted.back()));
    }
    std::vector<Packet> arrived;
    const auto take = [&] {
        for (Delivered& one : rig.delivered()) arrived.push_back(std::move(one.packet));
    };
    take();
    const Instant began = rig.now;
    while (arrived.size() < wanted.size() && rig.now < began + seconds(1)) {
        rig.now = rig.pipeline->next_deadline();
        rig.release();
        take();
    }
    CHECK(arrived == wanted);
    CHECK(rig.now - began >= milliseconds(34));  // 40,000 bytes, but for 5 ms at once
    CHECK(rig.now - began <= milliseconds(36));
}

TEST_CASE("packets of a peer that left do not arrive, nor those of a suspended customer") {
    LimitedRig rig(kRate, kRate);
    const auto fill = [&] {
        for (std::size_t i = 0; i < 30; ++i) {
            rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
            rig.transmit(0, LimitedRig::to_site(1'000));
        }
        (void)rig.delivered();
        (void)rig.sent();
    };
    fill();
    Rig::CustomerSpec spec;
    spec.rate_up = spec.rate_down = kRate;
    SUBCASE("suspended") {
        spec.suspended = true;
        rig.put(spec);
        CHECK(rig.drops(DropReason::kCustomerSuspended) > 40);
    }
    SUBCASE("its session was retired") {
        rig.apply(RetireSession{{kIndex}});
    }
    pass_time(rig, seconds(1));
    CHECK(rig.delivered().empty());
    CHECK(rig.sent().empty());
    rig.tick();
    CHECK(rig.pipeline->next_deadline() == kNever);
}

TEST_CASE("forged and replayed messages do not use a customer's rate") {
    LimitedRig rig(kRate, 0);
    const Packet good = rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000));
    rig.receive(good);
    for (int i = 0; i < 300; ++i) {
        Packet forged = rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000));
        forged.back() ^= 1;
        rig.receive(forged);
        rig.receive(good);
    }
    CHECK(rig.drops(DropReason::kRateUpExceeded) == 0);
    (void)rig.delivered();
    rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
    CHECK(rig.delivered().size() == 1);
}

TEST_CASE("forged messages of the same moment keep no valid one out, and messages over the rate are still not opened") {
    LimitedRig rig(kRate, 0);
    const auto some = [&](std::size_t count, bool forged) {
        std::vector<Packet> out;
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
            if (forged) out.back().back() ^= 1;
        }
        return out;
    };
    rig.receive(some(2 * kBurst / 1'056 - 5, false));  // a few more are opened
    const std::uint64_t opened = rig.traffic(0).rx_packets;
    auto mixed = some(40, true);
    for (Packet& good : some(3, false)) mixed.push_back(std::move(good));
    rig.receive(mixed);
    CHECK(rig.traffic(0).rx_packets == opened + 3);
    CHECK(rig.drops(DropReason::kAuthenticationFailed) == 40);
    rig.receive(some(40, false));
    CHECK(rig.traffic(0).rx_packets <= opened + 3 + 4);
    const std::uint64_t over = rig.drops(DropReason::kRateUpExceeded);
    rig.receive(some(40, true));
    CHECK(rig.drops(DropReason::kAuthenticationFailed) == 40);
    CHECK(rig.drops(DropReason::kRateUpExceeded) == over + 40);
}

TEST_CASE("packets over rate_down wait unsealed: no counter is used before they go") {
    LimitedRig rig(0, kRate);
    for (std::uint64_t i = 0; i < 200; ++i) rig.transmit(0, LimitedRig::to_site(972));
    const auto at_once = rig.sent();
    CHECK(at_once.size() >= 5);
    CHECK(at_once.size() <= 7);
    CHECK(WireguardFraming::parse(at_once.back().bytes).sequence == at_once.size());  // the first was the keepalive
    const std::uint64_t dropped = rig.drops(DropReason::kRateDownExceeded);
    pass_time(rig, milliseconds(10));
    const auto later = rig.sent();
    CHECK(later.size() >= 9);
    CHECK(later.size() <= 11);
    CHECK(WireguardFraming::parse(later.back().bytes).sequence == at_once.size() + later.size());
    pass_time(rig, seconds(1));
    CHECK(at_once.size() + later.size() + rig.sent().size() + dropped == 200);
}

TEST_CASE("a packet of another flow passes before what waits of a download") {
    LimitedRig rig(0, kRate);
    while (rig.drops(DropReason::kRateDownExceeded) == 0) rig.transmit(0, LimitedRig::to_site(972));
    pass_time(rig, milliseconds(4));
    (void)rig.sent();
    const Packet ping = udp_packet({.source = IpAddress::v4(10, 0, 1, 10), .destination = IpAddress::v4(10, 0, 0, 2)},
                                   9, 9, Packet(10));
    rig.transmit(0, ping);
    CHECK(rig.sent().empty());
    rig.now = rig.pipeline->next_deadline();
    rig.release();
    const auto sent = rig.sent();
    REQUIRE_FALSE(sent.empty());
    CHECK(sent[0].bytes.size() < 100);  // the ping, before 80 ms of what was before it
}

TEST_CASE("however often a customer with waiting packets is put again, each is looked at once for a time") {
    LimitedRig rig(kRate, 0);
    Rig::CustomerSpec spec;
    spec.rate_up = kRate;
    for (int i = 0; i < 60; ++i) rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(972)));
    for (int i = 0; i < 50; ++i) rig.put(spec);
    std::size_t looks = 0;
    for (const Instant end = rig.now + seconds(1); rig.now < end; rig.now = rig.now + milliseconds(1)) {
        while (const auto customer = rig.pipeline->next_released(rig.now)) {
            ++looks;
            rig.pipeline->release_inbound(rig.now, *customer, rig.out);
            rig.out.clear();
        }
    }
    CHECK(looks > 10);
    CHECK(looks < 100);  // 60 packets, each a millisecond
}

TEST_CASE("a rate changes without a new session") {
    LimitedRig rig(64'000, 64'000);
    Rig::CustomerSpec spec;
    for (int i = 0; i < 200; ++i) rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
    CHECK(rig.drops(DropReason::kRateUpExceeded) > 0);
    (void)rig.delivered();
    rig.put(spec);
    rig.release();  // what waited waits no longer
    CHECK(rig.delivered().size() > 10);
    for (int i = 0; i < 200; ++i) rig.receive(rig.seal(kIndex, rig.next++, LimitedRig::from_site(1'000)));
    CHECK(rig.delivered().size() == 200);
}

TEST_CASE("a customer is metered: bytes and packets of all its peers, each way, and its charged time") {
    LimitedRig rig(0, 0);
    const Packet in = rig.seal(kIndex, rig.next++, LimitedRig::from_site(100));
    rig.receive(in);
    rig.receive(in);  // a replay is not counted
    rig.transmit(0, LimitedRig::to_site(200));
    rig.pipeline->charge({0}, Direction::kInbound, milliseconds(3));
    rig.pipeline->charge({0}, Direction::kOutbound, milliseconds(4));
    rig.pipeline->charge({0}, Direction::kOutbound, milliseconds(1));
    rig.pipeline->charge({7}, Direction::kOutbound, milliseconds(1));  // no such customer
    const Meters& meters = *rig.pipeline->meters({0});
    CHECK(meters.inbound.packets == 1);
    CHECK(meters.inbound.bytes == in.size());
    CHECK(meters.outbound.packets == 2);  // including the keepalive that began the session
    CHECK(meters.outbound.bytes == rig.traffic(0).tx_bytes);
    CHECK(meters.inbound.processor == milliseconds(3));
    CHECK(meters.outbound.processor == milliseconds(5));
    CHECK(rig.pipeline->meters({7}) == nullptr);
}

}  // namespace
}  // namespace warren::dataplane::test
