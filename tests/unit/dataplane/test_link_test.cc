// Customers that are test links, on their way through the pipeline.
#include <doctest/doctest.h>

#include "tests/unit/dataplane/packets.h"
#include "tests/unit/dataplane/rig.h"

using namespace warren;
using namespace warren::dataplane;
using namespace warren::dataplane::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint32_t kSession = 1 << 6;
constexpr std::uint32_t kOther = 2 << 6;  // of customer 1

// Customer 0 is a test link, customer 1 is not.
struct TwoCustomers : Rig {
    explicit TwoCustomers(const LineSettings& up, const LineSettings& down) {
        link(up, down);
        put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});
        for (const std::uint32_t peer : {0U, 1U}) {
            set_endpoint(peer, "198.51.100.7:1111");
            install(peer, peer == 0 ? kSession : kOther, true);
        }
        (void)sent();
    }
    void link(const LineSettings& up, const LineSettings& down, std::uint64_t rate = 0, bool is_blocked = false) {
        put({.index = 0,
             .peers = {{0, {"10.0.0.2/32"}}},
             .rate_up = rate,
             .rate_down = rate,
             .is_blocked = is_blocked,
             .emulate_up = up,
             .emulate_down = down});
    }
    void come(std::uint32_t session, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            receive(seal(session, next++, udp_packet({.source = IpAddress::v4(10, 0, 0, 2)}, 1, 2, Packet(972))));
    }
    void go(std::uint32_t customer, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i)
            transmit(customer,
                     udp_packet({.source = IpAddress::v4(10, 0, 1, 10), .destination = IpAddress::v4(10, 0, 0, 2)}, 2,
                                1, Packet(972)));
    }
    void wait(Duration time) {
        now = now + time;
        release();
    }
    std::uint64_t next = 0;
};

