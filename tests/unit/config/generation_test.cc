// Which customers stay as they were.
#include "config/generation.h"

#include <doctest/doctest.h>

#include "samples.h"

using namespace warren::config;
using samples::customer_text;
using samples::kApplianceText;
using samples::peer_text;

namespace {

Loaded loaded_from(const std::string& appliance, const std::vector<samples::NamedText>& customers,
                   Secrets secrets = samples::secrets()) {
    samples::Checked checked = samples::check(appliance, customers, secrets);
    Loaded out;
    out.appliance = checked.appliance.value;
    out.appliance_valid = checked.appliance.valid;
    for (auto& customer : checked.customers)
        out.customers.push_back({customer.value, customer.valid, customer.source.file, {}, nullptr});
    out.diagnostics = checked.diagnostics;
    out.secrets = std::move(secrets);
    return out;
}

const std::string kBroken = "typo = 1\n";

std::string names(const Generation& generation) {
    std::string out;
    for (const auto& accepted : generation.customers) out += (out.empty() ? "" : " ") + accepted->customer.id;
    return out;
}

std::string key_of(const Generation& generation, std::string_view id) {
    const AcceptedCustomer* accepted = generation.find(id);
    return accepted == nullptr || accepted->customer.peers.empty()
               ? ""
               : warren::crypto::to_base64(
                     std::get<warren::config::WireguardTunnel>(accepted->customer.peers[0].tunnel).public_key);
}

}  // namespace

TEST_CASE("a first generation has the valid customers only") {
    const auto first =
        succeed({}, loaded_from(kApplianceText, {{"acme", customer_text(peer_text("p", 1))}, {"globex", kBroken}}));
    CHECK(first.accepted);
    CHECK(names(first.next) == "acme");
    CHECK(first.kept.empty());
    CHECK(has_errors(first.diagnostics));
}

TEST_CASE("a customer with errors stays as it was, with its keys; others change; one without a file is removed") {
    const std::string psk = "preshared_key = { secret = \"psk\" }\n";
    Secrets old_keys = samples::secrets();
    old_keys.put({"psk"}, samples::private_key(0x77).secret.clone());
    const auto first = succeed({}, loaded_from(kApplianceText,
                                               {{"acme", customer_text(peer_text("p", 1) + psk)},
                                                {"globex", customer_text(peer_text("p", 2))},
                                                {"initech", customer_text(peer_text("p", 3))}},
                                               std::move(old_keys)));
    REQUIRE(first.accepted);
    Secrets new_keys = samples::secrets();
    new_keys.put({"psk"}, samples::private_key(0x78).secret.clone());
    const auto second = succeed(
        first.next, loaded_from(kApplianceText, {{"acme", kBroken}, {"globex", customer_text(peer_text("p", 4))}},
                                std::move(new_keys)));
    REQUIRE(second.accepted);
    CHECK(names(second.next) == "acme globex");
    CHECK(second.kept == std::vector<std::string>{"acme"});
    CHECK(key_of(second.next, "acme") == samples::public_text(1));
    CHECK(key_of(second.next, "globex") == samples::public_text(4));
    CHECK(second.next.find("acme")->secrets.find({"psk"})->equals(samples::private_key(0x77).secret));
}

TEST_CASE("an accepted customer holds the keys it names and no others") {
    const auto first = succeed({}, loaded_from(kApplianceText, {{"acme", customer_text(peer_text("p", 1))}}));
    REQUIRE(first.accepted);
    CHECK(first.next.secrets.find({"uplink"}) != nullptr);
    CHECK(first.next.secrets.find({"own"}) == nullptr);
    CHECK(first.next.find("acme")->secrets.find({"uplink"}) == nullptr);
}

TEST_CASE("an invalid appliance applies nothing") {
    const auto first = succeed({}, loaded_from(kBroken, {{"acme", customer_text(peer_text("p", 1))}}));
    CHECK_FALSE(first.accepted);
    CHECK(first.next.customers.empty());
}

TEST_CASE("of two new files that clash with each other both stay as they were") {
    const auto first = succeed({}, loaded_from(kApplianceText, {{"acme", customer_text(peer_text("p", 1))}}));
    const auto second =
        succeed(first.next, loaded_from(kApplianceText, {{"acme", customer_text(peer_text("p", 9))},
                                                         {"globex", customer_text(peer_text("p", 9))}}));
    REQUIRE(second.accepted);
    CHECK(names(second.next) == "acme");
    CHECK(key_of(second.next, "acme") == samples::public_text(1));
}

