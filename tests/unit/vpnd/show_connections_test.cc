// Connections of IKE's from an engine to a client of snapshots: states, SAs with the bytes of their children, attempts.
#include <doctest/doctest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <variant>

#include "crypto/random.h"
#include "tests/unit/vpnd/fixtures.h"
#include "tests/unit/vpnd/hub.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/show/snapshot.h"
#include "vpnd/show/snapshot_server.h"

using namespace warren;
using namespace warren::vpnd;
using namespace std::chrono_literals;

namespace {

using control::ConnectionDetail;
using control::ConnectionState;

constexpr Now kNow{Instant{std::int64_t{1'000'000'000'000}}, WallTime{1'800'000'000'000'000'000}};

// Says of each connection what a test wrote down.
class Telling final : public control::Engine {
  public:
    [[nodiscard]] bool is_expensive(Bytes) const override { return false; }
    [[nodiscard]] control::Standing standing_of(Now, const control::Arrival&, Bytes) override {
        return control::Standing::kStranger;
    }
    void handle_datagram(Now, const control::Arrival&, Bytes, control::Output&) override {}
    void handle_event(Now, const dataplane::Event&, control::Output&) override {}
    void handle_timeout(Now, control::Output&) override {}
    [[nodiscard]] Instant next_deadline() const override { return kNever; }
    void remove_peer(Now, PeerIndex, control::Output&) override {}
    void set_queue_length(std::size_t) override {}
    [[nodiscard]] bool under_load(Now) const override { return false; }
    [[nodiscard]] std::string identity() const override { return ""; }
    [[nodiscard]] std::optional<control::PeerStatus> peer_status(PeerIndex) const override { return std::nullopt; }
    [[nodiscard]] control::EngineCounters totals() const override { return counters; }
    [[nodiscard]] control::SaCounts sa_counts() const override { return {3, 5, 7}; }
    [[nodiscard]] std::optional<control::ConnectionStatus> connection_status(ConnectionIndex connection,
                                                                             ConnectionDetail detail) const override {
        if (detail == ConnectionDetail::kIkeSas) ++asked_for_ike_sas;
        const auto found = connections.find(connection);
        return found == connections.end() ? std::nullopt : std::optional(found->second);
    }
    [[nodiscard]] std::vector<control::Attempt> attempts(ConnectionIndex connection) const override {
        const auto found = tried.find(connection);
        return found == tried.end() ? std::vector<control::Attempt>() : found->second;
    }
    [[nodiscard]] std::vector<control::Attempt> strangers_attempts() const override { return strangers; }

    std::map<ConnectionIndex, control::ConnectionStatus> connections;
    std::map<ConnectionIndex, std::vector<control::Attempt>> tried;
    std::vector<control::Attempt> strangers;
    control::EngineCounters counters;
    mutable int asked_for_ike_sas = 0;
};

ipc::PutConnection connection(const std::string& name, const std::string& network, std::uint16_t sessions) {
    ipc::PutConnection out;
    out.settings.name = name;
    out.settings.remote_identity = {IkeIdentityType::kFqdn, false, name};
    const std::vector<Prefix> remote{*parse_prefix(network)};
    out.settings.children = {{"lan", {*parse_prefix("10.0.0.0/24")}, remote, remote}};
    out.settings.max_sessions = sessions;
    out.psk = 7;
    return out;
}

Generation generation() {
    Generation out;
    out.number = 1;
    out.full = true;
    out.listeners.push_back(test::new_listener("", 1));
    NewListener& ike = out.listeners.emplace_back();
    ike.put.id = kIkeListener;
    ike.put.port = kNatTraversalPort;
    ike.put.settings = ipc::IkeListener{};
    for (std::uint8_t port = 0; port < 2; ++port) {
        ike.put.roles.push_back({ipc::SocketRole::kMessages, Family::kV4, 0, port});
        if (port == 0) ike.put.roles.push_back({ipc::SocketRole::kData});
        ike.put.roles.push_back({ipc::SocketRole::kSolicited, Family::kV4, 0, port});
    }
    ike.sockets = {ike.put.roles, test::any_descriptors(ike.put.roles.size())};
    std::vector<ipc::PutPeer> peers;
    peers.push_back(test::put_peer(2, {"10.9.0.0/16"}));
    NewCustomer acme = test::new_customer("acme", std::move(peers));
    acme.put.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, "acme.example"};
    acme.put.connection_count = 2;
    acme.connections.push_back(connection("graz", "10.1.0.0/16", 1));
    acme.connections.push_back(connection("people", "10.2.0.0/16", 3));
    out.customers.push_back(std::move(acme));
    return out;
}

