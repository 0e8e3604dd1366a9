#include "config/diff.h"

#include <doctest/doctest.h>

#include "samples.h"

using namespace warren::config;
using samples::customer_text;
using samples::peer_text;

namespace {

Customer customer(const std::string& more, const std::string& top = "") {
    auto checked = samples::check(samples::kIpsecApplianceText, {{"acme", top + customer_text(more)}});
    REQUIRE(checked.text() == "");
    return checked.customers[0].value;
}

std::string connection_text(const std::string& name, const std::string& more) {
    return "[[ipsec.connection]]\nname = \"" + name + "\"\nauth = \"psk\"\npsk = { secret = \"good\" }\n" +
           "remote_identity = \"" + name + "@acme.example\"\nlocal = [\"10.0.0.0/24\"]\n" + more;
}
const std::string kIpsec = "[ipsec]\nidentity = \"acme.vpn.example.net\"\n";

std::string diff_text(const Customer& before, const Customer& after) {
    std::string out;
    for (const FieldChange& change : diff(before, {}, after, {})) out += format(change) + '\n';
    return out;
}

}  // namespace

TEST_CASE("equal customers have no difference") {
    CHECK(diff_text(customer(peer_text("p", 1)), customer(peer_text("p", 1))) == "");
}

TEST_CASE("changed, added and removed fields are named as in the file") {
    const auto before = customer(peer_text("p", 1) + "endpoint = \"192.0.2.1:1\"\n");
    const auto after = customer("mtu = 1380\n[traffic]\nrate_up = \"1.5 Gbit/s\"\nshare = 3\n" + peer_text("p", 1) +
                                    "persistent_keepalive = 25\n",
                                "state = \"suspended\"\n");
    CHECK(diff_text(before, after) ==
          "peer p endpoint: - 192.0.2.1:1\npeer p persistent_keepalive: 0 -> 25\nstack.mtu: 1420 -> 1380\nstate: "
          "active -> suspended\n"
          "traffic.rate_up: + 1.5 Gbit/s\ntraffic.share: 1 -> 3\n");
}

TEST_CASE("rates and quotas are changes, of a customer and of a peer") {
    const auto before =
        customer("[traffic]\nquota = \"1 TB/month\"\n" + peer_text("p", 1) + "rate_up = \"1 Mbit/s\"\n");
    const auto after = customer("[traffic]\nquota = \"2000 GB/month\"\nafter_quota = \"1 Mbit/s\"\n" +
                                peer_text("p", 1) + "quota = \"50 GB/month\"\nafter_quota = \"drop\"\n");
    CHECK(diff_text(before, after) ==
          "peer p quota: + 50 GB/month\npeer p rate_up: - 1 Mbit/s\ntraffic.after_quota: + 1 Mbit/s\n"
          "traffic.quota: 1 TB/month -> 2 TB/month\n");
}

TEST_CASE("a test link is one line for each direction") {
    const auto before = customer("[traffic.emulate.up]\nloss = \"1 %\"\n" + peer_text("p", 1));
    const auto after = customer(
        "[traffic.emulate.up]\nloss = \"2 %\"\ndelay = \"50 ms\"\n[traffic.emulate.down]\n"
        "rate = \"1 Mbit/s\"\n" +
        peer_text("p", 1));
    CHECK(diff_text(before, after) ==
          "traffic.emulate.down: + rate 1 Mbit/s\ntraffic.emulate.up: loss 1 % -> delay 50 ms, loss 2 %\n");
    CHECK(customer("[traffic.emulate.up]\n" + peer_text("p", 1)).traffic.emulate == std::nullopt);
}

TEST_CASE("a map is one line, with its peer where the file leaves that out") {
    const auto map = [](const std::string& mapped) {
        return customer("[[nat.map]]\nreal = \"10.43.0.0/16\"\nmapped = \"" + mapped + "\"\n" + peer_text("p", 1));
    };
    CHECK(diff_text(customer(peer_text("p", 1)), map("10.101.0.0/16")) == "nat.map p 10.43.0.0/16: + 10.101.0.0/16\n");
    CHECK(diff_text(map("10.101.0.0/16"), map("10.102.0.0/16")) ==
          "nat.map p 10.43.0.0/16: 10.101.0.0/16 -> 10.102.0.0/16\n");
}

