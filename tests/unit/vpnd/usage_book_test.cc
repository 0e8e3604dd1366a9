// What is counted of customers and peers over everything that may happen to them, to data workers and to the clock.
#include "vpnd/usage/usage_book.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

constexpr Month kNovember = 202'611;
constexpr Month kDecember = 202'612;

// Answers at once with what the test says that data workers have counted.
class FakeSource : public UsageSource {
  public:
    Ticket refresh_workers(Now /*now*/) override { return 0; }
    Ticket refresh_touched(Now /*now*/, std::span<const HeldCustomer* const> /*customers*/) override {
        ++changes;
        return 0;
    }
    [[nodiscard]] bool ready(Ticket /*ticket*/) const override { return true; }
    void note_change(CustomerIndex /*customer*/) override { ++changes; }
    [[nodiscard]] std::uint64_t mark(CustomerIndex /*customer*/) const override { return changes; }
    [[nodiscard]] bool is_current(const HeldCustomer& /*customer*/) const override { return current; }
    [[nodiscard]] io::PeerCounters peer(CustomerIndex /*customer*/, std::size_t /*position*/,
                                        PeerIndex peer) const override {
        io::PeerCounters out{peer};
        if (const auto found = peers.find(peer.value); found != peers.end()) out.rx_bytes = found->second;
        return out;
    }
    [[nodiscard]] io::PeerCounters connection_peer(CustomerIndex customer, PeerIndex peer) const override {
        return this->peer(customer, 0, peer);
    }
    [[nodiscard]] dataplane::Meters queue_meters(CustomerIndex /*customer*/, std::size_t queue) const override {
        dataplane::Meters out;
        if (queue < queues.size()) out.inbound.bytes = queues[queue];
        return out;
    }

    std::map<std::uint32_t, std::uint64_t> peers;  // received bytes
    std::vector<std::uint64_t> queues;             // likewise
    bool current = true;
    std::uint64_t changes = 1;
};

struct World {
    FakeSource source;
    CustomerSet customers{2};
    UsageBook book{source, customers};
    WallTime wall = {beginning_of(kDecember).nanoseconds - 10 * std::nano::den};  // ten seconds before December
    Instant instant = kLongAgo + std::chrono::hours(1);
    std::uint64_t generation = 0;

    World() { put(1); }

    // acme, with a peer of the key 1.
    Changes put(std::uint16_t queues, bool suspended = false, std::uint64_t quota = 0, std::uint8_t key = 10) {
        Generation next;
        next.number = ++generation;
        next.full = generation == 1;
        if (next.full) next.listeners.push_back(test::new_listener("", 1));
        std::vector<ipc::PutPeer> peers;
        peers.push_back(test::put_peer(key, {"10.10.0.0/16"}));
        peers[0].settings.limits.quota = quota;
        NewCustomer acme = test::new_customer("acme", std::move(peers));
        acme.put.queues = queues;
        acme.put.settings.suspended = suspended;
        acme.tuns = test::any_descriptors(queues);
        next.customers.push_back(std::move(acme));
        return accept(std::move(next));
    }
    Changes accept(Generation next) {
        auto changes = customers.apply(std::move(next));
        if (!changes) FAIL(changes.error().what);
        // As Daemon::carry_out() does.
        book.note_departed(std::move(changes->departed));
        for (const Changes::RemovePeer& remove : changes->remove_peers) {
            if (remove.is_gone) book.forget(remove.peer);
        }
        customers.settle();
        return std::move(*changes);
    }
    [[nodiscard]] Now now() const { return {instant, wall}; }
    std::vector<CustomerSet::Spent> count() {
        std::vector<CustomerSet::Spent> spent;
        pass(std::chrono::seconds(1));
        for (int i = 0; i < 4; ++i) book.run(now(), spent);
        return spent;
    }
    void pass(Duration time) {
        instant = instant + time;
        wall.nanoseconds += time.count();
    }
    [[nodiscard]] PeerIndex peer() const { return customers.customer("acme")->peers[0].index; }
    [[nodiscard]] std::string name() const { return customers.customer("acme")->peers[0].config.settings.name; }
    void carried(std::uint64_t bytes) { source.peers[peer().value] = bytes; }
    [[nodiscard]] std::uint64_t of_peer() const { return book.of("acme", name()).rx_bytes; }
    [[nodiscard]] std::uint64_t of_customer() const { return book.of("acme", "").rx_bytes; }
};

UniqueFd memory_file() {
    return UniqueFd(::memfd_create("usage", MFD_CLOEXEC));
}

}  // namespace