control::ConnectionStatus one_up(PeerIndex peer) {
    control::ConnectionStatus out;
    out.state = ConnectionState::kUp;
    out.sessions = 1;
    out.endpoint = parse_endpoint("203.0.113.2:4500");
    out.latest_handshake = kNow.instant - 63s;
    out.latest_handshake_wall = {5};
    control::IkeSaStatus& sa = out.ike_sas.emplace_back();
    sa.initiator_spi = 1;
    sa.responder_spi = 2;
    sa.is_initiator = sa.is_established = sa.peer_is_behind_nat = true;
    sa.local_identity = "acme.example";
    sa.remote_identity = "graz";
    sa.endpoint = *out.endpoint;
    sa.local = {*parse_ip("198.51.100.1"), 2};
    sa.local_port = 4500;
    sa.suite = "aes128gcm-prfsha256-x25519";
    sa.created = kNow.instant - 100s;
    sa.next_rekey = kNow.instant + 200s;
    sa.expires = kNow.instant - 1s;  // due
    sa.last_heard = kNow.instant - 3s;
    control::ChildStatus child;
    child.name = "lan";
    child.peer = peer;
    child.local = {"10.0.0.0/24"};
    child.remote = {"10.1.0.0/16"};
    child.spi_in = {0xc0ffee};
    child.spi_out = 7;
    child.suite = "aes128gcm";
    child.created = kNow.instant - 90s;
    child.next_rekey = kNow.instant + 190s;
    sa.children = {child, child};
    sa.children[1].is_replaced = true;
    return out;
}

struct World {
    World() {
        REQUIRE(set.apply(generation()).has_value());
        std::vector<std::unique_ptr<io::DataWorker>> workers;
        workers.push_back(std::move(*io::DataWorker::start(0, crypto::AeadBackend::kSodium)));
        control = std::move(*io::ControlWorker::make(std::move(workers), random));
        io::ControlWorker::Sockets sockets;
        sockets.control_v4 = test::udp_socket(0);
        sockets.data_v4.push_back(test::udp_socket(test::port_of(sockets.control_v4)));
        auto made = std::make_unique<Telling>();
        engine = made.get();
        REQUIRE(control->open_listener(set.listeners().at(kIkeListener).index, std::move(made), dataplane::kEspFraming,
                                       std::move(sockets)));
        counters.emplace(*control, set);
        snapshot.emplace(set, *control, *counters, "pop", "none", ProcessUsage::open());
    }
    [[nodiscard]] const HeldCustomer& acme() const { return *set.customer("acme"); }
    [[nodiscard]] const HeldConnection& graz() const { return acme().connections[0]; }
    [[nodiscard]] const HeldConnection& people() const { return acme().connections[1]; }

    // Reports of data workers come in, with `edit` of those of a customer.
    template <typename Edit>
    void read_reports(const Edit& edit) {
        pollfd waiting{control->fd(), POLLIN, 0};
        (void)::poll(&waiting, 1, 20);
        control->run();
        for (auto& report : control->take_reports()) {
            if (report->customer.valid()) edit(*report);
            counters->store(std::move(report));
        }
    }
    // As if each peer had received what its index says, and sent twice that.
    void count() {
        const HeldCustomer* const customers[] = {&acme()};
        const auto ticket = counters->refresh(kNow, customers);
        while (!counters->ready(ticket)) {
            read_reports([](io::CustomerReport& report) {
                for (io::PeerCounters& row : report.peers) {
                    row.rx_bytes = 1000 + row.peer.value;
                    row.tx_bytes = 2 * row.rx_bytes;
                    row.own_rx_bytes = row.rx_bytes - 100;  // others had the peer before
                    row.own_tx_bytes = row.tx_bytes - 200;
                }
            });
        }
    }
    [[nodiscard]] static std::uint64_t rx_of(PeerIndex peer) { return 1000 + peer.value; }

