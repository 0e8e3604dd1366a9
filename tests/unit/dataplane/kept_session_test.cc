// What a session leaves to a successor of the process, at every moment.
#include "vpnd/dataplane/kept_session.h"

#include <doctest/doctest.h>

#include "rig.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::dataplane::test {
namespace {

constexpr std::uint32_t kId = 256;

Packet packet_to(const char* destination) {
    IpFields fields;
    fields.source = *parse_ip("10.0.0.1");
    fields.destination = *parse_ip(destination);
    return udp_packet(fields, 1000, 2000, Packet(5, 'x'));
}
Packet packet_from_peer() {
    IpFields fields;
    fields.source = *parse_ip("10.0.0.2");
    fields.destination = *parse_ip("10.0.0.1");
    return udp_packet(fields, 2000, 1000, Packet(5, 'x'));
}
std::uint64_t counter_of(const Sent& sent) {
    return load_le<std::uint64_t>(sent.bytes.data() + 8);
}

// A process with one session, kept in `slot`.
struct Process : Rig {
    explicit Process(KeptSession& kept) : slot(kept) {
        put({});
        set_endpoint(0, "198.51.100.7:1111");
    }
    void begin() {
        InstallSession install = session(0, kId);
        install.kept = &slot;
        install.first_counter = slot.reserved.load().value();
        install.send_when = SendWhen::kNowInSilence;
        apply(std::move(install));
    }
    std::vector<Sent> send(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) transmit(0, packet_to("10.0.0.2"));
        return sent();
    }
    std::size_t take_in(std::uint64_t counter) {
        receive(seal(kId, counter, packet_from_peer()));
        return delivered().size();
    }

    KeptSession& slot;
};

struct Slot : KeptSession {
    Slot() {
        wipe();
        state.store(kUsed);
    }
};

TEST_CASE("a session whose place another had taken is received on again, and not sent on") {
    Slot slot;
    Process process(slot);
    process.begin();
    constexpr std::uint32_t kOld = kId + 64;
    InstallSession old = process.session(0, kOld);
    old.send_when = SendWhen::kNever;
    process.apply(std::move(old));
    process.receive(process.seal(kOld, 5, packet_from_peer()));
    CHECK(process.delivered().size() == 1);
    const std::uint32_t remote = process.session(0, kId).remote_id;
    REQUIRE(process.session(0, kOld).remote_id != remote);
    for (const Sent& sent : process.send(2)) CHECK(load_le<std::uint32_t>(sent.bytes.data() + 4) == remote);
}

