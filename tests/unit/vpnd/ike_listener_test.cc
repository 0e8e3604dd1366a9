// IKE's listener and connections in the whole of vpnd: what is served waits for its peer, what is not says so.
#include <doctest/doctest.h>

#include "tests/unit/vpnd/fixtures.h"
#include "tests/unit/vpnd/hub.h"
#include "vpnd/customers/connections.h"

using namespace warren;
using test::Hub;

namespace {

ipc::PutConnection graz() {
    ipc::PutConnection put;
    put.settings.name = "graz";
    put.settings.remote_identity = {IkeIdentityType::kFqdn, false, "graz"};
    const std::vector<Prefix> lan{*parse_prefix("10.1.0.0/16")};
    put.settings.children = {{"lan", lan, lan, lan}};
    put.psk = 7;
    return put;
}

std::vector<ipc::DescriptorRole> roles() {
    return {{ipc::SocketRole::kMessages},
            {ipc::SocketRole::kData},
            {ipc::SocketRole::kSolicited},
            {ipc::SocketRole::kMessages, Family::kV4, 0, 1},
            {ipc::SocketRole::kSolicited, Family::kV4, 0, 1}};
}

// The listener, and a customer with this connection.
void configure(Hub& hub, std::uint64_t generation, ipc::PutConnection connection = graz()) {
    std::vector<UniqueFd> sockets;
    std::vector<int> numbers;
    for (std::size_t i = 0; i < roles().size(); ++i) {
        sockets.push_back(test::udp_socket(0));
        numbers.push_back(sockets.back().get());
    }
    const UniqueFd tun = test::any_descriptor();
    ipc::PutCustomer customer = test::put_customer("acme", 0);
    customer.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, "acme.example"};
    customer.connection_count = 1;
    hub.send(ipc::Begin{generation, true});
    hub.send(ipc::PutListener{vpnd::kIkeListener, ipc::Protocol::kUdp, kNatTraversalPort, ipc::IkeListener{}, roles()},
             numbers);
    hub.send(std::move(customer), {tun.get()});
    hub.send(std::move(connection));
    hub.send(ipc::Commit{generation});
    REQUIRE(std::holds_alternative<ipc::Applied>(hub.receive()));
}

std::vector<ipc::ConnectionSnapshot> connections_of(const std::vector<ipc::SnapshotMessage>& all) {
    std::vector<ipc::ConnectionSnapshot> out;
    for (const auto& message : all) {
        if (const auto* one = std::get_if<ipc::ConnectionSnapshot>(&message)) out.push_back(*one);
    }
    return out;
}

const ipc::CustomerSnapshot& customer_of(const std::vector<ipc::SnapshotMessage>& all) {
    for (const auto& message : all) {
        if (const auto* one = std::get_if<ipc::CustomerSnapshot>(&message)) return *one;
    }
    FAIL("no customer in the snapshot");
    return std::get<ipc::CustomerSnapshot>(all.front());
}

}  // namespace

TEST_CASE("a connection that this version does not serve is shown, and never as listening") {
    Hub hub(1);
    ipc::PutConnection certificates = graz();
    certificates.settings.auth = IpsecAuth::kCertificate;
    certificates.settings.ppk_identity = "graz-2026";
    certificates.psk = kNoSecret;
    configure(hub, 1, std::move(certificates));
    CHECK(customer_of(hub.snapshot()).connections_unserved == 1);
    REQUIRE(connections_of(hub.snapshot()).size() == 1);
    CHECK(connections_of(hub.snapshot())[0].state == ipc::ConnectionState::kUnserved);
    CHECK(connections_of(hub.snapshot())[0].reason ==
          "this version takes a postquantum key only beside a preshared one");
    // Served from the next generation on, and not any more after that.
    configure(hub, 2);
    CHECK(customer_of(hub.snapshot()).connections_unserved == 0);
    CHECK(connections_of(hub.snapshot())[0].state == ipc::ConnectionState::kListening);
    CHECK(connections_of(hub.snapshot())[0].reason.empty());
    certificates = graz();
    certificates.settings.auth = IpsecAuth::kCertificate;
    certificates.settings.ppk_identity = "graz-2026";
    certificates.psk = kNoSecret;
    configure(hub, 3, std::move(certificates));
    CHECK(connections_of(hub.snapshot())[0].state == ipc::ConnectionState::kUnserved);
}

TEST_CASE("a connection waits for its peer") {
    Hub hub(1);
    configure(hub, 1);
    const auto all = hub.snapshot();
    CHECK(customer_of(all).connection_count == 1);
    CHECK(customer_of(all).connections_unserved == 0);
    CHECK(customer_of(all).connections_up == 0);
    REQUIRE(customer_of(all).listeners.size() == 1);
    CHECK(customer_of(all).listeners[0].id == vpnd::kIkeListener);
    CHECK(customer_of(all).listeners[0].port == kNatTraversalPort);
    const auto connections = connections_of(all);
    REQUIRE(connections.size() == 1);
    CHECK(connections[0].settings == graz().settings);
    CHECK(connections[0].state == ipc::ConnectionState::kListening);
}

TEST_CASE("a client that has seen a connection does not get it again before it changes") {
    Hub hub(1);
    configure(hub, 1);
    const auto first = hub.snapshot();
    const auto header = std::get<ipc::SnapshotHeader>(first.front());
    const auto again = hub.answer_to(ipc::SnapshotRequest{"", true, header.epoch, header.revision});
    CHECK(connections_of(again).empty());
    configure(hub, 2);
    const auto changed = hub.answer_to(ipc::SnapshotRequest{"", true, header.epoch, header.revision});
    CHECK(connections_of(changed).size() == 1);
}

TEST_CASE("the sockets of IKE come back to a new stackd with what each is for, and end with the listener") {
    Hub hub(1);
    configure(hub, 1);
    hub.hang_up();
    hub.adopt();
    const auto held = hub.receive();
    REQUIRE(std::holds_alternative<ipc::HoldingListener>(held));
    const auto& listener = std::get<ipc::HoldingListener>(held);
    CHECK(listener.id == vpnd::kIkeListener);
    CHECK(listener.port == kNatTraversalPort);
    CHECK(listener.roles == roles());
    CHECK(hub.descriptors().size() == roles().size());
    CHECK(std::holds_alternative<ipc::HoldingCustomer>(hub.receive()));
    CHECK(std::holds_alternative<ipc::HoldingEnd>(hub.receive()));
    hub.remove_all(2);
    CHECK(connections_of(hub.snapshot()).empty());
}