    // What a client of the socket gets.
    std::vector<ipc::SnapshotMessage> answer_to(const ipc::SnapshotMessage& request) {
        const test::TemporaryDirectory directory;
        auto server =
            SnapshotServer::make(std::move(*ipc::listen_at(directory.path + "/s", 0600)), set, *counters, *snapshot);
        REQUIRE(server);
        REQUIRE(server->listen());
        auto client = ipc::Channel::connect(directory.path + "/s");
        REQUIRE(client);
        std::vector<std::uint8_t> wire;
        REQUIRE(encode(request, wire));
        REQUIRE(client->send(wire));
        REQUIRE(client->set_non_blocking());
        std::vector<ipc::SnapshotMessage> out;
        std::vector<std::uint8_t> space(ipc::kMaxMessageSize);
        while (out.empty() || !(std::holds_alternative<ipc::SnapshotEnd>(out.back()) ||
                                std::holds_alternative<ipc::SnapshotError>(out.back()))) {
            server->run(kNow);
            read_reports([](io::CustomerReport&) {});
            auto received = client->receive(space);
            if (!received && received.error().code == ErrorCode::kUnavailable) continue;
            REQUIRE(received);
            REQUIRE_FALSE(received->closed);
            auto message = ipc::decode_snapshot(Bytes(space).first(received->size));
            REQUIRE(message);
            out.push_back(std::move(*message));
        }
        return out;
    }

    crypto::SystemRandom random;
    CustomerSet set{1};
    std::unique_ptr<io::ControlWorker> control;
    Telling* engine = nullptr;
    std::optional<Counters> counters;
    std::optional<Snapshot> snapshot;
};

template <typename Message>
std::size_t count_of(const std::vector<ipc::SnapshotMessage>& all) {
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [](const ipc::SnapshotMessage& one) { return std::holds_alternative<Message>(one); }));
}

control::Attempt attempt(const std::string& sentence) {
    control::Attempt out;
    out.at = kNow;
    out.peer = *parse_endpoint("203.0.113.2:4500");
    out.is_ours = true;
    out.failure = DropReason::kIkeAuthFailed;
    out.peer_identity = "graz";
    out.asked_identity = "acme.example";
    out.offered = "aes128gcm";
    out.accepted = "aes256gcm";
    out.sentence = sentence;
    return out;
}

std::vector<std::string> sentences_of(const std::vector<ipc::SnapshotMessage>& all) {
    std::vector<std::string> out;
    for (const ipc::SnapshotMessage& message : all) {
        if (const auto* one = std::get_if<ipc::AttemptSnapshot>(&message))
            out.push_back(one->connection + ": " + one->sentence);
    }
    return out;
}

}  // namespace

