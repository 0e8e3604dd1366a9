// What no file can know alone.
#include <doctest/doctest.h>

#include <array>

#include "config/schema.h"
#include "samples.h"

using namespace warren::config;
using samples::check;
using samples::customer_text;
using samples::kApplianceText;
using samples::peer_text;

namespace {

std::string own_listener(int port) {
    return "[wireguard]\nlisten_port = " + std::to_string(port) + "\nprivate_key = { secret = \"own\" }\n";
}

}  // namespace

TEST_CASE("two customers may have the same addresses, prefixes, peer names and routes") {
    const std::string more = peer_text("branch", 1) +
                             "[handoff]\ntype = \"veth\"\naddress = [\"10.42.0.1/24\"]\n[[stack.route]]\nto = "
                             "\"10.99.0.0/16\"\nvia = \"10.42.0.2\"\n";
    const std::string other = peer_text("branch", 2) + more.substr(more.find("[handoff]"));
    const auto checked = check(kApplianceText, {{"acme", customer_text(more)}, {"globex", customer_text(other)}});
    CHECK(checked.text() == "");
    CHECK(checked.customers[0].valid);
    CHECK(checked.customers[1].valid);
}

TEST_CASE(
    "a peer key of two customers on the shared listener is an error of both, each naming the other's place; others "
    "stay valid") {
    const auto checked = check(kApplianceText, {{"acme", customer_text(peer_text("one", 7))},
                                                {"globex", customer_text(peer_text("two", 7))},
                                                {"initech", customer_text(peer_text("three", 8))}});
    const std::string key = samples::public_text(7);
    CHECK(checked.text() == "acme.toml:7:14: error: public_key " + key +
                                " is also used by peer \"two\" of customer globex at globex.toml:7:14; a peer's key "
                                "names the customer, so it occurs once "
                                "on a listener\n    7 | public_key = \"" +
                                key + "\"\n      |              ^" + std::string(45, '~') +
                                "\nglobex.toml:7:14: error: public_key " + key +
                                " is also used by peer \"one\" of customer acme at acme.toml:7:14; a peer's key names "
                                "the customer, so it occurs once on a "
                                "listener\n    7 | public_key = \"" +
                                key + "\"\n      |              ^" + std::string(45, '~') + "\n");
    CHECK_FALSE(checked.customers[0].valid);
    CHECK_FALSE(checked.customers[1].valid);
    CHECK(checked.customers[2].valid);
}

TEST_CASE("a peer key at three customers makes all three invalid") {
    const auto checked = check(kApplianceText, {{"a", customer_text(peer_text("p", 7))},
                                                {"b", customer_text(peer_text("p", 7))},
                                                {"c", customer_text(peer_text("p", 7))}});
    for (const auto& customer : checked.customers) CHECK_FALSE(customer.valid);
}

TEST_CASE("the same peer key on two listeners is fine: the port tells the customers apart") {
    const auto checked = check(kApplianceText, {{"acme", customer_text(own_listener(51842) + peer_text("p", 7))},
                                                {"globex", customer_text(own_listener(51843) + peer_text("p", 7))},
                                                {"initech", customer_text(peer_text("p", 7))}});
    CHECK(checked.text() == "");
}

TEST_CASE("a peer's next key is nobody else's key on the listener, of whatever customer") {
    const auto next = [](std::uint8_t key) {
        return "allowed_ips = []\nnext_public_key = \"" + samples::public_text(key) + "\"\n";
    };
    const auto are_valid = [](const std::string& one, const std::string& other) {
        const auto checked = check(kApplianceText, {{"acme", customer_text(one)}, {"beta", customer_text(other)}});
        CHECK(checked.customers[0].valid == checked.customers[1].valid);
        return checked.customers[0].valid;
    };
    CHECK(are_valid(peer_text("p", 1, next(2)), peer_text("p", 3, next(4))));
    CHECK_FALSE(are_valid(peer_text("p", 1, next(2)), peer_text("p", 2)));
    CHECK_FALSE(are_valid(peer_text("p", 1), peer_text("p", 2, next(1))));
    CHECK_FALSE(are_valid(peer_text("p", 1, next(3)), peer_text("p", 2, next(3))));
    CHECK(are_valid(peer_text("p", 1, next(3)), peer_text("p", 2, next(3) + "enabled = false\n")));
}

