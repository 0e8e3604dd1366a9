#include "clients/ipsec_profile.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "config/identity.h"
#include "config/proposals.h"

using namespace warren;
using namespace warren::clients;

namespace {

constexpr std::string_view kSecret = "a \"quoted\" & <long> \\key\\ of it";

Prefix prefix(const char* text) {
    return parse_prefix(text).value();
}

config::Appliance appliance() {
    config::Appliance out;
    out.public_endpoint = "vpn.example.net:51820";
    return out;
}

// With a site of a preshared key, and people who sign in by a password.
config::Customer customer() {
    config::Customer out;
    out.id = "acme";
    config::Ipsec& ipsec = out.ipsec.emplace();
    ipsec.identity = *config::parse_identity("acme.vpn.example.net", false);
    config::Connection& site = ipsec.connections.emplace_back();
    site.name = "branch-linz";
    site.remote_identity = config::parse_identity("linz@acme.example", false);
    site.local = {prefix("10.0.0.0/24")};
    site.remote = {prefix("10.0.2.0/24"), prefix("10.0.3.0/24")};
    config::Connection& people = ipsec.connections.emplace_back();
    people.name = "people";
    people.auth = IpsecAuth::kEapMschapv2;
    people.pool = {prefix("10.99.0.0/24"), prefix("fd00:99::/112")};
    people.local = {prefix("10.0.0.0/8")};
    return out;
}

IpsecProfile site(IpsecFormat format = IpsecFormat::kSwanctl) {
    const config::Customer one = customer();
    return profile_of(appliance(), one, one.ipsec->connections[0], "", format).value();
}

IpsecProfile person(IpsecFormat format) {
    const config::Customer one = customer();
    return profile_of(appliance(), one, one.ipsec->connections[1], "anna@acme.example", format).value();
}

std::string refusal_of(const config::Appliance& where, const config::Customer& one, std::size_t connection,
                       std::string_view user, IpsecFormat format) {
    const auto out = profile_of(where, one, one.ipsec->connections[connection], user, format);
    return out ? "" : out.error().what;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the other side's half has both sides exchanged") {
    const IpsecProfile one = site();
    CHECK(one.server == "vpn.example.net");
    CHECK(to_string(one.server_identity) == "acme.vpn.example.net");
    CHECK(to_string(*one.identity) == "linz@acme.example");
    REQUIRE(one.children.size() == 1);
    CHECK(one.children[0].own == std::vector{prefix("10.0.2.0/24"), prefix("10.0.3.0/24")});
    CHECK(one.children[0].there == std::vector{prefix("10.0.0.0/24")});
    CHECK_FALSE(one.leases_v4);

    const IpsecProfile anna = person(IpsecFormat::kSwanctl);
    CHECK(anna.user == "anna@acme.example");
    CHECK((anna.leases_v4 && anna.leases_v6));
    CHECK(anna.children[0].own.empty());
}

TEST_CASE("an address of the customer's own, and its own endpoint, are where it is reached") {
    config::Customer one = customer();
    one.clients.emplace().endpoint = "[2001:db8::1]:51820";
    CHECK(profile_of(appliance(), one, one.ipsec->connections[0], "", IpsecFormat::kIked)->server == "2001:db8::1");
    one.ipsec->addresses = {*parse_ip("198.51.100.7")};
    CHECK(profile_of(appliance(), one, one.ipsec->connections[0], "", IpsecFormat::kIked)->server == "198.51.100.7");
    CHECK(has(refusal_of({}, customer(), 0, "", IpsecFormat::kIked), "public_endpoint"));
}

TEST_CASE("what a program cannot do, and who is missing, is said") {
    const config::Customer one = customer();
    CHECK(has(refusal_of(appliance(), one, 1, "", IpsecFormat::kApple), "name the USER"));
    CHECK(has(refusal_of(appliance(), one, 0, "anna", IpsecFormat::kApple), "leave USER out"));
    CHECK(has(refusal_of(appliance(), one, 0, "", IpsecFormat::kAndroid), "no preshared key"));
    CHECK(has(refusal_of(appliance(), one, 0, "", IpsecFormat::kApple), "has no pool"));
    CHECK(has(refusal_of(appliance(), one, 1, "anna", IpsecFormat::kLibreswan), "eap-mschapv2"));
    CHECK(has(refusal_of(appliance(), one, 1, "anna", IpsecFormat::kWindows), "ipsec.gateway"));
    config::Customer many = customer();
    many.ipsec->connections[0].remote_identity = config::parse_identity("*@acme.example", true);
    CHECK(has(refusal_of(appliance(), many, 0, "", IpsecFormat::kSwanctl), "name the identity"));
    CHECK(refusal_of(appliance(), many, 0, "graz@acme.example", IpsecFormat::kSwanctl).empty());
    many.ipsec->connections[0].ppk_identity = "quantum";
    CHECK(has(refusal_of(appliance(), many, 0, "graz@acme.example", IpsecFormat::kIked), "PPK"));
}

TEST_CASE("Windows dials the name of the gateway, which it compares with the certificate") {
    config::Appliance with_gateway = appliance();
    config::IkeListener ike;
    ike.gateway.emplace().identity = *config::parse_identity("gw.example.net", false);
    with_gateway.listeners = {{4500, ike}};
    const config::Customer one = customer();
    const auto profile = profile_of(with_gateway, one, one.ipsec->connections[1], "o'hara", IpsecFormat::kWindows);
    REQUIRE(profile);
    const std::string text = ipsec_text(*profile, IpsecFormat::kWindows, kSecretLeftOut);
    CHECK(has(text, "-Name 'acme: o''hara' -ServerAddress 'gw.example.net' -TunnelType Ikev2"));
    CHECK(has(text, "-AuthenticationMethod Eap"));
    CHECK(has(text, "-EncryptionMethod GCMAES256 -IntegrityCheckMethod SHA256"));
    CHECK(has(text, "Add-VpnConnectionRoute -ConnectionName 'acme: o''hara' -DestinationPrefix '10.0.0.0/8'"));
}

TEST_CASE("swanctl gets every algorithm by its own name, and a secret with quotes whole") {
    IpsecProfile one = site();
    std::string text = ipsec_text(one, IpsecFormat::kSwanctl, kSecret);
    CHECK(has(text, "remote_addrs = vpn.example.net\n"));
    CHECK(has(text, "local_ts = 10.0.2.0/24, 10.0.3.0/24\n        remote_ts = 10.0.0.0/24\n"));
    CHECK(has(text, "secret = \"a \\\"quoted\\\" & <long> \\\\key\\\\ of it\"\n"));
    one.ike = {*config::parse_proposal(config::ProposalFor::kIke, "aes256gcm-sha384-x25519"),
               *config::parse_proposal(config::ProposalFor::kIke, "aes128-sha256-modp2048")};
    one.esp = {*config::parse_proposal(config::ProposalFor::kEsp, "chacha20poly1305"),
               *config::parse_proposal(config::ProposalFor::kEsp, "aes256-sha512-ecp256")};
    text = ipsec_text(one, IpsecFormat::kSwanctl, "0x99");
    CHECK(has(text, "proposals = aes256gcm16-prfsha384-x25519,aes128-sha256-modp2048\n"));
    CHECK(has(text, "esp_proposals = chacha20poly1305,aes256-sha512-ecp256\n"));
    CHECK(has(text, "secret = 0x30783939\n"));  // it is a text, not a number
    one.identity = IkeIdentity{IkeIdentityType::kKeyId, false, "a}\n"};
    CHECK(has(ipsec_text(one, IpsecFormat::kSwanctl, kSecretLeftOut), "id = keyid:0x617d0a\n"));
}

TEST_CASE("a program that signs in by a password does not get it but where it is asked for") {
    const std::string apple = ipsec_text(person(IpsecFormat::kApple), IpsecFormat::kApple, kSecretLeftOut);
    CHECK(has(apple, "<key>AuthName</key><string>anna@acme.example</string>"));
    CHECK(has(apple, "<key>RemoteIdentifier</key><string>acme.vpn.example.net</string>"));
    CHECK_FALSE(has(apple, "AuthPassword"));
    CHECK(has(ipsec_text(person(IpsecFormat::kApple), IpsecFormat::kApple, kSecret),
              "<key>AuthPassword</key><string>a \"quoted\" &amp; &lt;long&gt; \\key\\ of it</string>"));
    const auto android =
        nlohmann::json::parse(ipsec_text(person(IpsecFormat::kAndroid), IpsecFormat::kAndroid, kSecret));
    CHECK(android["type"] == "ikev2-eap");
    CHECK(android["remote"] == nlohmann::json{{"addr", "vpn.example.net"}, {"id", "acme.vpn.example.net"}});
    CHECK(android["local"]["eap_id"] == "anna@acme.example");
    CHECK(android["split-tunneling"]["subnets"] == nlohmann::json{"10.0.0.0/8"});
    CHECK(has(ipsec_text(person(IpsecFormat::kSwanctl), IpsecFormat::kSwanctl, "pass word"), "vips = 0.0.0.0, ::\n"));
}

TEST_CASE("a profile that is made again has the same number, another one has another") {
    const auto uuid = [](const IpsecProfile& profile) {
        return nlohmann::json::parse(ipsec_text(profile, IpsecFormat::kAndroid, ""))["uuid"].get<std::string>();
    };
    IpsecProfile one = person(IpsecFormat::kAndroid);
    const std::string number = uuid(one);
    CHECK(number.size() == 36);
    CHECK(number[14] == '8');
    CHECK(uuid(one) == number);
    one.title = "acme: bert";
    CHECK(uuid(one) != number);
}

TEST_CASE("Libreswan and iked get a secret that they would misread as bytes") {
    const std::string libreswan = ipsec_text(site(IpsecFormat::kLibreswan), IpsecFormat::kLibreswan, kSecret);
    CHECK(has(libreswan, "rightid=@acme.vpn.example.net\n    leftid=linz@acme.example\n"));
    CHECK(has(libreswan, "leftsubnets={10.0.2.0/24 10.0.3.0/24}\n    rightsubnets={10.0.0.0/24}\n"));
    CHECK(has(libreswan, "linz@acme.example @acme.vpn.example.net : PSK 0x61202271"));
    const std::string iked = ipsec_text(site(IpsecFormat::kIked), IpsecFormat::kIked, "twenty plain letters");
    CHECK(has(iked, "    from 10.0.3.0/24 to 10.0.0.0/24 \\\n    peer vpn.example.net \\\n"));
    CHECK(has(iked, "psk \"twenty plain letters\"\n"));
}