TEST_CASE("a connection is shown with its SAs; what they counted is that of their peers, and times are ages") {
    World world;
    world.engine->connections[world.graz().index] = one_up(world.graz().peers.at(0));
    world.count();
    const ipc::ConnectionSnapshot shown = world.snapshot->connection(kNow, world.acme(), 0);
    CHECK(shown.settings.name == "graz");
    CHECK(shown.state == ipc::ConnectionState::kUp);
    CHECK(shown.sessions == 1);
    CHECK(shown.activity.endpoint == parse_endpoint("203.0.113.2:4500"));
    CHECK(shown.activity.latest_handshake == WallTime{5});
    CHECK(shown.activity.rx_bytes == World::rx_of(world.graz().peers[0]));
    CHECK(shown.activity.tx_bytes == 2 * World::rx_of(world.graz().peers[0]));
    CHECK(shown.latest_handshake_seconds == 63U);
    CHECK_FALSE(shown.next_attempt_seconds.has_value());

    const auto ike_sas = world.snapshot->ike_sas(kNow, world.acme(), 0);
    REQUIRE(ike_sas.size() == 1);
    const ipc::IkeSaSnapshot& sa = ike_sas[0].ike_sa;
    CHECK(sa.initiator_spi == 1);
    CHECK(sa.responder_spi == 2);
    CHECK(sa.is_initiator);
    CHECK(sa.is_established);
    CHECK(sa.local_identity == "acme.example");
    CHECK(sa.remote_identity == "graz");
    CHECK(sa.endpoint == *parse_endpoint("203.0.113.2:4500"));
    CHECK(sa.local == *parse_endpoint("198.51.100.1:4500"));
    CHECK(sa.peer_is_behind_nat);
    CHECK_FALSE(sa.we_are_behind_nat);
    CHECK(sa.suite == "aes128gcm-prfsha256-x25519");
    CHECK(sa.age_seconds == 100);
    CHECK(sa.heard_seconds == 3U);
    CHECK(sa.rekey_seconds == 200U);
    CHECK(sa.expiry_seconds == 0U);
    REQUIRE(ike_sas[0].children.size() == 2);
    const ipc::ChildSnapshot& child = ike_sas[0].children[0];
    CHECK(child.name == "lan");
    CHECK(child.local == std::vector<std::string>{"10.0.0.0/24"});
    CHECK(child.remote == std::vector<std::string>{"10.1.0.0/16"});
    CHECK(child.spi_in == 0xc0ffee);
    CHECK(child.spi_out == 7);
    CHECK(child.suite == "aes128gcm");
    CHECK(child.rx_bytes == World::rx_of(world.graz().peers[0]) - 100);
    CHECK(child.tx_bytes == 2 * child.rx_bytes);
    CHECK(child.age_seconds == 90);
    CHECK(child.rekey_seconds == 190U);
    CHECK_FALSE(child.expiry_seconds.has_value());
    CHECK_FALSE(child.is_replaced);
    CHECK(ike_sas[0].children[1].is_replaced);
    CHECK_FALSE(child.shares_counters);
}

TEST_CASE("children whose routes overlap say that they are counted together") {
    World world;
    ipc::PutConnection overlapping = connection("graz", "10.1.0.0/16", 1);
    for (const char* network : {"10.1.2.0/24", "10.3.0.0/16"}) {
        ipc::IpsecChild child = overlapping.settings.children[0];
        child.name = network;
        child.remote = child.routes = {*parse_prefix(network)};
        overlapping.settings.children.push_back(child);
    }
    Generation other = generation();
    other.number = 2;
    other.customers[0].connections[0] = std::move(overlapping);
    REQUIRE(world.set.apply(std::move(other)).has_value());
    control::ConnectionStatus status = one_up(world.graz().peer(0, 0));
    status.ike_sas[0].children[1].peer = world.graz().peer(0, 2);
    world.engine->connections[world.graz().index] = status;
    const auto ike_sas = world.snapshot->ike_sas(kNow, world.acme(), 0);
    REQUIRE(ike_sas.size() == 1);
    CHECK(ike_sas[0].children[0].shares_counters);
    CHECK_FALSE(ike_sas[0].children[1].shares_counters);
    CHECK(world.graz().children_of(PeerIndex{77}) == 0);
}

TEST_CASE("a connection of many sessions has counted what all of them did") {
    World world;
    world.count();
    REQUIRE(world.people().peers.size() == 3);
    std::uint64_t sum = 0;
    for (const PeerIndex peer : world.people().peers) sum += World::rx_of(peer);
    CHECK(world.snapshot->connection(kNow, world.acme(), 1).activity.rx_bytes == sum);
    CHECK(world.counters->connection_peer(world.acme().index, PeerIndex{77}).rx_bytes == 0);
    // The rows of the customer's own peers are where they were.
    CHECK(world.snapshot->peer(kNow, world.acme(), 0).activity.rx_bytes == World::rx_of(world.acme().peers[0].index));
}