TEST_CASE("a peer that begins anew is not counted again, and one that is removed and comes back is counted from zero") {
    World world;
    world.carried(1'000);
    world.count();
    CHECK(world.of_peer() == 1'000);

    Generation reset;
    reset.number = ++world.generation;
    reset.reset_peers = {{"acme", world.name()}};
    const Changes anew = world.accept(std::move(reset));
    REQUIRE(anew.remove_peers.size() == 1);
    CHECK_FALSE(anew.remove_peers[0].is_gone);
    world.carried(1'001);  // the data plane goes on
    world.count();
    CHECK(world.of_peer() == 1'001);

    // A suspended peer is none of the data plane's; afterwards that counts from zero.
    world.put(1, true);
    world.carried(0);
    world.count();
    world.put(1);
    world.carried(5);
    world.count();
    CHECK(world.of_peer() == 1'006);

    // Another customer's peer may have the index next, with more than this one had.
    Generation gone;
    gone.number = ++world.generation;
    gone.removed_customers = {"acme"};
    const Changes removed = world.accept(std::move(gone));
    REQUIRE(removed.remove_peers.size() == 1);
    CHECK(removed.remove_peers[0].is_gone);
    world.put(1);
    world.carried(7);
    world.count();
    CHECK(world.of_peer() == 1'013);
}

TEST_CASE("a worker that has a customer no more does not make the others count again") {
    World world;
    world.put(2);
    world.source.queues = {600, 400};
    world.count();
    CHECK(world.of_customer() == 1'000);
    world.put(1);
    world.source.queues = {610};
    world.count();
    CHECK(world.of_customer() == 1'010);
    world.put(2);
    world.source.queues = {610, 20};
    world.count();
    CHECK(world.of_customer() == 1'030);
}

TEST_CASE("counters of another configuration are not counted") {
    World world;
    world.carried(1'000);
    world.count();
    Generation gone;
    gone.number = ++world.generation;
    gone.removed_customers = {"acme"};
    world.accept(std::move(gone));
    world.put(1);
    world.source.current = false;  // the answer is from before
    world.count();
    CHECK(world.of_peer() == 1'000);
    world.source.current = true;
    world.carried(3);
    world.count();
    CHECK(world.of_peer() == 1'003);
}

TEST_CASE("a customer that comes back goes on, and another one of its id begins at zero") {
    World world;
    const auto remove = [&] {
        Generation gone;
        gone.number = ++world.generation;
        gone.removed_customers = {"acme"};
        world.accept(std::move(gone));
    };
    world.source.queues = {100};
    world.count();
    remove();
    world.put(1);
    world.source.queues = {1};
    world.count();
    CHECK(world.of_customer() == 101);
    remove();
    world.put(1, false, 0, 20);
    world.source.queues = {5};
    world.count();
    CHECK(world.of_customer() == 5);
    // Renamed to an id that a third one had.
    Generation renamed;
    renamed.number = ++world.generation;
    renamed.renames = {{"acme", "globex"}};
    world.book.rename(world.now(), renamed.renames);
    world.accept(std::move(renamed));
    CHECK(world.book.of("globex", "").rx_bytes == 5);
    CHECK(world.of_customer() == 0);
}

TEST_CASE("a clock that goes back over the turn of a month finds the month again, with its file") {
    World world;
    const UniqueFd november = memory_file();
    const UniqueFd december = memory_file();
    world.book.keep_in(world.now(), kNovember, november.duplicate());
    world.carried(100);
    world.count();
    world.pass(std::chrono::seconds(20));
    world.book.keep_in(world.now(), kDecember, december.duplicate());
    world.carried(110);
    world.count();
    CHECK(world.of_peer() == 10);
    world.wall.nanoseconds -= 20 * std::nano::den;
    world.carried(111);
    world.count();
    CHECK(world.of_peer() == 101);
    world.pass(std::chrono::seconds(20));
    world.carried(112);
    world.count();
    CHECK(world.of_peer() == 11);

    // The next process has both.
    world.book.flush();
    UsageFile read(kNovember);
    REQUIRE(read.keep_in(november.duplicate()));
    CHECK(read.find("acme", world.name())->rx_bytes == 101);
    UsageFile next(kDecember);
    REQUIRE(next.keep_in(december.duplicate()));
    CHECK(next.find("acme", world.name())->rx_bytes == 11);
}

TEST_CASE("a file that comes again changes nothing, and one that comes before its month is used in it") {
    World world;
    const UniqueFd november = memory_file();
    const UniqueFd december = memory_file();
    world.book.keep_in(world.now(), kNovember, november.duplicate());
    world.book.keep_in(world.now(), kDecember, december.duplicate());  // stackd's clock is a moment ahead
    world.carried(100);
    world.count();
    world.book.keep_in(world.now(), kNovember, november.duplicate());
    world.count();
    CHECK(world.of_peer() == 100);
    world.pass(std::chrono::seconds(20));
    world.carried(150);
    world.count();
    UsageFile next(kDecember);
    REQUIRE(next.keep_in(december.duplicate()));
    REQUIRE(next.find("acme", world.name()) != nullptr);
    CHECK(next.find("acme", world.name())->rx_bytes == 50);
}

TEST_CASE("a spent quota is told once, is free again when it is raised, and in the next month") {
    World world;
    world.put(1, false, 1'000);
    world.carried(999);
    CHECK(world.count().empty());
    world.carried(1'000);
    auto spent = world.count();
    REQUIRE(spent.size() == 1);
    CHECK(spent[0].tunnels.contains(world.name()));
    (void)world.customers.note_spent(std::move(spent));
    CHECK(world.count().empty());
    world.put(1, false, 2'000);
    spent = world.count();
    REQUIRE(spent.size() == 1);
    CHECK(spent[0].tunnels.empty());
    (void)world.customers.note_spent(std::move(spent));
    world.carried(2'500);
    spent = world.count();
    REQUIRE(spent.size() == 1);
    (void)world.customers.note_spent(std::move(spent));
    world.pass(std::chrono::seconds(20));
    spent = world.count();
    REQUIRE(spent.size() == 1);
    CHECK(spent[0].tunnels.empty());
}
