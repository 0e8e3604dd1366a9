// The configurations of unbound and BIRD, as functions of the customer's file.
#include "stacks/plan/services.h"

#include <doctest/doctest.h>

#include "scenery.h"

namespace warren::stacks {
namespace {

std::string behind(const std::string& text, const std::string& line) {
    const auto at = text.find(line);
    REQUIRE_MESSAGE(at != std::string::npos, text);
    return text.substr(at + line.size());
}

config::Customer with_names() {
    config::Customer customer = acme();
    customer.peers.push_back(peer("Anna.Novak@Laptop", {"10.0.0.2/32", "fd00:42::2/128", "10.44.0.0/16"}));
    customer.peers.push_back(peer("linz", {"10.0.0.3/32"}, false));
    customer.peers.push_back(peer("erp", {"10.0.0.4/32"}));
    customer.peers.push_back(peer("@", {"10.0.0.5/32"}));
    customer.dns.emplace();
    customer.dns->listen = {ip("10.0.0.1"), ip("fd00:42::1")};
    customer.dns->hosts = {{"ERP", {ip("10.42.0.10"), ip("10.0.0.2")}}, {"www.acme.example", {ip("fd00::80")}}};
    return customer;
}

TEST_CASE("a resolver without an upstream knows the names of peers and hosts, and refuses all others") {
    CHECK(behind(unbound_text(with_names()), "access-control: ::/0 allow\n") == R"(  interface: 10.0.0.1
  interface: fd00:42::1
  local-zone: "." refuse
  local-zone: "acme.internal." static
  local-data: "anna-novak-laptop.acme.internal. 60 IN A 10.0.0.2"
  local-data-ptr: "10.0.0.2 60 anna-novak-laptop.acme.internal."
  local-data: "anna-novak-laptop.acme.internal. 60 IN AAAA fd00:42::2"
  local-data-ptr: "fd00:42::2 60 anna-novak-laptop.acme.internal."
  local-data: "erp.acme.internal. 60 IN A 10.42.0.10"
  local-data-ptr: "10.42.0.10 60 erp.acme.internal."
  local-data: "erp.acme.internal. 60 IN A 10.0.0.2"
  local-data: "www.acme.example. 60 IN AAAA fd00::80"
  local-data-ptr: "fd00::80 60 www.acme.example."
remote-control:
  control-enable: no
)");
}

TEST_CASE("a resolver asks the servers of a zone, and its upstream for all else") {
    config::Customer customer = acme();
    customer.dns.emplace();
    customer.dns->listen = {ip("10.0.0.1")};
    customer.dns->domain = "VPN.acme.example";
    customer.dns->zones = {{"Corp.example", {ip("10.43.0.53"), ip("fd00:43::53")}}};
    const std::string zones =
        "forward-zone:\n  name: \"corp.example.\"\n  forward-addr: 10.43.0.53\n"
        "  forward-addr: fd00:43::53\n";
    const std::string control = "remote-control:\n  control-enable: no\n";
    CHECK(behind(unbound_text(customer), "interface: 10.0.0.1\n") ==
          "  local-zone: \".\" refuse\n  local-zone: \"corp.example.\" transparent\n"
          "  local-zone: \"vpn.acme.example.\" static\n" +
              control + zones);
    customer.dns->upstream = {ip("10.43.0.1")};
    // The line of the zone is there with an upstream too: it may be below a zone that is static.
    CHECK(behind(unbound_text(customer), "interface: 10.0.0.1\n") ==
          "  local-zone: \"corp.example.\" transparent\n  local-zone: \"vpn.acme.example.\" static\n" + control +
              zones + "forward-zone:\n  name: \".\"\n  forward-addr: 10.43.0.1\n");
}

TEST_CASE("a name that is too long for DNS is left out, and the others are not lost with it") {
    config::Customer customer = acme();
    customer.dns.emplace();
    customer.dns->listen = {ip("10.0.0.1")};
    const std::string label(63, 'a');
    customer.dns->domain = label + "." + label + "." + label + ".abcdefg";  // 199 characters
    customer.peers = {peer(std::string(53, 'p'), {"10.0.0.2/32"}), peer(std::string(54, 'q'), {"10.0.0.3/32"})};
    const std::string text = unbound_text(customer);
    CHECK(text.find("10.0.0.2") != std::string::npos);
    CHECK(text.find("10.0.0.3") == std::string::npos);
}

TEST_CASE("a router announces the tunnels' networks and learns what its neighbour may announce") {
    config::Customer customer = acme();
    customer.handoff = handoff(config::HandoffType::kVeth, "", {"10.42.0.1/24"});
    customer.stack.routes = {{prefix("10.99.0.0/16"), ip("10.42.0.254")}};
    customer.peers.push_back(peer("all", {"0.0.0.0/0"}));
    customer.bgp.emplace();
    customer.bgp->asn = 64512;
    customer.bgp->neighbours = {{"core", ip("10.42.0.254"), 4200000000, {prefix("10.0.0.0/8"), prefix("fd00::/8")}, 7},
                                {"quiet", ip("10.42.0.253"), 64512, {}, 1000}};
    const std::string text = bird_text(customer);
    CHECK(text == R"(# Made by stackd from the customer's file; a change here is lost.
log stderr { info, remote, warning, error, auth, fatal, bug };
router id 10.0.0.1;
protocol device {
  scan time 10;
}
define own4 = [ 10.0.0.0/24+, 10.42.0.0/24+, 10.43.0.0/16+, 10.99.0.0/16+ ];
define own6 = [ fd00:42::/64+, fd00:43::/64+ ];
protocol static announced4 {
  ipv4;
  route 10.43.0.0/16 unreachable;
}
protocol kernel kernel4 {
  metric 1024;
  ipv4 { import none; export where source = RTS_BGP; };
}
protocol static announced6 {
  ipv6;
  route fd00:43::/64 unreachable;
}
protocol kernel kernel6 {
  metric 1024;
  ipv6 { import none; export where source = RTS_BGP; };
}
protocol bgp neighbour1 {
  description "core";
  local 10.42.0.1 as 64512;
  neighbor 10.42.0.254 as 4200000000;
  error wait time 60, 300;
  ipv4 {
    import where (net ~ [ 10.0.0.0/8+ ]) && (net !~ own4);
    receive limit 7 action restart;
    export where proto = "announced4";
    next hop self;
  };
}
protocol bgp neighbour2 {
  description "quiet";
  local 10.42.0.1 as 64512;
  neighbor 10.42.0.253 as 64512;
  error wait time 60, 300;
  ipv4 {
    import none;
    receive limit 1000 action restart;
    export where proto = "announced4";
    next hop self;
  };
}
)");
    customer.bgp->announce.emplace();
    customer.bgp->router_id = ip("192.0.2.1");
    CHECK(bird_text(customer).find("router id 192.0.2.1;") != std::string::npos);
    CHECK(bird_text(customer).find("  route ") == std::string::npos);
    CHECK(behind(bird_text(customer), "define own4").starts_with(" = [ 10.0.0.0/24+, 10.42.0.0/24+, 10.43.0.0/16+"));
}

TEST_CASE("a neighbour of IPv6 cannot announce a part of the stack's own networks") {
    config::Customer customer = acme();
    customer.bgp.emplace();
    customer.bgp->neighbours = {{"core", ip("fd00:99::1"), 64600, {prefix("fd00::/8"), prefix("10.0.0.0/8")}, 7}};
    CHECK(behind(bird_text(customer), "  ipv6 {\n    import ")
              .starts_with("where (net ~ [ fd00::/8+ ]) && (net !~ own6);\n"));
    customer.stack.addresses = {prefix("10.0.0.1/24")};
    customer.peers.clear();
    CHECK(behind(bird_text(customer), "define own6").starts_with(" = [ fd00:99::1/128+ ];\n"));  // nor its own address
}

TEST_CASE("a neighbour behind a tunnel speaks for itself, and others are told of what may be learned") {
    config::Customer customer = acme();
    customer.handoff = handoff(config::HandoffType::kVeth, "", {"10.42.0.1/24"});
    customer.peers.push_back(peer("near", {"10.0.0.2/32", "10.0.0.5/32"}));
    customer.peers.push_back(peer("far", {"10.44.0.2/32", "0.0.0.0/0"}));
    customer.bgp.emplace();
    customer.bgp->asn = 64512;
    customer.bgp->neighbours = {{"core", ip("10.42.0.254"), 64600, {prefix("10.0.0.0/8")}, 7},
                                {"near", ip("10.0.0.2"), 64601, {prefix("10.60.0.0/14")}, 7},
                                {"far", ip("10.44.0.2"), 64602, {prefix("10.60.0.0/14")}, 7},
                                {"inside", ip("10.0.0.5"), 64512, {prefix("10.60.0.0/14")}, 7}};
    const std::string before = bird_text(customer);
    CHECK(before.find("bgp_next_hop") == std::string::npos);
    CHECK(before.find("tunnels4") == std::string::npos);
    CHECK(before.find("export where proto = \"announced4\";") != std::string::npos);

    customer.bgp->allow_learned = {prefix("10.60.0.0/14"), prefix("fd60::/16")};
    const std::string text = bird_text(customer);
    const std::string passed_on =
        "    export where proto = \"announced4\" || (source = RTS_BGP && net ~ [ 10.60.0.0/14+ ]);\n    next hop "
        "self;\n";
    CHECK(behind(text, "  neighbor 10.42.0.254 as 64600;\n  error wait time 60, 300;\n")
              .starts_with("  ipv4 {\n    import where (net ~ [ 10.0.0.0/8+ ]) && (net !~ own4);\n    receive limit 7 "
                           "action restart;\n" +
                           passed_on));
    CHECK(behind(text, "  neighbor 10.0.0.2 as 64601;\n  error wait time 60, 300;\n")
              .starts_with("  ipv4 {\n    import where (net ~ [ 10.60.0.0/14+ ]) && (net !~ own4) && (bgp_next_hop = "
                           "10.0.0.2);\n"));
    const std::string far =
        "  multihop 2;\n  ipv4 {\n    igp table tunnels4;\n    import where (net ~ [ 10.60.0.0/14+ ]) && ";
    CHECK(behind(text, "  neighbor 10.44.0.2 as 64602;\n  error wait time 60, 300;\n").starts_with(far));
    CHECK(behind(text, "  neighbor 10.0.0.5 as 64512;\n  error wait time 60, 300;\n").starts_with(far));
    CHECK(behind(text, "ipv4 table tunnels4;\n")
              .starts_with("protocol static tunnel4 {\n  ipv4 { table tunnels4; };\n  route 10.44.0.2/32 via "
                           "10.44.0.2%vpn0 onlink;\n  route 10.0.0.5/32 via 10.0.0.5%vpn0 onlink;\n}\n"));

    customer.bgp->announce.emplace();
    CHECK(bird_text(customer).find("source = RTS_BGP && net") == std::string::npos);

    // One that is reached by a default route only is nobody else's.
    CHECK(text.find("10.44.0.2/32+") != std::string::npos);
    CHECK(text.find("10.42.0.254/32+") == std::string::npos);
    customer.peers.back() = peer("far", {"0.0.0.0/0"});
    CHECK(behind(bird_text(customer), "define own4 = ").find("10.44.0.2/32+") != std::string::npos);
}

TEST_CASE("a customer that is served here has its services, and no other") {
    config::Customer customer = with_names();
    REQUIRE(services_of(customer).size() == 1);
    CHECK(services_of(customer).front().needs_restart == "10.0.0.1 fd00:42::1 ");
    customer.bgp.emplace();
    CHECK(services_of(customer).size() == 2);
    for (const auto state : {config::CustomerState::kSuspended, config::CustomerState::kStandby}) {
        customer.state = state;
        CHECK(services_of(customer).empty());
    }
}

}  // namespace
}  // namespace warren::stacks
