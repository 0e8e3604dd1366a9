#include "vpnd/turns/backlog.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "rig.h"

namespace warren::dataplane::test {
namespace {

constexpr CustomerIndex kOne{1};
constexpr CustomerIndex kTwo{2};
constexpr std::size_t kLarge = PacketBuffer::kSize;
constexpr std::size_t kSegment = 1'452;

// A train of `count` datagrams in a buffer, like a received one.
struct Received {
    Received(Backlog& backlog, std::size_t count, std::uint8_t mark = 0, std::size_t segment = kSegment)
        : buffer(backlog.receive_pool().take()) {
        REQUIRE(buffer.valid());
        train.segment_size = segment;
        train.bytes = buffer.bytes().first(count * segment);
        std::iota(train.bytes.begin(), train.bytes.end(), mark);
    }
    PacketBuffer buffer;
    Train train;
};

bool push(Backlog& backlog, CustomerIndex customer, std::size_t count, std::uint8_t mark = 0,
          std::size_t segment = kSegment) {
    Received received(backlog, count, mark, segment);
    return backlog.push(customer, received.train, &received.buffer);
}

std::vector<std::uint8_t> marks(std::span<const Train> trains) {
    std::vector<std::uint8_t> out;
    for (const Train& train : trains) out.push_back(train.bytes[0]);
    return out;
}

TEST_CASE("each customer's trains leave in the order in which they arrived") {
    Backlog backlog;
    for (std::uint8_t i = 0; i < 6; ++i) REQUIRE(push(backlog, i % 2 == 0 ? kOne : kTwo, 2, i));
    CHECK(backlog.customers() == 2);
    CHECK(marks(backlog.take(kOne, 4)) == std::vector<std::uint8_t>{0, 2});
    backlog.release();
    CHECK(marks(backlog.take(kTwo, 100)) == std::vector<std::uint8_t>{1, 3, 5});
    backlog.release();
    CHECK_FALSE(backlog.has(kTwo));
    CHECK(marks(backlog.take(kOne, 100)) == std::vector<std::uint8_t>{4});
    backlog.release();
    CHECK(backlog.empty());
    CHECK(backlog.take(kOne, 1).empty());
}

TEST_CASE("a large train keeps its buffer, a small one is copied") {
    Backlog backlog;
    Received large(backlog, 40);
    const std::uint8_t* const where = large.train.bytes.data();
    REQUIRE(backlog.push(kOne, large.train, &large.buffer));
    CHECK_FALSE(large.buffer.valid());
    Received small(backlog, 1, 9);
    REQUIRE(backlog.push(kOne, small.train, &small.buffer));
    CHECK(small.buffer.valid());
    std::fill(small.train.bytes.begin(), small.train.bytes.end(),
              std::uint8_t{0});  // as the next receive overwrites it
    const auto trains = backlog.take(kOne, 100);
    REQUIRE(trains.size() == 2);
    CHECK(trains[0].bytes.data() == where);
    CHECK(trains[1].bytes[0] == 9);
    CHECK(trains[1].bytes[1'000] == static_cast<std::uint8_t>(9 + 1'000));
    backlog.release();
}

TEST_CASE("a part of a train of any size is copied, and stays a train") {
    Backlog backlog;
    Received received(backlog, 40, 3);
    Train part = received.train;
    part.bytes = part.bytes.subspan(10 * kSegment, 20 * kSegment);
    REQUIRE(backlog.push(kOne, part, nullptr));
    CHECK(received.buffer.valid());
    const std::vector<std::uint8_t> wanted(part.bytes.begin(), part.bytes.end());
    std::fill(received.train.bytes.begin(), received.train.bytes.end(), std::uint8_t{0});
    const auto trains = backlog.take(kOne, 20);
    REQUIRE(trains.size() == 1);
    CHECK(trains[0].count() == 20);
    CHECK(std::equal(trains[0].bytes.begin(), trains[0].bytes.end(), wanted.begin(), wanted.end()));
    backlog.release();
}

TEST_CASE("one customer may hold eight large trains, or 256 small ones, and no more") {
    Backlog backlog;
    CHECK(push(backlog, kTwo, 40));
    for (int i = 0; i < 8; ++i) CHECK(push(backlog, kOne, 40));
    CHECK_FALSE(push(backlog, kOne, 40));
    CHECK(push(backlog, kTwo, 40));
    (void)backlog.take(kOne, 40);
    backlog.release();
    CHECK(push(backlog, kOne, 40));
    CHECK_FALSE(push(backlog, kOne, 40));
    int small = 0;
    while (push(backlog, {3}, 1)) ++small;
    CHECK(small >= 256);
    CHECK(small < 300);
}

TEST_CASE("a customer alone may hold more, and gets no more of that as soon as there is another") {
    Backlog backlog;
    for (int i = 0; i < 94; ++i) CHECK(push(backlog, kOne, 40));
    CHECK(push(backlog, kTwo, 1));
    CHECK_FALSE(push(backlog, kOne, 40));
    CHECK_FALSE(push(backlog, kOne, 1));
    (void)backlog.take(kTwo, 1);
    backlog.release();
    for (int i = 0; i < 2; ++i) CHECK(push(backlog, kOne, 40));
    CHECK_FALSE(push(backlog, kOne, 40));
}

TEST_CASE("when many customers hold much, each may hold less, and one that holds nothing always finds room") {
    Backlog backlog({.of_customer = 8 * kLarge, .alone = 8 * kLarge, .in_all = 64 * kLarge});
    for (std::uint32_t round = 0; round < 8; ++round) {
        for (std::uint32_t customer = 0; customer < 30; ++customer) (void)push(backlog, {customer}, 40);
    }
    CHECK(push(backlog, {100}, 40));
    CHECK(push(backlog, {101}, 1));
    // The room is divided evenly: 30 customers hold two trains each. If each could hold eight, a third would take all.
    for (std::uint32_t customer = 0; customer < 30; ++customer) {
        std::size_t trains = 0;
        while (backlog.has({customer})) {
            trains += backlog.take({customer}, 40).size();
            backlog.release();
        }
        CHECK(trains >= 2);
        CHECK(trains <= 3);
    }
}

TEST_CASE(
    "a customer that holds nothing finds room beside three hundred others, and room for a datagram beside the most "
    "customers possible") {
    Backlog backlog;
    for (std::uint32_t customer = 10; customer < 310; ++customer) (void)push(backlog, {customer}, 16);
    CHECK(push(backlog, kOne, 16));
    for (std::uint32_t customer = 310; customer < 2'000; ++customer) (void)push(backlog, {customer}, 16);
    CHECK_FALSE(push(backlog, kTwo, 16));
    CHECK(push(backlog, kTwo, 1));
    while (push(backlog, kTwo, 1)) {
    }
    CHECK(push(backlog, {3}, 1));
}

TEST_CASE("about as many datagrams may wait in short trains as alone") {
    for (const std::size_t count : {1U, 2U, 3U, 8U, 16U, 44U}) {
        Backlog backlog;
        REQUIRE(push(backlog, kTwo, 1));  // so that no customer is alone
        std::size_t datagrams = 0;
        while (push(backlog, kOne, count)) datagrams += count;
        CAPTURE(count);
        CHECK(datagrams >= 128);
    }
}

TEST_CASE("a refused train stays with the caller, and every held buffer returns") {
    Backlog backlog({.of_customer = kLarge, .alone = kLarge, .in_all = 4 * kLarge});
    const std::size_t before = backlog.receive_pool().available();
    REQUIRE(push(backlog, kOne, 40));
    Received refused(backlog, 40);
    CHECK_FALSE(backlog.push(kOne, refused.train, &refused.buffer));
    CHECK(refused.buffer.valid());
    refused.buffer = PacketBuffer();
    CHECK(backlog.receive_pool().available() == before - 1);
    (void)backlog.take(kOne, 100);
    CHECK(backlog.receive_pool().available() == before - 1);  // still in use
    backlog.release();
    CHECK(backlog.receive_pool().available() == before);
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(push(backlog, kOne, i % 2 == 0 ? 40 : 1));
        (void)backlog.take(kOne, 100);
        backlog.release();
    }
    CHECK(backlog.receive_pool().available() == before);
}

TEST_CASE("a removed customer's trains are dropped") {
    Backlog backlog;
    const std::size_t before = backlog.receive_pool().available();
    for (int i = 0; i < 8; ++i) REQUIRE(push(backlog, kOne, 40));
    REQUIRE(push(backlog, kTwo, 40));
    backlog.drop(kOne);
    backlog.drop({77});
    CHECK_FALSE(backlog.has(kOne));
    CHECK(backlog.customers() == 1);
    CHECK(backlog.receive_pool().available() == before - 1);
    for (int i = 0; i < 8; ++i) CHECK(push(backlog, kOne, 40));
    CHECK_FALSE(push(backlog, kOne, 40));
}

TEST_CASE("a train far too long for a turn is divided at a datagram, one that is a little too long is not") {
    Backlog backlog;
    REQUIRE(push(backlog, kOne, 40));
    REQUIRE(push(backlog, kOne, 40));
    std::size_t datagrams = 0;
    std::vector<std::size_t> sizes;
    while (backlog.has(kOne)) {
        const auto trains = backlog.take(kOne, 15);
        REQUIRE(trains.size() == 1);
        CHECK(trains[0].bytes.size() % kSegment == 0);
        sizes.push_back(trains[0].count());
        datagrams += trains[0].count();
        backlog.release();
    }
    CHECK(datagrams == 80);
    CHECK(sizes == std::vector<std::size_t>{15, 25, 15, 25});
    REQUIRE(push(backlog, kOne, 40));
    CHECK(backlog.take(kOne, 0).front().count() == 1);
    backlog.release();
}

// --- whose a train is ------------------------------------------------------------------------------------------------

struct TwoCustomers : Rig {
    TwoCustomers() {
        put({.index = 0});
        put({.index = 1, .peers = {{1, {"10.0.0.2/32"}}}});
        for (const std::uint32_t peer : {0U, 1U}) {
            set_endpoint(peer, "198.51.100.7:1111");
            install(peer, index_of(peer), true);
            install(peer, index_of(peer + 2), true);  // a newer session of the same
        }
        (void)sent();
    }
    static std::uint32_t index_of(std::uint32_t number) { return (number + 1) << SessionId::kWorkerBits; }