TEST_CASE("an endpoint on another device is a change") {
    const auto at = [](const std::string& zone) {
        return customer(peer_text("p", 1) + "endpoint = \"[fe80::7%" + zone + "]:51820\"\n");
    };
    CHECK(diff_text(at("up0"), at("up1")) == "peer p endpoint: [fe80::7%up0]:51820 -> [fe80::7%up1]:51820\n");
}

TEST_CASE("a rule is one line, and so is their order") {
    const std::string first =
        "[[firewall.rule]]\nname = \"one\"\naction = \"accept\"\nproto = \"tcp\"\n"
        "ports = [443, \"80-81\"]\nfrom = [\"peer:p\"]\n";
    const std::string second = "[[firewall.rule]]\nname = \"two\"\naction = \"drop\"\nto = [\"10.0.0.0/8\"]\n";
    const auto before = customer(first + second + peer_text("p", 1));
    CHECK(diff_text(customer(peer_text("p", 1)), before) ==
          "firewall.rule one: + peer:p -> any tcp 443, 80-81 accept\nfirewall.rule order: + one, two\n"
          "firewall.rule two: + any -> 10.0.0.0/8 drop\n");
    CHECK(diff_text(before, customer(second + first + peer_text("p", 1))) ==
          "firewall.rule order: one, two -> two, one\n");
    const auto after = customer(
        "[firewall]\ndefault = \"drop\"\nallow_ping = false\nmax_connections = 5\n[nat]\n"
        "masquerade = [\"peers\"]\nmasquerade_ipv6 = []\n[[nat.forward]]\nproto = \"udp\"\nport = 53\n"
        "from = \"peers\"\nto = \"10.43.0.1:5353\"\n" +
        peer_text("p", 1, "allowed_ips = [\"10.43.0.0/16\"]\ngroups = [\"a\", \"b\"]\n"));
    CHECK(diff_text(customer(peer_text("p", 1)), after) ==
          "firewall.allow_ping: + false\nfirewall.default: + drop\nfirewall.max_connections: + 5\n"
          "nat.forward peers udp 53: + 10.43.0.1:5353\nnat.masquerade: + peers\npeer p groups: + a, b\n");
}

TEST_CASE("what services are told is a line for each thing") {
    const std::string lan = "[handoff]\ntype = \"veth\"\naddress = [\"10.42.0.1/24\"]\n";
    const auto before = customer(lan + peer_text("p", 1));
    const auto after = customer(
        lan +
        "[dns]\nlisten = [\"10.0.0.1\"]\ndomain = \"acme.example\"\n[[dns.zone]]\nname = \"corp.example\"\n"
        "servers = [\"10.43.0.53\", \"10.43.0.54\"]\n[[dns.host]]\nname = \"erp\"\naddresses = [\"10.43.0.1\"]\n"
        "[bgp]\nasn = 64512\nallow_network_admin = true\nannounce = []\n[[bgp.neighbour]]\nname = \"core\"\naddress = "
        "\"10.42.0.254\"\n"
        "asn = 64513\n" +
        peer_text("p", 1));
    CHECK(diff_text(before, after) ==
          "bgp.announce: + nothing\nbgp.asn: + 64512\n"
          "bgp.neighbour core: + 10.42.0.254 AS 64513, import nothing, at most 1000\ndns.domain: + acme.example\n"
          "dns.host erp: + 10.43.0.1\ndns.listen: + 10.0.0.1\ndns.zone corp.example: + 10.43.0.53, 10.43.0.54\n");
}

TEST_CASE("the operator's devices are one line") {
    const auto before = customer("");
    const auto after = customer("devices = [\"vx0\", \"gre1\"]\n");
    CHECK(after.stack.devices == std::vector<std::string>{"vx0", "gre1"});
    CHECK(diff_text(before, after) == "stack.devices: + vx0, gre1\n");
}

