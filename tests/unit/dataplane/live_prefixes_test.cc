// Peers and prefixes that come and go while a customer runs.
#include "vpnd/dataplane/live_prefixes.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "esp_rig.h"

namespace warren::dataplane::test {
namespace {

TEST_CASE("the table finds what a search of all prefixes finds, while they come and go") {
    std::mt19937 random(11);
    LivePrefixes table;
    std::map<Prefix, std::vector<PeerIndex>> wanted;
    const auto random_prefix = [&] {
        const bool is_v4 = random() % 2 == 0;
        IpAddress address{is_v4 ? Family::kV4 : Family::kV6, {}};
        for (std::size_t i = 0; i < address.bits() / 8; ++i)
            address.octets[i] = static_cast<std::uint8_t>(random() % 3 == 0 ? 0xff : 0);
        constexpr std::array<unsigned, 6> kLengths{0, 1, 8, 17, 31, 32};
        const unsigned length = kLengths[random() % kLengths.size()];
        return Prefix{address, static_cast<std::uint8_t>(is_v4 ? length : 4 * length)};
    };
    for (int i = 0; i < 20'000; ++i) {
        const Prefix prefix = random_prefix();  // with host bits
        const PeerIndex peer{static_cast<std::uint32_t>(random() % 5)};
        auto& peers = wanted[prefix.network()];
        if (random() % 2 == 0) {
            CHECK(table.put(prefix, peer));
            std::erase(peers, peer);
            peers.push_back(peer);
        } else {
            CHECK(table.drop(prefix, peer) == (std::erase(peers, peer) == 1));
        }
        if (random() % 500 == 0) {
            table.drop_all(peer);
            for (auto& [other, of] : wanted) std::erase(of, peer);
        }
        const IpAddress address = random_prefix().address;
        const std::vector<PeerIndex>* longest = nullptr;
        int length = -1;
        std::size_t size = 0;
        for (const auto& [one, of] : wanted) {
            size += of.size();
            if (of.empty() || !one.contains(address) || one.length <= length) continue;
            longest = &of;
            length = one.length;
        }
        CHECK(table.size() == size);
        CHECK(table.empty() == (size == 0));
        const LivePrefixes::Match found = table.find(address);
        REQUIRE((found.peers == nullptr) == (longest == nullptr));
        if (longest == nullptr) continue;
        CHECK(*found.peers == *longest);
        CHECK(found.length == length);
    }
}

TEST_CASE("a prefix is sixteen peers' at most") {
    LivePrefixes table;
    for (std::uint32_t i = 0; i < LivePrefixes::kPeersOfPrefix; ++i) CHECK(table.put(*parse_prefix("10.0.0.0/8"), {i}));
    CHECK_FALSE(table.put(*parse_prefix("10.0.0.0/8"), {99}));
    CHECK(table.put(*parse_prefix("10.0.0.0/8"), {3}));
    CHECK(table.find(*parse_ip("10.1.1.1")).peers->back() == PeerIndex{3});
    CHECK(table.size() == LivePrefixes::kPeersOfPrefix);
}

struct Leases : EspRig {
    Sa sa_of(std::uint32_t peer) const { return {.spi = 0x3000'0000 + (peer << 6), .peer = peer}; }
    // A client that is in no view.
    void connect(std::uint32_t peer, std::uint32_t customer = 0) {
        apply(PutPeer{{customer}, {peer}, 0});
        set_endpoint(peer, "198.51.100.7:1111");
        install(sa_of(peer));
    }
    void lease(std::uint32_t peer, const char* prefix, std::uint32_t customer = 0) {
        apply(PutPrefix{{customer}, *parse_prefix(prefix), {peer}});
    }
    void end_lease(std::uint32_t peer, const char* prefix) { apply(DropPrefix{{0}, *parse_prefix(prefix), {peer}}); }
    bool takes(std::uint32_t peer, const char* source) {
        return take(seal(sa_of(peer), ++sequences_[peer], from_peer(source))).size() == 1;
    }
    // The peer that gets it; -1: none.
    int peer_for(const char* destination) {
        transmit(0, to_peer(destination));
        (void)delivered();  // an ICMP error, when there is none
        const auto all = sent();
        return all.empty() ? -1 : static_cast<int>(all[0].peer.value);
    }

  private:
    std::map<std::uint32_t, std::uint64_t> sequences_;
};

TEST_CASE("a leased address is its client's in both directions, from PutPrefix to DropPrefix") {
    Leases rig;
    rig.connect(20);
    rig.connect(21);
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    CHECK(rig.peer_for("10.9.0.20") == -1);
    CHECK(rig.drops(DropReason::kNoPeerForDestination) == 1);
    rig.lease(20, "10.9.0.20/32");
    rig.lease(21, "10.9.0.21/32");
    rig.lease(21, "fd00:9::21/128");
    CHECK(rig.takes(20, "10.9.0.20"));
    CHECK(rig.peer_for("10.9.0.20") == 20);
    CHECK(rig.peer_for("10.9.0.21") == 21);
    CHECK(rig.peer_for("10.0.0.2") == -1);  // the view's peer, which has no session
    CHECK_FALSE(rig.takes(21, "10.9.0.20"));
    CHECK_FALSE(rig.takes(20, "10.9.0.21"));
    CHECK(rig.drops(DropReason::kSourceNotAllowed) == 3);
    // Another client's by now: what was accepted before is not remembered.
    rig.end_lease(21, "10.9.0.20/32");  // not its own: ignored
    CHECK(rig.takes(20, "10.9.0.20"));
    rig.end_lease(20, "10.9.0.20/32");
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    rig.lease(21, "10.9.0.20/32");
    CHECK(rig.takes(21, "10.9.0.20"));
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    CHECK(rig.peer_for("10.9.0.20") == 21);
}

TEST_CASE("the longest prefix decides among the view's and the live ones; of equal ones the live one sends") {
    Leases rig;
    rig.put({.listener = kEspListener, .peers = {{0, {"10.0.0.0/8", "10.5.0.0/24"}}}});
    rig.install({});
    rig.connect(20);
    rig.lease(20, "10.5.0.0/16");
    const Sa site;
    std::uint64_t sequence = 1;
    const auto site_takes = [&](const char* source) {
        return rig.take(EspRig::seal(site, sequence++, from_peer(source))).size() == 1;
    };
    CHECK(rig.peer_for("10.4.0.1") == 0);
    CHECK(rig.peer_for("10.5.1.1") == 20);
    CHECK(rig.peer_for("10.5.0.1") == 0);
    CHECK(site_takes("10.5.0.1"));
    CHECK_FALSE(rig.takes(20, "10.5.0.1"));
    CHECK(rig.takes(20, "10.5.1.1"));
    CHECK_FALSE(site_takes("10.5.1.1"));
    // Equal lengths: both may use it as a source.
    rig.lease(20, "10.0.0.0/8");
    CHECK(rig.peer_for("10.4.0.1") == 20);
    CHECK(rig.takes(20, "10.4.0.1"));
    CHECK(site_takes("10.4.0.1"));
}

TEST_CASE("two children with the same prefix: the newest sends, both receive; when it ends the other sends again") {
    Leases rig;
    for (const std::uint32_t peer : {20U, 21U}) {
        rig.connect(peer);
        rig.lease(peer, "10.9.0.0/24");
    }
    CHECK(rig.peer_for("10.9.0.5") == 21);
    CHECK(rig.takes(20, "10.9.0.5"));
    CHECK(rig.takes(21, "10.9.0.5"));
    rig.apply(DropPeer{{0}, {21}});
    CHECK(rig.peer_for("10.9.0.5") == 20);
}

TEST_CASE("prefixes go with their peer, sessions and packets too") {
    Leases rig;
    rig.connect(20);
    rig.lease(20, "10.9.0.20/32");
    rig.apply(DropPeer{{0}, {20}});
    CHECK(rig.peer_for("10.9.0.20") == -1);
    CHECK(rig.drops(DropReason::kNoPeerForDestination) == 1);
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 1);
    rig.lease(20, "10.9.0.20/32");  // it is gone
    rig.connect(20);
    CHECK(rig.peer_for("10.9.0.20") == -1);
    // Of the view: it stays, its live prefixes go when the view has it no more.
    rig.install({});
    rig.lease(0, "10.8.0.0/16");
    rig.apply(DropPeer{{0}, {0}});
    CHECK(rig.peer_for("10.8.0.1") == 0);
    rig.put({.listener = kEspListener, .peers = {{3, {"10.3.0.0/16"}}}});
    CHECK(rig.peer_for("10.8.0.1") == -1);
}

TEST_CASE("a new view leaves live peers and prefixes as they are; a suspension ends their sessions; so does the end") {
    Leases rig;
    rig.connect(20);
    rig.lease(20, "10.9.0.20/32");
    rig.put({.listener = kEspListener, .mtu = 1300});
    CHECK(rig.takes(20, "10.9.0.20"));
    CHECK(rig.peer_for("10.9.0.20") == 20);
    rig.put({.listener = kEspListener, .suspended = true});
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    CHECK(rig.own_drops(DropReason::kSpiUnknown) == 1);
    rig.put({.listener = kEspListener});
    rig.install(rig.sa_of(20));
    CHECK(rig.takes(20, "10.9.0.20"));
    rig.pipeline->drop_customer({0});
    CHECK_FALSE(rig.takes(20, "10.9.0.20"));
    rig.put({.listener = kEspListener});
    CHECK(rig.peer_for("10.9.0.20") == -1);
}

TEST_CASE("a prefix never leads to another customer's peer") {
    Leases rig;
    rig.put({.index = 1, .listener = kEspListener, .peers = {{1, {"10.0.0.2/32"}}}});
    rig.set_endpoint(1, "198.51.100.9:2222");
    rig.install({.spi = 0x2000'0040, .peer = 1});
    rig.connect(20, 1);
    rig.lease(1, "10.9.0.0/24");  // of customer 0
    rig.lease(20, "10.9.0.0/24");
    CHECK(rig.peer_for("10.9.0.1") == -1);
    CHECK(rig.drops(DropReason::kNoPeerForDestination) == 1);
    // An index that goes from one customer to another takes no prefix along.
    rig.connect(30, 0);
    rig.lease(30, "10.9.0.30/32");
    CHECK(rig.peer_for("10.9.0.30") == 30);
    rig.put({.index = 1, .listener = kEspListener, .peers = {{1, {"10.0.0.2/32"}}, {30, {"10.0.0.30/32"}}}});
    rig.set_endpoint(30, "198.51.100.9:2222");
    rig.install(rig.sa_of(30));
    CHECK(rig.peer_for("10.9.0.30") == -1);
    rig.lease(30, "10.9.0.30/32");
    CHECK(rig.peer_for("10.9.0.30") == -1);
}

TEST_CASE("a live peer of another worker: its packets are handed there") {
    Leases rig;
    Pipeline pipeline(*rig.aead, {.worker = 0, .workers = 4});
    auto view = std::make_unique<CustomerView>();
    view->index = {0};
    pipeline.swap_customer(std::move(view), {});
    Output out;
    pipeline.apply(rig.now, PutPeer{{0}, {20}, 2}, out);
    pipeline.apply(rig.now, PutPrefix{{0}, *parse_prefix("10.9.0.20/32"), {20}}, out);
    Packet read = from_tun(to_peer("10.9.0.20"));
    pipeline.outbound(rig.now, {0}, read, out);
    REQUIRE(out.transfers.size() == 1);
    CHECK(out.transfers[0].worker == 2);
    out.clear();
    pipeline.apply(rig.now, DropPeer{{0}, {20}}, out);
    pipeline.outbound(rig.now, {0}, read, out);
    CHECK(out.transfers.empty());
    CHECK(pipeline.drops({0})->of(DropReason::kNoPeerForDestination) == 1);
}

TEST_CASE("a customer's live peers and prefixes are bounded, and another customer's are not fewer for it") {
    Leases rig;
    rig.put({.index = 1, .listener = kEspListener, .peers = {}});
    for (std::uint32_t i = 0; i <= kLivePeersPerCustomer; ++i) rig.apply(PutPeer{{0}, {100 + i}, 0});
    const auto last = static_cast<std::uint32_t>(100 + kLivePeersPerCustomer);
    CHECK(rig.pipeline->traffic({last - 1}) != nullptr);
    CHECK(rig.pipeline->traffic({last}) == nullptr);
    rig.apply(DropPeer{{0}, {100}});
    rig.apply(PutPeer{{0}, {last}, 0});
    CHECK(rig.pipeline->traffic({last}) != nullptr);

    const auto prefix_of = [](std::uint32_t number) {
        IpAddress address{Family::kV4, {}};
        store_be(address.octets.data(), 0x0b00'0000 + number);
        return Prefix{address, 32};
    };
    for (std::uint32_t i = 0; i <= kLivePrefixesPerCustomer; ++i) rig.apply(PutPrefix{{0}, prefix_of(i), {last}});
    rig.set_endpoint(last, "198.51.100.9:2222");
    rig.install(rig.sa_of(last));
    const auto destination = [&](std::uint32_t number) { return to_string(prefix_of(number).address); };
    CHECK(rig.peer_for(destination(kLivePrefixesPerCustomer - 1).c_str()) == static_cast<int>(last));
    CHECK(rig.peer_for(destination(kLivePrefixesPerCustomer).c_str()) == -1);

    rig.connect(50, 1);
    rig.lease(50, "10.9.0.50/32", 1);
    rig.transmit(1, to_peer("10.9.0.50"));
    CHECK(rig.sent().size() == 1);
}

}  // namespace
}  // namespace warren::dataplane::test