    // One train with messages of these sessions; 9 means no session.
    Train train_of(const std::vector<std::uint32_t>& sessions) {
        bytes.clear();
        for (const std::uint32_t session : sessions) {
            const Packet message =
                seal(session == 9 ? 0x7777 : index_of(session), counter++, udp_packet({}, 1, 2, Packet(100)));
            size = message.size();
            bytes.insert(bytes.end(), message.begin(), message.end());
        }
        return {{0}, from, to, 0, size, bytes};
    }
    std::vector<CustomerTrain> sorted(const std::vector<std::uint32_t>& sessions) {
        train = train_of(sessions);
        std::vector<CustomerTrain> parts;
        pipeline->sort(now, std::span(&train, 1), parts);
        return parts;
    }
    Packet bytes;
    Train train;
    std::size_t size = 0;
    std::uint64_t counter = 0;
};

TEST_CASE("a train of one customer stays whole, also with two of its sessions") {
    TwoCustomers rig;
    for (const auto& sessions : {std::vector<std::uint32_t>{0}, {0, 0, 0}, {0, 2, 0, 2}}) {
        const auto parts = rig.sorted(sessions);
        REQUIRE(parts.size() == 1);
        CHECK(parts[0].customer == CustomerIndex{0});
        CHECK(parts[0].whole);
        CHECK(parts[0].train.count() == sessions.size());
    }
}

TEST_CASE("a train with messages of two customers and of none is split, and each customer gets its own") {
    TwoCustomers rig;
    const auto parts = rig.sorted({0, 0, 1, 9, 3, 0});
    REQUIRE(parts.size() == 5);
    const std::vector<std::uint32_t> owners{0, 1, UINT32_MAX, 1, 0};
    const std::vector<std::size_t> counts{2, 1, 1, 1, 1};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        CHECK(parts[i].customer.value == owners[i]);
        CHECK(parts[i].train.count() == counts[i]);
        CHECK_FALSE(parts[i].whole);
    }
    for (const CustomerTrain& part : parts) rig.pipeline->inbound(rig.now, std::span(&part.train, 1), rig.out);
    std::vector<std::uint32_t> delivered;
    for (const TunWrite& write : rig.out.tun_writes)
        delivered.insert(delivered.end(), write.packets, write.customer.value);
    CHECK(delivered == std::vector<std::uint32_t>{0, 0, 1, 1, 0});
    CHECK(rig.own_drops(DropReason::kReceiverIndexUnknown) == 1);
    rig.out.clear();
}

TEST_CASE("other messages belong to no customer: junk, short ends, handshakes, an empty train") {
    TwoCustomers rig;
    Packet junk(100, 4);
    const Train train{{0}, rig.from, rig.to, 0, 0, junk};
    const Train empty{{0}, rig.from, rig.to, 0, 0, {}};
    Packet initiation(148);
    initiation[0] = 1;
    const Train handshake{{0}, rig.from, rig.to, 0, 0, initiation};
    std::vector<CustomerTrain> parts;
    rig.pipeline->sort(rig.now, std::vector<Train>{train, empty, handshake}, parts);
    REQUIRE(parts.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK_FALSE(parts[i].customer.valid());
        CHECK(parts[i].source == i);
        CHECK(parts[i].whole);
    }
    parts.clear();
    Train cut = rig.train_of({0, 0});
    cut.bytes = cut.bytes.first(rig.size + 20);  // the last is too short to be a message
    rig.pipeline->sort(rig.now, std::span(&cut, 1), parts);
    REQUIRE(parts.size() == 2);
    CHECK(parts[0].customer == CustomerIndex{0});
    CHECK_FALSE(parts[1].customer.valid());
    CHECK(parts[1].train.bytes.size() == 20);
}

}  // namespace
}  // namespace warren::dataplane::test
