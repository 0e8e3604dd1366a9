// What one process leaves to the next: every record whole or not at all, and bounds for each customer.
#include "vpnd/control/session_keeper.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

namespace warren::control {
namespace {

using dataplane::InstallSession;
using dataplane::KeptSession;

// Zeroed memory as a memory file is, with room for so many slots, one of which is the header.
struct Memory {
    explicit Memory(std::size_t slots) : space(new (std::align_val_t{64}) std::uint8_t[slots * sizeof(KeptSession)]) {
        std::memset(space, 0, slots * sizeof(KeptSession));
        table = {reinterpret_cast<KeptSession*>(space), slots};
    }
    ~Memory() { ::operator delete[](space, std::align_val_t{64}); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;

    std::uint8_t* space;
    std::span<KeptSession> table;
};

KeptPeer peer_named(std::uint8_t number, std::uint32_t customer = 0) {
    KeptPeer peer;
    peer.name.fill(number);
    peer.customer = {customer};
    peer.place.remote = Endpoint{IpAddress::v4(192, 0, 2, number), 4000, 0};
    peer.place.local = {IpAddress::v4(203, 0, 113, 1), 3};
    peer.place.configured = digest_of(Endpoint{IpAddress::v4(192, 0, 2, number), 51820, 0});
    return peer;
}

InstallSession session(std::uint32_t id, std::int64_t created = 1'000, std::uint32_t peer = 0) {
    InstallSession out;
    out.local_id = {id};
    out.remote_id = id + 7;
    out.peer = {peer};
    out.created = {created};
    out.is_initiator = id % 2 == 1;
    out.send_key.secret.writable()[0] = 1;
    out.send_key.suite = crypto::AeadSuite::kAes256Gcm;
    out.send_key.salt = {1, 2, 3, 4};
    out.receive_key.secret.writable()[31] = 2;
    return out;
}

TEST_CASE("a record comes back as it was written") {
    Memory memory(4);
    SessionKeeper before(memory.table);
    CHECK(before.found() == SessionKeeper::Found::kNothing);
    KeptSession* const slot = before.keep(session(301), peer_named(1), 0);
    REQUIRE(slot != nullptr);
    slot->reserved.store(65'536);
    slot->received.store(90);

    const SessionKeeper after(memory.table);
    CHECK(after.found() == SessionKeeper::Found::kSessions);
    const auto found = after.find(peer_named(1).name);
    REQUIRE(found.size() == 1);
    const SessionRecord& record = found[0];
    const InstallSession wanted = session(301);
    CHECK(record.local_id == wanted.local_id);
    CHECK(record.remote_id == wanted.remote_id);
    CHECK(record.created == wanted.created);
    CHECK(record.is_initiator);
    CHECK(record.send_key.secret.equals(wanted.send_key.secret));
    CHECK(record.send_key.suite == wanted.send_key.suite);
    CHECK(record.send_key.salt == wanted.send_key.salt);
    CHECK(record.receive_key.secret.equals(wanted.receive_key.secret));
    CHECK(record.place == peer_named(1).place);
    CHECK(record.first_counter == 65'536);
    CHECK(record.has_received);
    CHECK(record.kept == slot);
    CHECK(after.find(peer_named(2).name).empty());
}

TEST_CASE("a slot whose keys are elsewhere has none") {
    Memory memory(4);
    SessionKeeper before(memory.table);
    KeptPeer peer = peer_named(1);
    peer.has_keys_elsewhere = true;
    REQUIRE(before.keep(session(301), peer, 0) != nullptr);
    const auto found = SessionKeeper(memory.table).find(peer.name);
    REQUIRE(found.size() == 1);
    CHECK(found[0].local_id == session(301).local_id);
    CHECK(found[0].send_key.secret.is_zero());
    CHECK(found[0].receive_key.secret.is_zero());
}

TEST_CASE("a flipped bit anywhere in a slot costs the session or its endpoint, never more") {
    Memory memory(2);
    SessionKeeper keeper(memory.table);
    KeptSession* const slot = keeper.keep(session(301), peer_named(1), 0);
    slot->reserved.store(3 * 65'536);
    slot->received.store(1'234);
    const auto good = read(*slot);
    REQUIRE(good);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(slot);
    const std::size_t window = offsetof(KeptSession, window_of);
    const std::size_t endpoint = offsetof(KeptSession, endpoint);
    const std::size_t record = offsetof(KeptSession, record);
    for (std::size_t bit = 0; bit < 8 * sizeof(KeptSession); ++bit) {
        const std::size_t at = bit / 8;
        bytes[at] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto got = read(*slot);
        if (at < window || at >= record) CHECK_FALSE(got.has_value());
        if (at >= endpoint && at < record) {
            REQUIRE(got.has_value());
            CHECK(got->place == PeerPlace{});
        }
        bytes[at] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    }
    CHECK(read(*slot).has_value());
}

TEST_CASE("nothing is read of a slot before its last store") {
    Memory memory(2);
    KeptSession& slot = memory.table[1];
    write(peer_named(1).name, session(301), peer_named(1).place, slot);
    slot.state.store(0);
    CHECK_FALSE(read(slot).has_value());
}

TEST_CASE("garbage is no session, and a successor starts with it nevertheless") {
    std::mt19937 random(5);
    for (int i = 0; i < 200; ++i) {
        Memory memory(8);
        {
            SessionKeeper first(memory.table);
            (void)first.keep(session(301), peer_named(1), 0);
        }
        for (std::size_t at = 24; at < memory.table.size_bytes(); ++at)
            memory.space[at] = static_cast<std::uint8_t>(random());
        reinterpret_cast<std::uint64_t*>(memory.space)[2] = random();  // slots that were used
        SessionKeeper after(memory.table);
        CHECK(after.found() == SessionKeeper::Found::kNothing);
        CHECK(after.keep(session(303), peer_named(1), 0) != nullptr);
        CHECK(SessionKeeper(memory.table).find(peer_named(1).name).size() == 1);
    }
}

TEST_CASE("another form, older, newer or foreign, is not read") {
    for (const std::size_t word : {0U, 1U}) {
        for (const std::int64_t change : {-1, 1, 77}) {
            Memory memory(4);
            {
                SessionKeeper first(memory.table);
                (void)first.keep(session(301), peer_named(1), 0);
            }
            reinterpret_cast<std::uint64_t*>(memory.space)[word] += static_cast<std::uint64_t>(change);
            SessionKeeper after(memory.table);
            CHECK(after.found() == SessionKeeper::Found::kOtherForm);
            CHECK(after.find(peer_named(1).name).empty());
        }
    }
}

TEST_CASE("a peer's sessions are found oldest first, and the rest is wiped") {
    Memory memory(8);
    {
        SessionKeeper first(memory.table);
        (void)first.keep(session(301, 30), peer_named(1), 0);
        (void)first.keep(session(303, 10), peer_named(1), 0);
        (void)first.keep(session(305, 20), peer_named(2), 0);
    }
    SessionKeeper after(memory.table);
    const auto found = after.find(peer_named(1).name);
    REQUIRE(found.size() == 2);
    CHECK(found[0].created == Instant{10});
    CHECK(found[1].created == Instant{30});
    InstallSession resumed = session(303, 10);
    resumed.kept = found[0].kept;
    CHECK(after.keep(resumed, peer_named(1), 0) == found[0].kept);
    CHECK(after.forget_rest() == 2);

    SessionKeeper third(memory.table);
    CHECK(third.find(peer_named(1).name).size() == 1);
    CHECK(third.find(peer_named(2).name).empty());
    for (std::size_t at = sizeof(KeptSession); at < memory.table.size_bytes(); ++at) {
        // No key of a session that was not taken over is left.
        const KeptSession& slot = memory.table[at / sizeof(KeptSession)];
        if (&slot != found[0].kept && slot.state.load() == KeptSession::kFree)
            CHECK(std::all_of(slot.record.begin(), slot.record.end(), [](std::uint8_t byte) { return byte == 0; }));
    }
}

TEST_CASE("a slot is given out again when its data worker has freed it, and not before") {
    Memory memory(2);
    SessionKeeper keeper(memory.table);
    KeptSession* const slot = keeper.keep(session(301), peer_named(1), 0);
    REQUIRE(slot != nullptr);
    CHECK(keeper.keep(session(303), peer_named(2), 0) == nullptr);
    keeper.retire({301});
    CHECK(keeper.keep(session(303), peer_named(2), 0) == nullptr);
    slot->free();
    CHECK(keeper.keep(session(303), peer_named(2), 0) == slot);
}

TEST_CASE("a customer with very many sessions leaves room for the others") {
    Memory memory(101);
    SessionKeeper keeper(memory.table);
    std::uint32_t id = 1'000;
    std::size_t greedy = 0;
    while (keeper.keep(session(++id), peer_named(1, 1), 0) != nullptr) ++greedy;
    CHECK(greedy == 50);
    std::size_t second = 0;
    while (keeper.keep(session(++id), peer_named(2, 2), 0) != nullptr) ++second;
    CHECK(second == 25);
    CHECK(keeper.keep(session(++id), peer_named(3, 3), 0) != nullptr);
    CHECK(keeper.keep(session(++id), peer_named(1, 1), 0) == nullptr);
}

TEST_CASE("where a peer is follows it, in each of its sessions") {
    Memory memory(4);
    SessionKeeper keeper(memory.table);
    (void)keeper.keep(session(301, 1), peer_named(1), 0);
    (void)keeper.keep(session(303, 2), peer_named(1), 0);
    PeerPlace there;
    there.remote = Endpoint{*parse_ip("2001:db8::7"), 9, 2};
    there.local = {*parse_ip("2001:db8::1"), 4};
    keeper.move({0}, there);
    keeper.move({5}, there);  // unknown
    for (const SessionRecord& record : SessionKeeper(memory.table).find(peer_named(1).name))
        CHECK(record.place == there);
}

TEST_CASE("a move to other memory is whole when every data worker has carried it out") {
    Memory memory(8);
    SessionKeeper keeper(memory.table);
    (void)keeper.keep(session(301, 1), peer_named(1), 3);
    (void)keeper.keep(session(303, 2), peer_named(2), 4);
    keeper.retire({303});
    (void)keeper.keep(session(305, 2), peer_named(2), 5);
    Memory other(8);
    const auto moved = keeper.move_to(other.table);
    REQUIRE(moved.size() == 2);
    CHECK(SessionKeeper(other.table).find(peer_named(1).name).empty());  // its counters are not there yet
}

TEST_CASE("a slot that a data worker has not entered yet is given to nobody else") {
    Memory memory(8);
    SessionKeeper keeper(memory.table);
    (void)keeper.keep(session(301, 1), peer_named(1), 0);
    Memory other(8);
    const auto moved = keeper.move_to(other.table);
    REQUIRE(moved.size() == 1);
    keeper.retire({301});  // its data worker is behind, and will enter it first and free it then
    KeptSession* const next = keeper.keep(session(303, 2), peer_named(2), 1);
    REQUIRE(next != nullptr);
    CHECK(next != moved[0].command.kept);
    moved[0].command.kept->free();
    CHECK(keeper.keep(session(305, 2), peer_named(2), 1) == moved[0].command.kept);
}

TEST_CASE("memory whose beginning was cut off by a kill is begun anew") {
    Memory memory(8);
    reinterpret_cast<std::uint64_t*>(memory.table.data())[1] = 1;  // the form is there, the mark that comes last is not
    SessionKeeper keeper(memory.table);
    CHECK(keeper.found() == SessionKeeper::Found::kNothing);
    CHECK(keeper.keep(session(301), peer_named(1), 0) != nullptr);
    CHECK(SessionKeeper(memory.table).found() == SessionKeeper::Found::kSessions);
}

}  // namespace
}  // namespace warren::control