TEST_CASE("a disabled peer cannot clash, a suspended customer's peers can") {
    const auto moved = check(kApplianceText, {{"acme", customer_text(peer_text("p", 7) + "enabled = false\n")},
                                              {"globex", customer_text(peer_text("p", 7))}});
    CHECK(moved.text() == "");
    const std::string suspended = "state = \"suspended\"\n" + customer_text(peer_text("p", 7));
    const auto asleep = check(kApplianceText, {{"acme", suspended}, {"globex", customer_text(peer_text("p", 7))}});
    CHECK_FALSE(asleep.customers[0].valid);
    CHECK_FALSE(asleep.customers[1].valid);
}

TEST_CASE("a customer whose file has errors takes part in no clash") {
    const auto checked = check(kApplianceText, {{"acme", "typo = 1\n" + customer_text(peer_text("p", 7))},
                                                {"globex", customer_text(peer_text("p", 7))}});
    CHECK_FALSE(checked.customers[0].valid);
    CHECK(checked.customers[1].valid);
}

TEST_CASE("no peer may have the shared listener's own key") {
    const auto checked = check(kApplianceText, {{"acme", customer_text(peer_text("p", samples::kServer))}});
    CHECK(checked.text().starts_with(
        "acme.toml:7:14: error: wireguard.peer.public_key: this is the key of the shared listener itself; "
        "accepted: the peer's own public key\n"));
    CHECK_FALSE(checked.customers[0].valid);
    CHECK(checked.appliance.valid);
}

TEST_CASE("no peer may have the key of its customer's own listener, but it may have the shared one") {
    const auto own =
        check(kApplianceText, {{"acme", customer_text(own_listener(51842) + peer_text("p", samples::kOwnServer))}});
    CHECK(own.text().starts_with(
        "acme.toml:10:14: error: wireguard.peer.public_key: this is the key of the customer's listener itself;"));
    const auto other =
        check(kApplianceText, {{"acme", customer_text(own_listener(51842) + peer_text("p", samples::kServer))}});
    CHECK(other.text() == "");
}

TEST_CASE("two listeners on one port are an error of both customers; on the shared port, of the customer alone") {
    const auto both = check(
        kApplianceText, {{"acme", customer_text(own_listener(51842))}, {"globex", customer_text(own_listener(51842))}});
    CHECK(both.text() ==
          "acme.toml:6:15: error: UDP port 51842 is also used by the listener of customer globex at globex.toml:6:15; "
          "each listener needs "
          "a port of its own\n"
          "    6 | listen_port = 51842\n      |               ^~~~~\n"
          "globex.toml:6:15: error: UDP port 51842 is also used by the listener of customer acme at acme.toml:6:15; "
          "each listener needs a "
          "port of its own\n"
          "    6 | listen_port = 51842\n      |               ^~~~~\n");
    const auto shared = check(kApplianceText, {{"acme", customer_text(own_listener(51820))}});
    CHECK(shared.text() ==
          "acme.toml:6:15: error: UDP port 51820 is also used by the shared listener at warren.toml:2:1; each listener "
          "needs a port of its "
          "own\n"
          "    6 | listen_port = 51820\n      |               ^~~~~\n");
    CHECK(shared.appliance.valid);
    CHECK_FALSE(shared.customers[0].valid);
}

