#include "samples.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <sstream>

#include "ctl/command.h"

namespace warren::ctl::samples {

ipc::PeerSnapshot peer(const std::string& name, ipc::PeerState state) {
    ipc::PeerSnapshot out;
    out.settings.name = name;
    out.tunnel = ipc::ShownWireguardPeer{"gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="};
    out.state = state;
    out.settings.allowed_ips = {*parse_prefix("10.43.0.0/16"), *parse_prefix("fd00:43::/64")};
    return out;
}

Snapshot snapshot() {
    Snapshot out;
    out.header.appliance = "pop-vienna-1";
    out.header.version = "0.1.0";
    out.header.generation = 7;
    out.header.customer_count = 2;
    out.header.aead_backend = "ipsec-mb";
    out.header.drops = {{"bad_mac1", 12}, {"from_the_future", 1}};
    out.header.handshakes_initiated = 3;
    out.header.handshakes_completed = 5;

    CustomerStatus acme;
    acme.customer.settings.id = "acme";
    acme.customer.settings.name = "Acme Manufacturing GmbH";
    acme.customer.listeners = {{{}, ipc::Protocol::kUdp, 51820, "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="}};
    acme.customer.settings.mtu = 1420;
    acme.customer.settings.addresses = {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00:42::1/64")};
    acme.customer.peer_count = 3;
    acme.customer.peers_online = 1;
    acme.customer.activity.rx_bytes = 123456;
    acme.customer.activity.tx_bytes = 5ULL << 30;
    acme.customer.activity.rx_packets = 1000;
    acme.customer.activity.tx_packets = 4000000;
    acme.customer.activity.rx_cpu_nanoseconds = 1'999'999;
    acme.customer.activity.tx_cpu_nanoseconds = 3'500'000'000;
    acme.customer.settings.rate_up = 100'000'000;
    acme.customer.settings.share = 2;
    acme.customer.activity.drops = {{"source_not_allowed", 4}};
    ipc::PeerSnapshot graz = peer("branch-graz", ipc::PeerState::kOnline);
    graz.activity.endpoint = parse_endpoint("198.51.100.77:51820");
    graz.activity.latest_handshake = {1700000100LL * 1000000000};
    graz.latest_handshake_seconds = 63;
    graz.activity.rx_bytes = 1229;
    graz.activity.tx_bytes = 3565158;
    auto& tunnel = std::get<ipc::ShownWireguardPeer>(graz.tunnel);
    tunnel.persistent_keepalive_seconds = 25;
    tunnel.has_preshared_key = true;
    ipc::PeerSnapshot linz = peer("branch-linz", ipc::PeerState::kIdle);
    linz.activity.endpoint = parse_endpoint("[2001:db8::1]:51820");
    linz.activity.latest_handshake = {1700000000LL * 1000000000};
    linz.latest_handshake_seconds = 100000;
    linz.settings.allowed_ips = {};
    linz.activity.rx_bytes = 0;
    linz.activity.tx_bytes = 148;
    acme.peers = {peer("laptop-eva", ipc::PeerState::kNever), linz, graz};

    CustomerStatus globex;
    globex.customer.settings.id = "globex";
    globex.customer.settings.name = "Globex \x1b[31m";
    globex.customer.listeners = {{{"globex"}, ipc::Protocol::kUdp, 51842, ""}};
    globex.customer.settings.suspended = true;
    globex.customer.settings.mtu = 1380;
    globex.customer.settings.addresses = {*parse_prefix("10.0.0.1/24")};
    out.customers = {acme, globex};
    return out;
}

Snapshot snapshot_with_ipsec() {
    Snapshot out = snapshot();
    out.header.has_ike = true;
    const auto prefix = [](const char* text) { return *parse_prefix(text); };
    ConnectionStatus graz;
    graz.connection.settings.name = "graz";
    graz.connection.settings.remote_identity = {IkeIdentityType::kEmail, false, "graz@acme.example"};
    graz.connection.settings.remote_address = parse_ip("203.0.113.2");
    graz.connection.settings.children = {
        {"lan", {prefix("10.0.0.0/24")}, {prefix("10.0.1.0/24")}, {prefix("10.0.1.0/24")}}};
    graz.connection.state = ipc::ConnectionState::kUp;
    graz.connection.sessions = 1;
    graz.connection.activity = {
        parse_endpoint("203.0.113.2:4500"), {1700000100LL * 1000000000}, 2048, 4096, "", 0, 0, ""};
    graz.connection.latest_handshake_seconds = 720;
    IkeSaStatus& sa = graz.ike_sas.emplace_back();
    sa.ike_sa = {0x0123456789abcdef,
                 0x1,
                 false,
                 true,
                 "acme.vpn.example.net",
                 "graz@acme.example",
                 *parse_endpoint("203.0.113.2:4500"),
                 *parse_endpoint("198.51.100.1:4500"),
                 true,
                 false,
                 "aes128gcm-prfsha256-x25519",
                 720,
                 3,
                 13'000,
                 15'000};
    sa.children = {
        {"lan", {"10.0.0.0/24"}, {"10.0.1.0/24"}, 0xc0ffee, 2, "aes128gcm", 2048, 4096, 600, 3000, 3300, false, false},
        {"lan",
         {"10.0.0.0/24"},
         {"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24"},
         4,
         5,
         "aes128gcm",
         2048,
         4096,
         720,
         {},
         60,
         false,
         true}};
    ConnectionStatus linz;
    linz.connection.settings.name = "linz";
    linz.connection.settings.remote_identity = {IkeIdentityType::kFqdn, false, "linz.acme.example"};
    linz.connection.settings.children = {
        {"lan", {prefix("10.0.0.0/24")}, {prefix("10.0.2.0/24")}, {prefix("10.0.2.0/24")}}};
    linz.connection.state = ipc::ConnectionState::kDown;
    linz.connection.reason = "203.0.113.9 says it is linz\x1b[31m";
    linz.connection.next_attempt_seconds = 40;
    out.customers[0].connections = {graz, linz};
    out.customers[0].customer.connection_count = 2;
    out.customers[0].customer.connections_up = 1;
    return out;
}

Attempts attempts(const std::string& customer) {
    const WallTime at{1'764'424'800'000'000'000};
    const Endpoint from = *parse_endpoint("203.0.113.2:4500");
    if (customer.empty())
        return {"", "", {{"", at, from, false, "ike_unknown_identity", "", "nobody", "", "", "it asks for nobody"}}};
    return {customer,
            "graz",
            {{"graz", at, from, false, "ike_auth_failed", "graz@acme.example", "acme.vpn.example.net", "aes128gcm",
              "aes256gcm", "203.0.113.2 says it is graz@acme.example; its preshared key is not that of graz"},
             {"graz", at, from, true, "", "graz@acme.example", "", "", "", "the connection is up"}}};
}

TemporaryDirectory::TemporaryDirectory()
    : path((std::filesystem::temp_directory_path() / "warren-ctl-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path.data()) != nullptr);
}

TemporaryDirectory::~TemporaryDirectory() {
    std::filesystem::remove_all(path);
}

FakeDaemon::FakeDaemon(const std::string& socket, std::function<void(ipc::Channel&)> serve) {
    auto listener = ipc::listen_at(run_dir() + "/" + socket, 0600);
    REQUIRE(listener.has_value());
    listener_ = std::move(*listener);
    stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
    thread_ = std::thread([this, serve = std::move(serve)] {
        std::array<pollfd, 2> ready{{{listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
        while (::poll(ready.data(), ready.size(), 30000) > 0 && ready[0].revents != 0) {
            auto channel = ipc::accept_from(listener_.get());
            if (channel) serve(*channel);
        }
    });
}

FakeDaemon::~FakeDaemon() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void ignore_request(ipc::Channel& channel) {
    std::vector<std::uint8_t> space(65536);
    (void)channel.receive(space);
}

void send(ipc::Channel& channel, const ipc::SnapshotMessage& message) {
    std::vector<std::uint8_t> wire;
    if (ipc::encode(message, wire)) (void)channel.send(wire);
}

void send(ipc::Channel& channel, const ipc::ControlMessage& message) {
    std::vector<std::uint8_t> wire;
    if (ipc::encode(message, wire)) (void)channel.send(wire);
}

void serve_snapshot(const Snapshot& snapshot, ipc::Channel& channel) {
    std::vector<std::uint8_t> space(65536);
    const auto received = channel.receive(space);
    if (!received || received->closed) return;
    const auto message = ipc::decode_snapshot(Bytes(space).first(received->size));
    if (!message) return;
    if (const auto* const asked = std::get_if<ipc::AttemptsRequest>(&*message)) {
        for (const auto& each : attempts(asked->customer).attempts) send(channel, ipc::SnapshotMessage(each));
        return send(channel, ipc::SnapshotMessage(ipc::SnapshotEnd{}));
    }
    const auto& request = std::get<ipc::SnapshotRequest>(*message);
    bool found = request.customer.empty();
    for (const auto& customer : snapshot.customers) found = found || customer.customer.settings.id == request.customer;
    if (!found) return send(channel, ipc::SnapshotMessage(ipc::SnapshotError{"no such customer"}));
    send(channel, ipc::SnapshotMessage(snapshot.header));
    for (const auto& customer : snapshot.customers) {
        if (!request.customer.empty() && customer.customer.settings.id != request.customer) continue;
        send(channel, ipc::SnapshotMessage(customer.customer));
        if (request.with_peers) {
            for (const auto& each : customer.peers) send(channel, ipc::SnapshotMessage(each));
        }
        if (!request.with_peers && !request.with_ike_sas) continue;
        for (const auto& each : customer.connections) {
            send(channel, ipc::SnapshotMessage(each.connection));
            if (!request.with_ike_sas) continue;
            for (const auto& sa : each.ike_sas) {
                send(channel, ipc::SnapshotMessage(sa.ike_sa));
                for (const auto& child : sa.children) send(channel, ipc::SnapshotMessage(child));
            }
        }
    }
    send(channel, ipc::SnapshotMessage(ipc::SnapshotEnd{}));
}

Ran vpnctl(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream err;
    Output output{out, err};
    Ran ran;
    ran.status = run(arguments, output);
    ran.out = out.str();
    ran.err = err.str();
    return ran;
}

}  // namespace warren::ctl::samples