TEST_CASE("a successor's window is as large as the configuration says") {
    CHECK(ReplayWindow::resume(5'000, nullptr, 64).size() == 64);
    ReplayWindow window = ReplayWindow::resume(5'000, nullptr, 64);
    CHECK_FALSE(window.mark(5'000));
    CHECK(window.mark(5'100));
    CHECK(window.is_too_old(5'035));
    CHECK_FALSE(window.is_too_old(5'036));
}

TEST_CASE("every counter that is sent was reserved before, and a successor begins behind them") {
    Slot slot;
    Process first(slot);
    first.begin();
    CHECK(first.sent().empty());  // nothing is sent for a session that goes on
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        for (const Sent& sent : first.send(1)) {
            last = counter_of(sent);
            CHECK(last < slot.reserved.load().value());
        }
    }
    CHECK(last == 2);
    CHECK(slot.reserved.load() == KeptSession::kReservation);

    Process second(slot);
    second.begin();
    const auto sent = second.send(1);
    REQUIRE(sent.size() == 1);
    CHECK(counter_of(sent[0]) == KeptSession::kReservation);
    CHECK(slot.reserved.load() == 2 * KeptSession::kReservation);
}

TEST_CASE("a reservation is renewed before it is used up") {
    Slot slot;
    slot.reserved.store(KeptCounter::kLimit - 3 * KeptSession::kReservation);
    Process process(slot);
    process.begin();
    std::uint64_t stores = 0;
    std::uint64_t before = slot.reserved.load().value();
    for (std::size_t i = 0; i < KeptSession::kReservation / 64 + 8; ++i) {
        for (const Sent& sent : process.send(64)) REQUIRE(counter_of(sent) < slot.reserved.load().value());
        if (std::exchange(before, slot.reserved.load().value()) != before) ++stores;
    }
    CHECK(stores == 2);
}

TEST_CASE("a successor refuses what was delivered, and everything below") {
    Slot slot;
    Process first(slot);
    first.begin();
    CHECK(first.take_in(0) == 1);
    CHECK(slot.received.load() == 1);
    CHECK(first.take_in(9) == 1);
    CHECK(first.take_in(7) == 1);
    CHECK(slot.received.load() == 10);

    Process second(slot);
    second.begin();
    for (const std::uint64_t counter : {0U, 7U, 8U, 9U}) CHECK(second.take_in(counter) == 0);
    CHECK(second.drops(DropReason::kReplayDuplicate) == 4);
    CHECK(second.take_in(10) == 1);
    CHECK(second.take_in(10) == 0);
}

TEST_CASE("a successor refuses what is far below too") {
    Slot slot;
    slot.received.store(100'001);
    Process second(slot);
    second.begin();
    for (std::uint64_t back = 0; back < 9'000; ++back) REQUIRE(second.take_in(100'000 - back) == 0);
    CHECK(second.take_in(100'001) == 1);
    CHECK(second.take_in(100'900) == 1);
    CHECK(second.take_in(100'899) == 1);
}

TEST_CASE("after a planned end a late message is accepted, once") {
    Slot slot;
    Process first(slot);
    first.begin();
    for (const std::uint64_t counter : {1'000U, 1'003U}) CHECK(first.take_in(counter) == 1);
    first.pipeline->keep_windows();

    Process second(slot);
    second.begin();
    CHECK(second.take_in(1'000) == 0);
    CHECK(second.take_in(1'003) == 0);
    CHECK(second.take_in(1'002) == 1);
    CHECK(second.take_in(1'002) == 0);
    // A crash now: 1002 is not below what was stored last, but was delivered.
    Process third(slot);
    third.begin();
    CHECK(third.take_in(1'002) == 0);
    CHECK(third.take_in(1'001) == 0);
    CHECK(third.take_in(1'004) == 1);
}

TEST_CASE("a session that ends is wiped and its slot is free") {
    for (const int way : {0, 1, 2}) {
        Slot slot;
        slot.record.fill(0xaa);
        Process process(slot);
        process.begin();
        if (way == 0) process.apply(RetireSession{{kId}});
        if (way == 1) process.pipeline->drop_customer({0});
        if (way == 2) process.put({.suspended = true});
        CHECK(slot.state.load() == KeptSession::kFree);
        CHECK(slot.record == decltype(slot.record){});
        CHECK(slot.reserved.load() == 0);
    }
}

TEST_CASE("a session that cannot be installed leaves its slot free") {
    Slot slot;
    Process process(slot);
    process.put({.suspended = true});
    process.begin();
    CHECK(slot.state.load() == KeptSession::kFree);
}

TEST_CASE("a session that is not sent on any more, as our key changed, is not kept") {
    Slot slot;
    Process process(slot);
    process.begin();
    process.apply(StopSending{{0}});
    CHECK(slot.state.load() == KeptSession::kFree);
    CHECK(process.take_in(5) == 1);
    CHECK(slot.received.load() == 0);
}

TEST_CASE("a counter too large to be kept ends keeping, not the session") {
    Slot slot;
    Process process(slot);
    process.begin();
    CHECK(process.take_in(KeptCounter::kLimit) == 1);
    CHECK(slot.state.load() == KeptSession::kFree);
    CHECK(process.take_in(KeptCounter::kLimit + 1) == 1);
    CHECK(slot.received.load() == 0);
}

TEST_CASE("a session moves to other memory with its counters") {
    Slot slot;
    Process process(slot);
    process.begin();
    (void)process.send(2);
    CHECK(process.take_in(41) == 1);
    KeptSession other;
    other.wipe();
    other.state.store(KeptSession::kFree);
    process.apply(KeepElsewhere{{kId}, &other});
    CHECK(other.state.load() == KeptSession::kUsed);
    CHECK(other.reserved.load() == KeptSession::kReservation);
    CHECK(other.received.load() == 42);
    CHECK(process.take_in(42) == 1);
    CHECK(other.received.load() == 43);
    CHECK(slot.received.load() == 42);

    // No such session: the place stays free.
    KeptSession nobody;
    nobody.wipe();
    nobody.state.store(KeptSession::kFree);
    process.apply(KeepElsewhere{{kId + 64}, &nobody});
    CHECK(nobody.state.load() == KeptSession::kFree);
}

TEST_CASE("a session that is with another worker than its id says is found, and nothing goes round in circles") {
    Rig rig;
    rig.pipeline = std::make_unique<Pipeline>(*rig.aead, Place{1, 2});
    rig.pipeline->put_listener({0}, kWireguardFraming);
    rig.put({});
    // The transfers of one datagram of this session that other workers transferred so often already.
    const auto given = [&](std::uint32_t id, std::uint8_t hops) {
        Packet datagram = rig.seal(id, 1, packet_from_peer());
        Train train{.listener = {0}, .from = rig.from, .to = rig.to};
        train.hops = hops;
        train.bytes = datagram;
        Output out;
        rig.pipeline->inbound(rig.now, std::span(&train, 1), out);
        std::vector<std::pair<std::uint32_t, int>> all;
        for (const Transfer& transfer : out.transfers) all.emplace_back(transfer.worker, transfer.train.hops);
        return all;
    };
    using Given = std::vector<std::pair<std::uint32_t, int>>;
    constexpr std::uint32_t kOurs = 256 + 1;
    CHECK(given(kOurs, 0).empty());
    CHECK(given(256, 0) == Given{{0, 1}});      // the other worker's, by its id
    CHECK(given(256 + 2, 0) == Given{{0, 1}});  // of a process with more workers
    rig.apply(RouteSession{{kOurs}, 0});
    CHECK(given(kOurs, 0) == Given{{0, 1}});
    CHECK(given(kOurs, 1) == Given{{0, 2}});
    CHECK(given(kOurs, 2).empty());
    rig.apply(RetireSession{{kOurs}});
    CHECK(given(kOurs, 0).empty());

    rig.install(0, 256, true);
    CHECK(given(256, 0).empty());
    CHECK(rig.traffic(0).rx_packets == 1);
}

}  // namespace
}  // namespace warren::dataplane::test