// Of four segments.
Packet super_packet() {
    const Packet tcp = tcp_packet({.source = IpAddress::v4(10, 0, 1, 10), .destination = IpAddress::v4(10, 0, 0, 2)},
                                  {}, Packet(4'000));
    Packet out = from_tun(tcp);
    out[0] = 1;                                      // needs a checksum
    out[1] = 1;                                      // TCP over IPv4 (virtio 1.1 §5.1.6)
    store_le(out.data() + 2, std::uint16_t{40});     // header
    store_le(out.data() + 4, std::uint16_t{1'000});  // segment
    store_le(out.data() + 6, std::uint16_t{20});     // where the checksum begins
    store_le(out.data() + 8, std::uint16_t{16});     // where it is, from there
    return out;
}

}  // namespace

TEST_CASE("packets of a test link are delayed each way, and those of the customer beside it are not") {
    TwoCustomers rig({.delay = milliseconds(50)}, {.delay = milliseconds(20)});
    rig.come(kSession, 3);
    rig.go(0, 4);
    CHECK(rig.delivered().empty());
    CHECK(rig.sent().empty());
    rig.come(kOther, 3);
    rig.go(1, 4);
    CHECK(rig.delivered().size() == 3);
    CHECK(rig.sent().size() == 4);
    CHECK(rig.pipeline->next_deadline() == rig.now + milliseconds(20));
    rig.wait(milliseconds(19));
    CHECK(rig.sent().empty());
    rig.wait(milliseconds(1));
    CHECK(rig.sent().size() == 4);
    CHECK(rig.delivered().empty());
    rig.wait(milliseconds(30));
    CHECK(rig.delivered().size() == 3);
    CHECK(rig.sent().empty());
    CHECK(rig.all_drops(0) == 0);
}

TEST_CASE("what a test link loses is counted as that") {
    TwoCustomers rig({.loss = LineSettings::kWhole}, {.loss = LineSettings::kWhole});
    rig.come(kSession, 5);
    rig.go(0, 7);
    rig.wait(seconds(1));
    CHECK(rig.delivered().empty());
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kEmulatedLoss) == 12);
    CHECK(rig.drops(DropReason::kEmulatedLoss, 1) == 0);
}

TEST_CASE("a super-packet goes over a test link as single packets") {
    TwoCustomers rig({}, {.rate = 8'000'000});
    rig.transmit_super(0, super_packet());
    CHECK(rig.sent().empty());
    for (int i = 0; i < 4; ++i) {
        rig.wait(std::chrono::microseconds(1'040));
        const auto sent = rig.sent();
        REQUIRE(sent.size() == 1);
        const Packet inner = rig.open(kSession, sent[0]);
        CHECK(naive_transport_checksum(Bytes(inner).first(1'040)) == 0);
    }
}

TEST_CASE("a test link comes behind the customer's rate") {
    TwoCustomers rig({}, {});
    rig.link({.delay = milliseconds(50)}, {.delay = milliseconds(50)}, 8'000'000);
    rig.come(kSession, 20);  // 5 ms of them at once
    rig.go(0, 20);
    std::size_t in = 0;
    std::size_t out = 0;
    for (int i = 0; i < 49; ++i) rig.wait(milliseconds(1));
    CHECK(rig.delivered().empty());
    CHECK(rig.sent().empty());
    for (int i = 0; i < 5; ++i) {
        rig.wait(milliseconds(1));
        in += rig.delivered().size();
        out += rig.sent().size();
    }
    CHECK(in < 12);
    CHECK(out < 12);
    for (int i = 0; i < 30; ++i) {
        rig.wait(milliseconds(1));
        in += rig.delivered().size();
        out += rig.sent().size();
    }
    CHECK(in == 20);
    CHECK(out == 20);
}

TEST_CASE("a customer that is no test link any more gets what is on the line at once, and pays nothing then") {
    TwoCustomers rig({.delay = seconds(9)}, {.delay = seconds(9)});
    rig.come(kSession, 3);
    rig.go(0, 4);
    rig.link({}, {});
    rig.wait(Duration::zero());
    CHECK(rig.delivered().size() == 3);
    CHECK(rig.sent().size() == 4);
    rig.come(kSession, 3);
    rig.go(0, 4);
    CHECK(rig.delivered().size() == 3);
    CHECK(rig.sent().size() == 4);
    CHECK(rig.pipeline->next_deadline() > rig.now);
    CHECK(rig.all_drops(0) == 0);
}

TEST_CASE("what is on the line goes with the quota, the state or the customer") {
    TwoCustomers rig({.delay = seconds(9)}, {.delay = seconds(9)});
    rig.come(kSession, 3);
    rig.link({.delay = seconds(9)}, {.delay = seconds(9)}, 0, true);
    CHECK(rig.drops(DropReason::kQuotaSpent) == 3);
    rig.wait(seconds(10));
    CHECK(rig.delivered().empty());
    rig.link({.delay = seconds(9)}, {.delay = seconds(9)});
    rig.come(kSession, 3);
    rig.put({.index = 0, .peers = {{0, {"10.0.0.2/32"}}}, .suspended = true});
    CHECK(rig.drops(DropReason::kCustomerSuspended) == 3);
    rig.link({.delay = seconds(9)}, {.delay = seconds(9)});
    rig.come(kSession, 3);
    rig.pipeline->drop_customer({0});
    rig.wait(seconds(10));
    CHECK(rig.delivered().empty());
}

TEST_CASE("what was decided about a peer while its packets were on the line holds for them") {
    TwoCustomers rig({.delay = milliseconds(50)}, {});
    rig.come(kSession, 3);
    rig.put({.index = 0, .peers = {{0, {"10.0.0.3/32"}}}, .emulate_up = {.delay = milliseconds(50)}});
    rig.wait(milliseconds(50));
    CHECK(rig.delivered().empty());
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 3);
}

TEST_CASE("a packet on the line whose peer has gone goes with it") {
    TwoCustomers rig({.delay = milliseconds(50)}, {.delay = milliseconds(50)});
    rig.come(kSession, 3);
    rig.go(0, 3);
    rig.put({.index = 0,
             .peers = {{5, {"10.0.0.3/32"}}},
             .emulate_up = {.delay = milliseconds(50)},
             .emulate_down = {.delay = milliseconds(50)}});
    rig.wait(milliseconds(50));
    CHECK(rig.delivered().empty());
    CHECK(rig.sent().empty());
    CHECK(rig.drops(DropReason::kSessionExpired) == 3);
    CHECK(rig.drops(DropReason::kNoPeerForDestination) == 3);
}

TEST_CASE("a line with thousands of packets that are due lets other work in between") {
    TwoCustomers rig({.delay = milliseconds(50)}, {});
    rig.come(kSession, 1'000);
    rig.now = rig.now + milliseconds(50);
    const auto customer = rig.pipeline->next_released(rig.now);
    REQUIRE(customer.has_value());
    rig.pipeline->release_inbound(rig.now, *customer, rig.out);
    std::size_t packets = 0;
    for (const TunWrite& write : rig.out.tun_writes) packets += write.packets;
    CHECK(packets == 64);
    rig.out.clear();
    CHECK(rig.pipeline->next_deadline() <= rig.now);
    rig.release();
    CHECK(rig.delivered().size() == 936);
}

TEST_CASE("a direction of a test link without settings is none, however full the other one is") {
    TwoCustomers rig({.delay = seconds(2)}, {});
    rig.come(kSession, 10'000);
    CHECK(rig.drops(DropReason::kEmulatedQueueFull) > 0);
    rig.transmit_super(0, super_packet());
    CHECK(rig.sent().size() == 4);
    CHECK(rig.trains == 1);
}

TEST_CASE("whoever floods one direction of a test link leaves the other one its room") {
    TwoCustomers rig({.delay = seconds(2)}, {.delay = milliseconds(20)});
    rig.come(kSession, 10'000);
    CHECK(rig.drops(DropReason::kEmulatedQueueFull) > 0);
    rig.go(0, 50);
    rig.wait(milliseconds(20));
    CHECK(rig.sent().size() == 50);
}

TEST_CASE("thousands of packets that leave a rate for a test link let other work in between") {
    TwoCustomers rig({}, {});
    rig.link({.delay = milliseconds(50)}, {}, 80'000'000);
    rig.come(kSession, 200);                    // 5 ms of them at once
    rig.link({.delay = milliseconds(50)}, {});  // without the rate all others may go
    const auto customer = rig.pipeline->next_released(rig.now);
    REQUIRE(customer.has_value());
    rig.pipeline->release_inbound(rig.now, *customer, rig.out);
    CHECK(rig.pipeline->next_deadline() <= rig.now);  // some still wait for their turn
    rig.out.clear();
    rig.release();
    CHECK(rig.delivered().empty());
    rig.wait(milliseconds(50));
    CHECK(rig.delivered().size() == 200);
    CHECK(rig.all_drops(0) == 0);
}