TEST_CASE("a physical device belongs to one customer, and to no macvlan or vlan of another") {
    const std::string physical = "[handoff]\ntype = \"physical\"\nparent = \"eth5\"\n";
    const auto both = check(kApplianceText, {{"acme", customer_text(physical)}, {"globex", customer_text(physical)}});
    CHECK(
        both.text().starts_with("acme.toml:7:10: error: device eth5 is also used by the handoff of customer globex at "
                                "globex.toml:7:10; a physical device "
                                "moves into one stack only\n"));
    CHECK_FALSE(both.customers[0].valid);
    CHECK_FALSE(both.customers[1].valid);

    const auto mixed =
        check(kApplianceText, {{"acme", customer_text("[handoff]\ntype = \"macvlan\"\nparent = \"eth5\"\n")},
                               {"globex", customer_text(physical)}});
    CHECK_FALSE(mixed.customers[0].valid);
    CHECK_FALSE(mixed.customers[1].valid);

    const std::string macvlan = "[handoff]\ntype = \"macvlan\"\nparent = \"eth5\"\n";
    CHECK(check(kApplianceText, {{"acme", customer_text(macvlan)}, {"globex", customer_text(macvlan)}}).text() == "");
}

TEST_CASE("a VLAN occurs once on its parent") {
    const auto vlan = [](int id) {
        return customer_text("[handoff]\ntype = \"vlan\"\nparent = \"eth5\"\nvlan_id = " + std::to_string(id) + "\n");
    };
    CHECK(check(kApplianceText, {{"acme", vlan(7)}, {"globex", vlan(8)}}).text() == "");
    const auto both = check(kApplianceText, {{"acme", vlan(7)}, {"globex", vlan(7)}});
    CHECK(both.text().starts_with(
        "acme.toml:8:11: error: VLAN 7 of eth5 is also used by the handoff of customer globex at globex.toml:8:11;"));
}

TEST_CASE("without any listener a customer with peers is invalid, one without peers is not") {
    const auto checked =
        check("schema = 1\n", {{"acme", customer_text(peer_text("p", 1))}, {"globex", customer_text("")}});
    CHECK(checked.text().starts_with(
        "acme.toml:5:1: error: no listener for this customer: warren.toml has no [wireguard],"));
    CHECK_FALSE(checked.customers[0].valid);
    CHECK(checked.customers[1].valid);
}

TEST_CASE("an unreadable warren.toml is not held against the customers") {
    const auto checked = check("schema = \n", {{"acme", customer_text(peer_text("p", 1))}});
    CHECK_FALSE(checked.appliance.valid);
    CHECK(checked.customers[0].valid);
}

TEST_CASE("a peer has at most 20,000 allowed_ips, and the enabled peers of a customer 200,000 together") {
    const auto peer_with = [](std::size_t count) {
        std::string list = "allowed_ips = [";
        for (std::size_t i = 0; i < count; ++i)
            list += "\"10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24\", ";
        return samples::customer_text(peer_text("p", 1, list + "]\n"));
    };
    CHECK(check(kApplianceText, {{"acme", peer_with(kMaxAllowedIpsPerPeer)}}).text() == "");
    const auto checked = check(kApplianceText, {{"acme", peer_with(kMaxAllowedIpsPerPeer + 1)}});
    CHECK(checked.text().find("wireguard.peer.allowed_ips: found 20001 elements; accepted: 0 to 20000\n") !=
          std::string::npos);

    const auto customer_with = [](bool last_is_enabled) {
        std::string text;
        for (std::uint8_t peer = 0; peer <= kMaxAllowedIpsPerCustomer / kMaxAllowedIpsPerPeer; ++peer) {
            const bool is_last = peer == kMaxAllowedIpsPerCustomer / kMaxAllowedIpsPerPeer;
            std::string list = "allowed_ips = [";
            for (std::size_t i = 0; i < (is_last ? 1 : kMaxAllowedIpsPerPeer); ++i)
                list += "\"" + std::to_string(20 + peer) + "." + std::to_string(i / 256) + "." +
                        std::to_string(i % 256) + ".0/24\", ";
            text += peer_text("p" + std::to_string(peer), static_cast<std::uint8_t>(peer + 1), list + "]\n");
            if (is_last && !last_is_enabled) text += "enabled = false\n";
        }
        return samples::customer_text(text);
    };
    CHECK(check(kApplianceText, {{"acme", customer_with(false)}}).text() == "");
    CHECK(check(kApplianceText, {{"acme", customer_with(true)}})
              .text()
              .find("wireguard.peer.allowed_ips: with this peer the customer has more than 200000 networks; accepted: "
                    "up to 200000 for all enabled peers together\n") != std::string::npos);
}

