// Whoever asks for snapshots again and again is told what is new.
#include <doctest/doctest.h>

#include <utility>

#include "tests/unit/ipc/field_changer.h"
#include "tests/unit/vpnd/hub.h"

using namespace warren;
using test::eventually;
using test::Hub;
using test::peer_at;

namespace {

// Somebody who asks again and again for what is new.
struct Watcher {
    explicit Watcher(Hub& hub) : hub_(hub) {}
    // {customers, peers} that were told.
    std::pair<std::size_t, std::size_t> ask() {
        const auto answer = hub_.answer_to({"", true, header.epoch, header.revision});
        header = std::get<ipc::SnapshotHeader>(answer.front());
        std::pair<std::size_t, std::size_t> told;
        for (const auto& message : answer) {
            told.first += std::holds_alternative<ipc::CustomerSnapshot>(message) ? 1U : 0U;
            told.second += std::holds_alternative<ipc::PeerSnapshot>(message) ? 1U : 0U;
            if (const auto* customer = std::get_if<ipc::CustomerSnapshot>(&message)) all_peers = customer->all_peers;
        }
        return told;
    }
    ipc::SnapshotHeader header;
    bool all_peers = false;

  private:
    Hub& hub_;
};

// More messages than a Unix socket of this machine takes when nobody reads: each counts with the kernel's own share of
// it, which is more than this.
std::uint32_t more_than_a_socket_holds() {
    constexpr std::uint32_t kOneMessage = 512;  // bytes
    const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    int bytes = 0;
    socklen_t size = sizeof bytes;
    REQUIRE(::getsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0);
    return static_cast<std::uint32_t>(bytes) / kOneMessage + 1'000;
}

constexpr std::pair<std::size_t, std::size_t> kNothing{0, 0};
constexpr std::pair<std::size_t, std::size_t> kTheOne{1, 1};

}  // namespace

TEST_CASE("who asks again is told what has changed, and everything when that does not tell it all") {
    Hub hub(1);
    Hub site(2);
    hub.configure(1, peer_at(2, 0));
    Watcher watcher(hub);
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.header.full);
    CHECK(watcher.ask() == kNothing);
    CHECK_FALSE(watcher.header.full);
    CHECK(watcher.header.customer_count == 1);

    Watcher second(hub);  // who comes later is told everything, and takes nothing from the first
    CHECK(second.ask() == kTheOne);
    CHECK(watcher.ask() == kNothing);

    ipc::PutPeer peer = peer_at(1, hub.port());
    test::wireguard(peer).persistent_keepalive_seconds = 1;
    site.configure(1, std::move(peer));
    CHECK(eventually([&] { return watcher.ask() == kTheOne; }));  // the handshake
    CHECK_FALSE(watcher.header.full);
    CHECK_FALSE(watcher.all_peers);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    CHECK(eventually([&] { return watcher.ask() == kTheOne; }));  // the next keepalive

    hub.configure(2, peer_at(3, 0));
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.all_peers);  // whoever is not among them is gone

    Watcher stranger(hub);
    stranger.header = watcher.header;
    ++stranger.header.epoch;
    CHECK(stranger.ask() == kTheOne);  // of another vpnd's life
    CHECK(stranger.header.full);
    stranger.header = watcher.header;
    stranger.header.revision += 1'000;
    CHECK(stranger.ask() == kTheOne);  // of no time that was
    CHECK(stranger.header.full);

    CHECK(second.ask() == kTheOne);
    hub.remove_all(3);
    CHECK(second.ask() == kNothing);
    CHECK(second.header.full);  // so that the watcher notices
}

TEST_CASE("a change of any setting is told to who watches") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    Watcher watcher(hub);
    CHECK(watcher.ask() == kTheOne);
    std::uint64_t generation = 1;
    const auto check_told = [&](const ipc::CustomerSettings& settings, ipc::PutPeer peer) {
        CHECK(watcher.ask() == kNothing);
        hub.send(ipc::Begin{++generation, false});
        hub.send(ipc::PutCustomer{settings, 1, false, 1});
        hub.send(std::move(peer));
        hub.send(ipc::Commit{generation});
        REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
        CHECK(watcher.ask() == kTheOne);
    };
    const auto plain = [] { return test::put_customer("acme", 1).settings; };
    for (std::size_t i = 1; i < test::count_fields(plain()); ++i) {  // behind the id
        INFO("customer's field ", i);
        ipc::CustomerSettings changed = plain();
        test::change_field(changed, i);
        for (auto& group : changed.groups) group.id = "reseller";  // one without a name is refused
        check_told(changed, peer_at(2, 0));
    }
    // Not the queue, as there is one, not how the prefixes come, and not where another node saw it.
    const std::size_t count = test::count_fields(peer_at(2, 0)) - 4;
    for (std::size_t i = 0; i < count; ++i) {
        INFO("peer's field ", i);
        ipc::PutPeer changed = peer_at(2, 0);
        test::change_field(changed, i);
        if (changed.settings.listener != ipc::ListenerId{}) continue;  // there is one only
        check_told(plain(), std::move(changed));
    }
}