TEST_CASE("each state of a connection is shown as such, and one that no engine knows as not served") {
    World world;
    const auto state = [&] { return world.snapshot->connection(kNow, world.acme(), 0).state; };
    CHECK(state() == ipc::ConnectionState::kUnserved);
    CHECK(world.snapshot->customer(world.acme()).connections_unserved == 2);
    CHECK(world.snapshot->ike_sas(kNow, world.acme(), 0).empty());
    control::ConnectionStatus& status = world.engine->connections[world.graz().index];
    const std::pair<ConnectionState, ipc::ConnectionState> cases[] = {
        {ConnectionState::kListening, ipc::ConnectionState::kListening},
        {ConnectionState::kConnecting, ipc::ConnectionState::kConnecting},
        {ConnectionState::kUp, ipc::ConnectionState::kUp},
        {ConnectionState::kDown, ipc::ConnectionState::kDown}};
    for (const auto& [of_engine, shown] : cases) {
        status.state = of_engine;
        CHECK(state() == shown);
        CHECK(world.snapshot->customer(world.acme()).connections_up == (shown == ipc::ConnectionState::kUp ? 1 : 0));
    }
    status.next_attempt = kNow.instant + 40s;
    status.reason = "why";
    CHECK(world.snapshot->connection(kNow, world.acme(), 0).next_attempt_seconds == 40U);
    CHECK(world.snapshot->connection(kNow, world.acme(), 0).reason == "why");
    CHECK_FALSE(world.snapshot->connection(kNow, world.acme(), 0).latest_handshake_seconds.has_value());
}

TEST_CASE("what no engine serves says why, and a suspended customer's connections that it is suspended") {
    World world;
    const auto reason = [&] { return world.snapshot->connection(kNow, world.acme(), 0).reason; };
    CHECK(reason().empty());
    world.snapshot->explain_unserved_by(
        [&](ConnectionIndex connection) { return connection == world.graz().index ? "no such thing" : ""; });
    CHECK(reason() == "no such thing");
    CHECK(world.snapshot->connection(kNow, world.acme(), 1).reason.empty());
    world.engine->connections[world.graz().index].state = ConnectionState::kUp;
    CHECK(reason().empty());
    world.engine->connections.clear();
    Generation suspended = generation();
    suspended.number = 2;
    suspended.customers[0].put.settings.suspended = true;
    REQUIRE(world.set.apply(std::move(suspended)).has_value());
    CHECK(reason() == "the customer is suspended");
}

TEST_CASE("a connection has changed when any part of it did, and not because time passed") {
    World world;
    control::ConnectionStatus& status = world.engine->connections[world.graz().index];
    status = one_up(world.graz().peers[0]);
    const auto digest = [&] { return world.snapshot->connection_digest(world.acme(), 0); };
    std::uint64_t before = digest();
    const auto has_changed = [&] { return std::exchange(before, digest()) != before; };
    CHECK_FALSE(has_changed());
    status.latest_handshake = kNow.instant;
    status.next_attempt = kNow.instant;
    status.ike_sas.clear();
    CHECK_FALSE(has_changed());
    ++status.sas_mark;
    CHECK(has_changed());
    ++status.rekeys;
    CHECK(has_changed());
    ++status.failures;
    CHECK(has_changed());
    status.last_failure = DropReason::kIkeAuthFailed;
    CHECK(has_changed());
    status.lost_because = "silent";
    CHECK(has_changed());
    status.state = ConnectionState::kDown;
    CHECK(has_changed());
    status.reason = "x";
    CHECK(has_changed());
    ++status.sessions;
    CHECK(has_changed());
    status.endpoint.reset();
    CHECK(has_changed());
    ++status.latest_handshake_wall.nanoseconds;
    CHECK(has_changed());
    world.count();
    CHECK(has_changed());
    CHECK(world.engine->asked_for_ike_sas == 0);
}

