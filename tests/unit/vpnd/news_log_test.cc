// What the log says of peers and customers that go and come back.
#include "vpnd/show/news_log.h"

#include <doctest/doctest.h>

#include <functional>
#include <sstream>

#include "tests/unit/base/stderr_capture.h"
#include "tests/unit/vpnd/fixtures.h"

using namespace warren;
using namespace warren::vpnd;

namespace {

// A site with two children.
ipc::PutConnection site() {
    ipc::PutConnection out;
    out.settings.name = "graz";
    out.settings.remote_identity = {IkeIdentityType::kFqdn, false, "graz"};
    for (const char* network : {"10.4.0.0/16", "10.5.0.0/16"}) {
        const std::vector<Prefix> remote{*parse_prefix(network)};
        out.settings.children.push_back({network, {*parse_prefix("10.0.0.0/24")}, remote, remote});
    }
    out.psk = 20;
    return out;
}

NewListener ike_listener() {
    NewListener out;
    out.put.id = kIkeListener;
    out.put.port = kNatTraversalPort;
    out.put.settings = ipc::IkeListener{};
    out.put.roles = {{ipc::SocketRole::kMessages},
                     {ipc::SocketRole::kData},
                     {ipc::SocketRole::kSolicited},
                     {ipc::SocketRole::kMessages, Family::kV4, 0, 1},
                     {ipc::SocketRole::kSolicited, Family::kV4, 0, 1}};
    out.sockets = {out.put.roles, test::any_descriptors(out.put.roles.size())};
    return out;
}

// acme has the peers 1 and 2, globex has 3, hooli has a site.
struct Log {
    CustomerSet customers{1};
    NewsLog news;
    Now now{{1'000'000'000}, {}};

    Log() {
        Generation generation;
        generation.number = 1;
        generation.listeners.push_back(test::new_listener("", 9));
        std::vector<ipc::PutPeer> acme;
        acme.push_back(test::put_peer(1, {"10.1.0.0/16"}));
        acme.push_back(test::put_peer(2, {"10.2.0.0/16"}));
        generation.customers.push_back(test::new_customer("acme", std::move(acme)));
        std::vector<ipc::PutPeer> globex;
        globex.push_back(test::put_peer(3, {"10.3.0.0/16"}));
        generation.customers.push_back(test::new_customer("globex", std::move(globex)));
        generation.listeners.push_back(ike_listener());
        NewCustomer hooli = test::new_customer("hooli", {});
        hooli.put.ipsec.emplace().identity = {IkeIdentityType::kFqdn, false, "hooli.example"};
        hooli.put.connection_count = 1;
        hooli.connections.push_back(site());
        generation.customers.push_back(std::move(hooli));
        REQUIRE(customers.apply(std::move(generation)));
    }

    PeerIndex index(const std::string& customer, std::size_t position = 0) const {
        return customers.customer(customer)->peers.at(position).index;
    }
    void completed(PeerIndex peer) { news.completed(customers, {peer, false, now, {}}); }
    void resumed(PeerIndex peer) { news.resumed(customers, {peer}); }
    void lost(PeerIndex peer) { news.lost(customers, {peer, control::LostBecause::kSilent, now}); }
};

// The events that `act` logs, each with its customer: "peer_down acme".
std::vector<std::string> events(const std::function<void()>& act) {
    test::StderrCapture capture;
    act();
    std::istringstream lines(capture.text());
    std::vector<std::string> out;
    for (std::string line; std::getline(lines, line);) {
        const auto value = [&line](const std::string& key) {
            const std::size_t at = line.find(key + "=") + key.size() + 1;
            return line.substr(at, line.find(' ', at) - at);
        };
        out.push_back(value("event") + " " + value("customer"));
    }
    return out;
}

using Events = std::vector<std::string>;

}  // namespace

TEST_CASE("a customer is down with the last of its peers, and up with the first") {
    Log log;
    CHECK(events([&] { log.completed(log.index("acme", 0)); }) == Events{"session_established acme"});
    CHECK(events([&] { log.completed(log.index("acme", 1)); }) == Events{"session_established acme"});
    CHECK(events([&] { log.completed(log.index("acme", 1)); }).empty());  // a renewal
    CHECK(events([&] { log.lost(log.index("acme", 1)); }) == Events{"peer_down acme"});
    CHECK(events([&] { log.lost(log.index("acme", 0)); }) == Events{"peer_down acme", "customer_down acme"});
    CHECK(events([&] { log.completed(log.index("globex")); }) == Events{"session_established globex"});
    CHECK(events([&] { log.completed(log.index("acme", 0)); }) ==
          Events{"session_established acme", "peer_up acme", "customer_up acme"});
    CHECK(events([&] { log.completed(log.index("acme", 1)); }) == Events{"session_established acme", "peer_up acme"});
}

TEST_CASE("a connection is told by its name, each of its children, and its customer is down with the last of them") {
    Log log;
    const std::vector<PeerIndex> children = log.customers.customer("hooli")->connections.at(0).peers;
    REQUIRE(children.size() == 2);
    test::StderrCapture capture;
    log.completed(children[0]);
    CHECK(capture.text().find("event=session_established customer=hooli peer=graz role=responder") !=
          std::string::npos);
    CHECK(events([&] { log.completed(children[1]); }) == Events{"session_established hooli"});
    CHECK(events([&] { log.completed(children[1]); }).empty());  // a rekey
    CHECK(events([&] { log.lost(children[1]); }) == Events{"peer_down hooli"});
    CHECK(events([&] { log.lost(children[0]); }) == Events{"peer_down hooli", "customer_down hooli"});
    CHECK(events([&] { log.completed(children[0]); }) ==
          Events{"session_established hooli", "peer_up hooli", "customer_up hooli"});
    // A child that the connection has no more.
    log.news.forget(log.customers.customer("hooli")->index, children[0]);
    CHECK(events([&] { log.lost(children[1]); }) == Events{"peer_down hooli", "customer_down hooli"});
}

TEST_CASE("a peer whose session began in an earlier process counts as up") {
    Log log;
    CHECK(events([&] {
              log.resumed(log.index("acme", 0));
              log.resumed(log.index("acme", 1));
          }).empty());
    CHECK(events([&] { log.lost(log.index("acme", 1)); }) == Events{"peer_down acme"});
    CHECK(events([&] { log.completed(log.index("acme", 0)); }).empty());  // a renewal
    CHECK(events([&] { log.lost(log.index("acme", 0)); }) == Events{"peer_down acme", "customer_down acme"});
}

TEST_CASE("after a restart the peers that stay away are told, and their customer once") {
    Log log;
    CHECK(events([&] { log.lost(log.index("acme", 0)); }) == Events{"peer_down acme", "customer_down acme"});
    CHECK(events([&] { log.lost(log.index("acme", 1)); }) == Events{"peer_down acme"});
}

TEST_CASE("a peer that leaves the configuration is no news, and is not counted any more") {
    Log log;
    log.resumed(log.index("acme", 0));
    log.resumed(log.index("acme", 1));
    const CustomerIndex acme = log.customers.customer("acme")->index;
    CHECK(events([&] { log.news.forget(acme, log.index("acme", 0)); }).empty());
    CHECK(events([&] { log.lost(log.index("acme", 1)); }) == Events{"peer_down acme", "customer_down acme"});
}

TEST_CASE("a handshake that is refused names its peer, and the command that helps one whose clock was ahead") {
    Log log;
    const auto refused = [&](DropReason reason, std::chrono::seconds ahead) {
        test::StderrCapture capture;
        log.news.refused(log.customers, {log.index("acme"), reason, ahead, log.now});
        return capture.text();
    };
    const std::string old = refused(DropReason::kOldTimestamp, std::chrono::hours(36));
    CHECK(old.find("event=handshake_refused customer=acme peer=peer-1 reason=old_timestamp") != std::string::npos);
    CHECK(old.find("clock_was_ahead_days=1.5") != std::string::npos);
    CHECK(old.find("vpnctl peer reset acme peer-1") != std::string::npos);
    // A replay, or a clock that differs as clocks do.
    for (const auto ahead : {std::chrono::seconds(-10), std::chrono::seconds(59)})
        CHECK(refused(DropReason::kOldTimestamp, ahead).find("reset") == std::string::npos);
    CHECK(refused(DropReason::kInitiationTooSoon, std::chrono::hours(36)).find("reset") == std::string::npos);
}