TEST_CASE("of a long list of prefixes a snapshot has the first, and how many more there are; vpnd has all of them") {
    Hub hub(1);
    const auto with = [](std::size_t count) {
        ipc::PutPeer peer = peer_at(2, 0);
        peer.settings.allowed_ips.clear();
        for (std::size_t i = 0; i < count; ++i) {
            const auto address = IpAddress::v4(10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 0);
            peer.settings.allowed_ips.push_back({address, 24});
        }
        return peer;
    };
    constexpr std::size_t kMost = ipc::PeerSnapshot::kMostPrefixes;
    hub.configure(1, with(kMost));
    CHECK(hub.first_peer().settings.allowed_ips == with(kMost).settings.allowed_ips);
    CHECK(hub.first_peer().allowed_ips_left_out == 0);
    hub.configure(2, with(kMost + 3));
    CHECK(hub.first_peer().settings.allowed_ips == with(kMost).settings.allowed_ips);
    CHECK(hub.first_peer().allowed_ips_left_out == 3);
    const std::string uapi = hub.ask_uapi(2, "get=1\n\n");
    CHECK(uapi.find("allowed_ip=" + to_string(with(kMost + 3).settings.allowed_ips.back()) + "\n") !=
          std::string::npos);
}

TEST_CASE("another key of the listener is told to who watches its customers") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    Watcher watcher(hub);
    CHECK(watcher.ask() == kTheOne);
    CHECK(watcher.ask() == kNothing);
    const auto key_of = [&] { return std::get<ipc::CustomerSnapshot>(hub.snapshot()[1]).listeners.at(0).identity; };
    const std::string before = key_of();
    hub.send(ipc::Begin{2, false});
    auto listener = test::put_listener("", 9, hub.port());
    listener.roles.clear();
    hub.send(std::move(listener));
    hub.send(ipc::Commit{2});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
    CHECK(key_of() != before);
    CHECK(watcher.ask().first == 1);
}

TEST_CASE("a peer that the listener's new key makes ourselves is told") {
    Hub hub(1);
    Hub site(2);
    hub.configure(1, peer_at(2, 0));
    ipc::PutPeer peer = peer_at(1, hub.port());
    test::wireguard(peer).persistent_keepalive_seconds = 100;
    site.configure(1, std::move(peer));
    Watcher watcher(hub);
    CHECK(eventually(
        [&] { return hub.first_peer().state == ipc::PeerState::kOnline && hub.first_peer().activity.rx_bytes >= 32; }));
    CHECK(watcher.ask() == kTheOne);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    site.remove_all(2);
    CHECK(eventually([&] { return watcher.ask() == kNothing; }));
    hub.send(ipc::Begin{2, false});
    auto listener = test::put_listener("", 2, hub.port());  // the peer's own
    listener.roles.clear();
    hub.send(std::move(listener));
    hub.send(ipc::Commit{2});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
    CHECK(hub.first_peer().state == ipc::PeerState::kNever);
    CHECK(watcher.ask() == kTheOne);
}

TEST_CASE("who has a part of an answer when customers are renamed gets no more of it, and asks again") {
    Hub hub(1);
    hub.configure(1, peer_at(2, 0));
    // The answer waits for the client.
    const std::uint32_t peers = more_than_a_socket_holds();
    const UniqueFd tun = test::any_descriptor();
    hub.send(ipc::Begin{2, false});
    hub.send(test::put_customer("big", peers), {tun.get()});
    for (std::uint32_t i = 0; i < peers; ++i) {
        ipc::PutPeer peer = test::put_peer(3, {});
        peer.settings.name = std::to_string(i) + std::string(40, 'x');
        for (std::size_t byte = 0; byte < 4; ++byte)
            test::wireguard(peer).public_key.bytes[byte] = static_cast<std::uint8_t>(i >> (8 * byte));
        hub.send(std::move(peer));
    }
    hub.send(ipc::Commit{2});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));

    auto client = ipc::Channel::connect(hub.directory() + "/snapshot.sock");
    REQUIRE(client);
    std::vector<std::uint8_t> wire;
    REQUIRE(encode(ipc::SnapshotMessage(ipc::SnapshotRequest{"", true}), wire));
    REQUIRE(client->send(wire));
    std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
    auto received = client->receive(space);  // it has begun
    REQUIRE(received);
    REQUIRE_FALSE(received->closed);

    const bool are_renamed = [] {
        bool out = false;
        SUBCASE("nobody is renamed") {}
        SUBCASE("two change ids") {
            out = true;
        }
        return out;
    }();
    hub.send(ipc::Begin{3, false});
    if (are_renamed) {
        hub.send(ipc::RenameCustomer{"acme", "big"});
        hub.send(ipc::RenameCustomer{"big", "acme"});
    }
    hub.send(ipc::Commit{3});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
    bool is_complete = false;
    while ((received = client->receive(space)) && !received->closed) {
        auto message = ipc::decode_snapshot(Bytes(space).first(received->size));
        REQUIRE(message);
        is_complete = std::holds_alternative<ipc::SnapshotEnd>(*message);
        if (is_complete) break;
    }
    CHECK(is_complete == !are_renamed);
    CHECK(hub.snapshot().size() == 1 + 2 + 1 + peers + 1);
}