TEST_CASE("SAs are sent to those who ask for them, behind their connection") {
    World world;
    world.engine->connections[world.graz().index] = one_up(world.graz().peers[0]);
    ipc::SnapshotRequest request{"acme", true};
    auto all = world.answer_to(request);
    CHECK(count_of<ipc::PeerSnapshot>(all) == 1);
    CHECK(count_of<ipc::ConnectionSnapshot>(all) == 2);
    CHECK(count_of<ipc::IkeSaSnapshot>(all) == 0);
    CHECK(world.engine->asked_for_ike_sas == 0);

    request.with_ike_sas = true;
    CHECK(count_of<ipc::PeerSnapshot>(world.answer_to(request)) == 1);
    request.with_peers = false;
    all = world.answer_to(request);
    REQUIRE(all.size() == 8);
    CHECK(std::get<ipc::SnapshotHeader>(all[0]).has_ike);
    CHECK(std::holds_alternative<ipc::CustomerSnapshot>(all[1]));
    CHECK(std::get<ipc::ConnectionSnapshot>(all[2]).settings.name == "graz");
    CHECK(std::holds_alternative<ipc::IkeSaSnapshot>(all[3]));
    CHECK_FALSE(std::get<ipc::ChildSnapshot>(all[4]).is_replaced);
    CHECK(std::get<ipc::ChildSnapshot>(all[5]).is_replaced);
    CHECK(std::get<ipc::ConnectionSnapshot>(all[6]).settings.name == "people");

    request.with_ike_sas = false;
    CHECK(count_of<ipc::ConnectionSnapshot>(world.answer_to(request)) == 0);
}

TEST_CASE("attempts: of a connection, of all of a customer, and of those that found none") {
    World world;
    world.engine->tried[world.graz().index] = {attempt("first"), attempt("second")};
    world.engine->tried[world.graz().index][1].failure.reset();
    world.engine->tried[world.people().index] = {attempt("other")};
    world.engine->strangers = {attempt("stranger")};
    using Sentences = std::vector<std::string>;
    const auto of = [&](const char* customer, const char* name) {
        return world.answer_to(ipc::AttemptsRequest{customer, name});
    };
    const auto graz = of("acme", "graz");
    CHECK(sentences_of(graz) == Sentences{"graz: first", "graz: second"});
    const auto& first = std::get<ipc::AttemptSnapshot>(graz[0]);
    CHECK(first.at == kNow.wall);
    CHECK(first.endpoint == *parse_endpoint("203.0.113.2:4500"));
    CHECK(first.is_initiator);
    CHECK(first.failure == "ike_auth_failed");
    CHECK(first.remote_identity == "graz");
    CHECK(first.asked_identity == "acme.example");
    CHECK(first.offered == "aes128gcm");
    CHECK(first.accepted == "aes256gcm");
    CHECK(std::get<ipc::AttemptSnapshot>(graz[1]).failure.empty());

    CHECK(sentences_of(of("acme", "people")) == Sentences{"people: other"});
    CHECK(sentences_of(of("acme", "")) == Sentences{"graz: first", "graz: second", "people: other"});
    CHECK(sentences_of(of("", "")) == Sentences{": stranger"});
    for (const auto& [customer, name] : {std::pair{"nobody", ""}, {"nobody", "graz"}, {"acme", "nobody"}}) {
        const auto refused = of(customer, name);
        REQUIRE(refused.size() == 1);
        CHECK(std::holds_alternative<ipc::SnapshotError>(refused[0]));
    }
    world.engine->tried.clear();
    CHECK(of("acme", "graz").size() == 1);
    CHECK(of("acme", "").size() == 1);
}

TEST_CASE("what the engine of IKE counted stands among the drops") {
    World world;
    world.engine->counters.drops.add(DropReason::kIkeAuthFailed, 3);
    world.engine->counters.handshakes_completed = 4;
    const ipc::SnapshotHeader header = world.snapshot->header(kNow);
    CHECK(header.drops == std::vector<ipc::DropCount>{{"ike_auth_failed", 3}});
    CHECK(header.handshakes_completed == 4);
    CHECK(header.half_open_ike_sas == 3);
    CHECK(header.ike_sas == 5);
    CHECK(header.child_sas == 7);
    CHECK(header.has_ike);
    CustomerSet none{1};
    const Counters counters(*world.control, none);
    const Snapshot without(none, *world.control, counters, "pop", "none", ProcessUsage::open());
    CHECK_FALSE(without.header(kNow).has_ike);
}