TEST_CASE("a peer that came or went is one line") {
    const auto before = customer(peer_text("old", 1));
    const auto after = customer(peer_text("new", 2));
    CHECK(diff_text(before, after) ==
          "peer old: - " + samples::public_text(1) + "\npeer new: + " + samples::public_text(2) + "\n");
}

TEST_CASE("the order of allowed_ips makes no difference, that of addresses does") {
    const auto one = customer(peer_text("p", 1, "allowed_ips = [\"10.1.0.0/16\", \"10.2.0.0/16\"]\n"));
    const auto two = customer(peer_text("p", 1, "allowed_ips = [\"10.2.0.0/16\", \"10.1.0.0/16\"]\n"));
    CHECK(diff_text(one, two) == "");
}

TEST_CASE("of a long list of allowed_ips only what is new and what is gone is told, and not all of that") {
    const auto with = [](std::size_t first, std::size_t end) {
        std::string list = "allowed_ips = [";
        for (std::size_t i = first; i < end; ++i)
            list += "\"10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\", ";
        return customer(peer_text("p", 1, list + "]\n"));
    };
    CHECK(diff_text(with(1, 20'000), with(2, 20'000)) == "peer p allowed_ips: - 10.0.1.0/24\n");
    CHECK(diff_text(with(1, 20'000), with(1, 20'001)) == "peer p allowed_ips: + 10.78.32.0/24\n");
    CHECK(diff_text(with(1, 1'001), with(2, 1'002)) == "peer p allowed_ips: 10.0.1.0/24 -> 10.3.233.0/24\n");
    const std::string all_went = diff_text(with(1, 20'000), with(1, 2));
    CHECK(all_went.starts_with("peer p allowed_ips: - 10.0.2.0/24, 10.0.3.0/24, "));
    CHECK(all_went.ends_with(" and 19982 more\n"));
}

TEST_CASE("a key file with new content is a change, and nothing of the key shows") {
    const auto with_psk = customer(peer_text("p", 1) + "preshared_key = { secret = \"psk\" }\n");
    Secrets before;
    before.put({"psk"}, samples::private_key(3).secret.clone());
    Secrets after;
    after.put({"psk"}, samples::private_key(4).secret.clone());
    CHECK(diff(with_psk, before, with_psk, before).empty());
    const auto changes = diff(with_psk, before, with_psk, after);
    REQUIRE(changes.size() == 1);
    CHECK(format(changes[0]) == "peer p preshared_key: the key in the file changed");
}

TEST_CASE("the appliance's changes are told too") {
    Appliance before;
    Appliance after = before;
    after.name = "pop";
    after.listeners = {{51821, WireguardListener{{"uplink"}}}};
    std::string out;
    for (const FieldChange& change : diff(before, {}, after, {})) out += format(change) + '\n';
    CHECK(out == "appliance.name: warren -> pop\nwireguard.listen_port: + 51821\nwireguard.private_key: + uplink\n");
    Secrets one;
    one.put({"uplink"}, samples::private_key(3).secret.clone());
    Secrets two;
    two.put({"uplink"}, samples::private_key(4).secret.clone());
    CHECK(diff(after, one, after, two).size() == 1);
}

TEST_CASE("receivers of alerts are told key by key, a changed key file too, and no secret of either") {
    const auto appliance = [](const std::string& more) {
        auto checked = samples::check(samples::kApplianceText + more, {});
        REQUIRE(checked.text() == "");
        return checked.appliance.value;
    };
    const std::string hook = "[alerts.webhook]\nurl = \"https://a.example/\"\nkey = { secret = \"good\" }\n";
    std::string out;
    for (const FieldChange& change : diff(appliance("[alerts]\npeer_down_after = \"10 min\"\n" + hook), {},
                                          appliance("[alerts]\ncustomer_down_after = \"off\"\n" + hook +
                                                    "[alerts.syslog]\nserver = \"log.example:514\"\n"),
                                          {}))
        out += format(change) + '\n';
    CHECK(out ==
          "alerts.customer_down_after: 1 min -> off\nalerts.peer_down_after: 10 min -> off\n"
          "alerts.syslog.protocol: + udp\nalerts.syslog.server: + log.example:514\n");
    const auto same = appliance(hook);
    Secrets other;
    other.put({{"good"}, "", "", "", FileForm::kPsk},
              warren::crypto::SecretBuffer(warren::as_bytes(std::string_view("another key of twenty"))));
    const auto changes = diff(same, samples::secrets(), same, other);
    REQUIRE(changes.size() == 2);  // the server's key is not in `other`
    CHECK(format(changes[1]) == "alerts.webhook.key: the key in the file changed");
}

TEST_CASE("a changed connection is told key by key, one that came or went in one line") {
    const std::string remote = "remote = [\"10.0.1.0/24\"]\n";
    const auto before = customer(kIpsec + connection_text("graz", remote));
    const auto after = customer(kIpsec + connection_text("graz", remote + "dpd = \"off\"\npfs = \"required\"\n" +
                                                                     "esp = [\"aes128gcm-x25519\"]\n" +
                                                                     "routes = [\"10.0.1.0/25\"]\n"));
    CHECK(diff_text(before, before) == "");
    CHECK(diff_text(before, after) ==
          "connection graz dpd: 30 s -> off\nconnection graz esp: + aes128gcm-x25519\n"
          "connection graz pfs: optional -> required\nconnection graz routes: 10.0.1.0/24 -> 10.0.1.0/25\n");
    const auto other = customer(kIpsec + connection_text("linz", remote));
    CHECK(diff_text(before, other) ==
          "connection graz: - graz@acme.example (psk)\nconnection linz: + linz@acme.example (psk)\n");
}

TEST_CASE("a customer that gets IPsec gets its MTU with it") {
    CHECK(diff_text(customer(""), customer(kIpsec)) ==
          "ipsec.crl_required: + false\nipsec.identity: + acme.vpn.example.net\nstack.mtu: 1420 -> 1400\n");
}

TEST_CASE("a certificate or a preshared key with new content is a change, and nothing of it shows") {
    const std::string certificate = "certificate = \"hub.pem\"\nprivate_key = { secret = \"good\" }\n";
    const auto one = customer(kIpsec + certificate + connection_text("graz", "remote = [\"10.0.1.0/24\"]\n"));
    const NamedSecret hub{{"hub.pem"}, "", "", "", FileForm::kCertificate};
    const NamedSecret psk{{"good"}, "", "", "", FileForm::kPsk};
    const auto with = [&](const char* of_hub, const char* of_psk) {
        Secrets out = samples::secrets();
        out.put(hub, warren::crypto::SecretBuffer(warren::as_bytes(of_hub)));
        out.put(psk, warren::crypto::SecretBuffer(warren::as_bytes(of_psk)));
        return out;
    };
    const Secrets before = with("old", "our cat is called Fritz");
    CHECK(diff(one, before, one, before).empty());
    std::string out;
    for (const FieldChange& change : diff(one, before, one, with("new", "our cat is called Hansi")))
        out += format(change) + '\n';
    CHECK(out == "ipsec.certificate: the file changed\nconnection graz psk: the key in the file changed\n");
}

TEST_CASE("the appliance's [ipsec] is told too") {
    Appliance before;
    Appliance after;
    IkeListener ike;
    ike.gateway =
        IpsecGateway{{warren::IkeIdentityType::kFqdn, false, "vpn.example.net"}, {"gateway.pem"}, {"gateway"}};
    after.listeners = {{4500, ike}};
    std::string out;
    for (const FieldChange& change : diff(before, {}, after, {})) out += format(change) + '\n';
    CHECK(out ==
          "ipsec: + UDP ports 500 and 4500\nipsec.encapsulation: + always\n"
          "ipsec.gateway.certificate: + gateway.pem\nipsec.gateway.identity: + vpn.example.net\n"
          "ipsec.gateway.private_key: + gateway\n");
}