TEST_CASE("what is wrong with thousands of networks is said of the first ones, and that there are more") {
    const auto listed = [](const std::string& element, std::size_t count) {
        std::string list = "allowed_ips = [";
        for (std::size_t i = 0; i < count; ++i)
            list += "\"10." + std::to_string(i / 256) + "." + std::to_string(i % 256) + element + "\", ";
        return list + "]\n";
    };
    const auto occurrences = [](const std::string& text, const std::string& part) {
        std::size_t count = 0;
        for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
        return count;
    };
    const std::string two = peer_text("p", 1, listed(".0/24", 2'000)) + peer_text("q", 2, listed(".0/24", 2'000));
    const auto shared = check(kApplianceText, {{"acme", samples::customer_text(two)}});
    CHECK_FALSE(shared.customers[0].valid);
    CHECK(occurrences(shared.text(), " also belongs to peer \"p\"") == 100);
    CHECK(occurrences(shared.text(), "there are more than 100 such errors; the others are not shown") == 1);

    // Warnings leave the errors their room.
    std::string twice = listed(".0/24", 2'000);
    twice.insert(twice.size() - 2, listed(".0/24", 2'000).substr(std::string("allowed_ips = [").size()));
    twice.erase(twice.find(']'), 2);
    const auto both =
        check(kApplianceText,
              {{"acme", samples::customer_text(peer_text("p", 1, twice) + peer_text("q", 2, listed(".0/24", 1)))}});
    CHECK_FALSE(both.customers[0].valid);
    CHECK(occurrences(both.text(), "is listed twice") == 100);
    CHECK(occurrences(both.text(), "there are more than 100 such warnings; the others are not shown") == 1);
    CHECK(occurrences(both.text(), " also belongs to peer \"p\"") == 1);

    const auto host_bits =
        check(kApplianceText, {{"acme", samples::customer_text(peer_text("p", 1, listed(".1/24", 2'000)))}});
    CHECK_FALSE(host_bits.customers[0].valid);
    CHECK(occurrences(host_bits.text(), "acme.toml:") == 21);
    CHECK(occurrences(host_bits.text(), "more than 20 elements of this list are wrong; the others are not shown") == 1);
    const auto few = check(kApplianceText, {{"acme", samples::customer_text(peer_text("p", 1, listed(".1/24", 20)))}});
    CHECK(occurrences(few.text(), "acme.toml:") == 20);
    CHECK(occurrences(few.text(), "the others are not shown") == 0);
}

TEST_CASE("every point of low order is refused as a public key") {
    // RFC 7748 §6.1 and https://cr.yp.to/ecdh.html#validate; the last byte's top bit is ignored.
    const std::array<const char*, 7> points{
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA=",
        "X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc=", "7P///////////////////////////////////////38=",
        "7f///////////////////////////////////////38=", "7v///////////////////////////////////////38=",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA="};
    for (const char* point : points) {
        CAPTURE(point);
        const auto checked =
            check(kApplianceText,
                  {{"acme", customer_text("[[wireguard.peer]]\nname = \"p\"\nallowed_ips = []\npublic_key = \"" +
                                          std::string(point) + "\"\n")}});
        CHECK(checked.text().find("this is a point of low order") != std::string::npos);
        CHECK_FALSE(checked.customers[0].valid);
    }
}