TEST_CASE(
    "a customer that takes over a key of a kept one has to wait, and so has one that clashes with what that one "
    "keeps") {
    const auto first = succeed({}, loaded_from(kApplianceText, {{"acme", customer_text(peer_text("p", 1))},
                                                                {"globex", customer_text(peer_text("p", 2))},
                                                                {"initech", customer_text(peer_text("p", 3))}}));
    REQUIRE(first.accepted);
    // globex takes acme's key 1, initech takes globex's key 2; acme's file is broken and keeps 1.
    const auto second =
        succeed(first.next, loaded_from(kApplianceText, {{"acme", kBroken},
                                                         {"globex", customer_text(peer_text("p", 1))},
                                                         {"initech", customer_text(peer_text("p", 2))}}));
    REQUIRE(second.accepted);
    CHECK(second.kept == std::vector<std::string>{"acme", "globex", "initech"});
    CHECK(key_of(second.next, "acme") == samples::public_text(1));
    CHECK(key_of(second.next, "globex") == samples::public_text(2));
    CHECK(key_of(second.next, "initech") == samples::public_text(3));
    const auto complaint = std::find_if(second.diagnostics.begin(), second.diagnostics.end(),
                                        [](const Diagnostic& d) { return d.customer == "globex"; });
    REQUIRE(complaint != second.diagnostics.end());
    CHECK(format(*complaint) == "globex.toml:1:1: error: public_key " + samples::public_text(1) +
                                    " is also used by peer \"p\" of customer acme, which stays as before because of "
                                    "errors; a peer's key names the customer, so it "
                                    "occurs once on a listener");
}

TEST_CASE("nothing is accepted when a kept customer cannot live with the new appliance") {
    const std::string own = "[wireguard]\nlisten_port = 51842\nprivate_key = { secret = \"own\" }\n";
    const auto first = succeed(
        {}, loaded_from(kApplianceText, {{"acme", customer_text(own)}, {"globex", customer_text(peer_text("p", 2))}}));
    REQUIRE(first.accepted);
    const auto port_taken = succeed(
        first.next, loaded_from("schema = 1\n[wireguard]\nlisten_port = 51842\nprivate_key = { secret = \"uplink\" }\n",
                                {{"acme", kBroken}, {"globex", customer_text(peer_text("p", 2))}}));
    CHECK_FALSE(port_taken.accepted);
    const auto listener_gone =
        succeed(first.next, loaded_from("schema = 1\n", {{"acme", customer_text(own)}, {"globex", kBroken}}));
    CHECK_FALSE(listener_gone.accepted);
    CHECK(listener_gone.diagnostics.back().message.find("warren.toml no longer has [wireguard]") == 0);
}

TEST_CASE("the same files again make the same generation") {
    const std::vector<samples::NamedText> files{{"acme", customer_text(peer_text("p", 1))},
                                                {"globex", customer_text(peer_text("p", 2))}};
    const auto first = succeed({}, loaded_from(kApplianceText, files));
    const auto second = succeed(first.next, loaded_from(kApplianceText, files));
    REQUIRE(second.accepted);
    CHECK(second.next.appliance == first.next.appliance);
    REQUIRE(second.next.customers.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(second.next.customers[i]->customer == first.next.customers[i]->customer);
}

TEST_CASE("a customer with errors keeps its IPsec, and then the appliance keeps the listener") {
    const std::string ipsec = "[ipsec]\nidentity = \"acme.example\"\n";
    const auto first = succeed({}, loaded_from(samples::kIpsecApplianceText, {{"acme", customer_text(ipsec)}}));
    REQUIRE(first.accepted);
    const auto kept = succeed(first.next, loaded_from(samples::kIpsecApplianceText, {{"acme", kBroken}}));
    REQUIRE(kept.accepted);
    CHECK(kept.next.find("acme")->customer.ipsec.has_value());
    const auto refused = succeed(first.next, loaded_from(kApplianceText, {{"acme", kBroken}}));
    CHECK_FALSE(refused.accepted);
    CHECK(format(refused.diagnostics.back()).find("warren.toml no longer has [ipsec]") != std::string::npos);
}

TEST_CASE("a valid customer gives way to a kept one with the same identity; a shared remote identity is no clash") {
    const auto text = [](const std::string& identity) {
        return customer_text("[ipsec]\nidentity = \"" + identity + "\"\n[[ipsec.connection]]\nname = \"graz\"\n" +
                             "auth = \"psk\"\npsk = { secret = \"good\" }\nremote_identity = \"graz\"\n" +
                             "local = [\"10.0.0.0/24\"]\nremote = [\"10.0.1.0/24\"]\n");
    };
    const std::string appliance = samples::kIpsecApplianceText +
                                  "[ipsec.gateway]\nidentity = \"vpn.example.net\"\ncertificate = \"hub.pem\"\n" +
                                  "private_key = { secret = \"good\" }\n";
    const auto first =
        succeed({}, loaded_from(appliance, {{"acme", text("a.example")}, {"globex", text("b.example")}}));
    REQUIRE(first.accepted);
    CHECK(names(first.next) == "acme globex");
    CHECK(first.kept.empty());
    CHECK(first.diagnostics.size() == 2);  // warnings
    const auto second = succeed(first.next, loaded_from(appliance, {{"acme", kBroken}, {"globex", text("A.example")}}));
    REQUIRE(second.accepted);
    CHECK(second.kept == std::vector<std::string>{"acme", "globex"});
    CHECK(second.next.find("globex")->customer.ipsec->identity.text == "b.example");
}
