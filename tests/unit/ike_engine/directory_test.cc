#include "vpnd/ike/directory.h"

#include "tests/unit/ike_engine/harness.h"

namespace warren::ike {
namespace {

using namespace testing;

IkeSuite usual_suite() {
    const Acceptable& line = default_ike_policy().lines.front();
    return {line.encryption.front(), line.prf.front(), line.integrity.empty() ? nullptr : line.integrity.front(),
            line.key_exchange.front()};
}

Connection connection(std::uint32_t index, CustomerIndex customer, const char* peer, const char* address = nullptr) {
    Connection out;
    out.index = ConnectionIndex{index};
    out.customer = customer;
    out.name = std::string("c") + std::to_string(index);
    out.remote_identity = expected(peer);
    if (address != nullptr) out.remote_address = *parse_ip(address);
    return out;
}

struct Fixture {
    Fixture() {
        directory.put_customer({kAcme, "acme", identity("acme.vpn.example.net"), {}});
        directory.put_customer({kBeta, "beta", identity("beta.vpn.example.net"), {*parse_ip("198.51.100.7")}});
    }
    Finding find(const char* peer, const char* asked, const char* from = "203.0.113.2",
                 const char* to = "198.51.100.1") const {
        Claim claim;
        claim.peer = identity(peer);
        if (asked != nullptr) claim.asked = identity(asked);
        claim.suite = usual_suite();
        claim.from = *parse_ip(from);
        claim.to = *parse_ip(to);
        return directory.find(claim);
    }
    Directory directory;
};

TEST_CASE("KI1: the customer is the one whose identity IDr is, and no other is looked at") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    fixture.directory.put(connection(1, kBeta, "graz@site.example"));
    fixture.directory.put(connection(2, kBeta, "linz@site.example"));
    CHECK(fixture.find("graz@site.example", "ACME.vpn.example.net").connection->index == ConnectionIndex{0});
    CHECK(fixture.find("graz@site.example", "beta.vpn.example.net").connection->index == ConnectionIndex{1});
    const Finding wrong = fixture.find("linz@site.example", "acme.vpn.example.net");
    CHECK(wrong.connection == nullptr);
    CHECK(wrong.customer == kAcme);
    CHECK(wrong.missing == Missing::kConnection);
    CHECK(wrong.reason() == DropReason::kIkeNoConnection);
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net").ours == identity("acme.vpn.example.net"));
}

TEST_CASE("KI5: an exact identity goes before a pattern, and a pattern before any") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "any"));
    fixture.directory.put(connection(1, kAcme, "*@site.example"));
    fixture.directory.put(connection(2, kAcme, "graz@site.example"));
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net").connection->index == ConnectionIndex{2});
    CHECK(fixture.find("linz@site.example", "acme.vpn.example.net").connection->index == ConnectionIndex{1});
    CHECK(fixture.find("linz.example", "acme.vpn.example.net").connection->index == ConnectionIndex{0});
}

TEST_CASE("KI2: an IDr that is nobody's is nobody, whoever knows the peer") {
    Fixture fixture;
    fixture.directory.set_gateway(identity("vpn.example.net"));
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    const Finding found = fixture.find("graz@site.example", "gamma.vpn.example.net");
    CHECK(found.connection == nullptr);
    CHECK(found.reason() == DropReason::kIkeUnknownIdentity);
}

TEST_CASE("KI3: at a customer's own address IDr does not matter") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    fixture.directory.put(connection(1, kBeta, "graz@site.example"));
    CHECK(fixture.find("graz@site.example", nullptr, "203.0.113.2", "198.51.100.7").connection->index ==
          ConnectionIndex{1});
    CHECK(fixture.find("graz@site.example", "whatever.example", "203.0.113.2", "198.51.100.7").connection->index ==
          ConnectionIndex{1});
}

TEST_CASE("KI4: without IDr only an identity that one customer knows exactly, and only with a gateway") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    fixture.directory.put(connection(1, kBeta, "*@site.example"));
    CHECK(fixture.find("graz@site.example", nullptr).missing == Missing::kGateway);
    fixture.directory.set_gateway(identity("vpn.example.net"));
    CHECK(fixture.find("graz@site.example", nullptr).connection->index == ConnectionIndex{0});
    CHECK(fixture.find("graz@site.example", "vpn.example.net").connection->index == ConnectionIndex{0});
    CHECK(fixture.find("graz@site.example", nullptr).ours == identity("vpn.example.net"));
    CHECK(fixture.find("linz@site.example", nullptr).connection == nullptr);  // a pattern is not enough
    fixture.directory.put(connection(2, kBeta, "graz@site.example"));
    const Finding both = fixture.find("graz@site.example", nullptr);
    CHECK(both.connection == nullptr);
    CHECK(both.missing == Missing::kAmbiguous);
    fixture.directory.remove(ConnectionIndex{2});
    CHECK(fixture.find("graz@site.example", nullptr).connection != nullptr);
}

TEST_CASE("KI5: a connection for one address is nobody else's, and goes before one for all") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example", "203.0.113.2"));
    const Finding elsewhere = fixture.find("graz@site.example", "acme.vpn.example.net", "203.0.113.3");
    CHECK(elsewhere.connection == nullptr);
    CHECK(elsewhere.missing == Missing::kElsewhere);
    fixture.directory.put(connection(1, kAcme, "graz@site.example"));
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net").connection->index == ConnectionIndex{0});
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net", "203.0.113.3").connection->index ==
          ConnectionIndex{1});
}

TEST_CASE("KI5: two connections that fit equally well are none") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    fixture.directory.put(connection(1, kAcme, "graz@site.example"));
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net").missing == Missing::kAmbiguous);
}

TEST_CASE("KI7: a connection that does not allow the suite is no candidate") {
    Fixture fixture;
    Connection narrow = connection(0, kAcme, "graz@site.example");
    narrow.ike.lines = {default_ike_policy().lines.back()};
    CHECK_FALSE(allows(narrow.ike, usual_suite()));
    fixture.directory.put(narrow);
    const Finding found = fixture.find("graz@site.example", "acme.vpn.example.net");
    CHECK(found.connection == nullptr);
    CHECK(found.missing == Missing::kSuite);
    CHECK(found.reason() == DropReason::kIkeNoProposal);
}

TEST_CASE("KI1: a connection's own local identity finds its customer, unless another customer has it too") {
    Fixture fixture;
    Connection one = connection(0, kAcme, "graz@site.example");
    one.local_identity = identity("hub.example");
    fixture.directory.put(one);
    CHECK(fixture.find("graz@site.example", "hub.example").connection->index == ConnectionIndex{0});
    CHECK(fixture.find("graz@site.example", "hub.example").ours == identity("hub.example"));
    Connection other = connection(1, kBeta, "graz@site.example");
    other.local_identity = identity("hub.example");
    fixture.directory.put(other);
    CHECK(fixture.find("graz@site.example", "hub.example").connection == nullptr);
    fixture.directory.remove(ConnectionIndex{1});
    CHECK(fixture.find("graz@site.example", "hub.example").connection != nullptr);
}

TEST_CASE("KI1: an identity that many connections have is their customer's until the last of them is gone") {
    Fixture fixture;
    const auto put = [&](std::uint32_t index, CustomerIndex customer) {
        Connection one = connection(index, customer, ("site-" + std::to_string(index)).c_str());
        one.local_identity = identity("hub.example.net");
        fixture.directory.put(one);
    };
    for (std::uint32_t i = 0; i < 10; ++i) put(i, kAcme);
    CHECK(fixture.find("site-3", "hub.example.net").connection->index == ConnectionIndex{3});
    put(10, kBeta);
    put(10, kBeta);  // changed: it counts once
    CHECK(fixture.find("site-3", "hub.example.net").missing == Missing::kCustomer);
    fixture.directory.remove(ConnectionIndex{10});
    CHECK(fixture.find("site-3", "hub.example.net").customer == kAcme);
    for (std::uint32_t i = 1; i < 10; ++i) fixture.directory.remove(ConnectionIndex{i});
    CHECK(fixture.find("site-0", "hub.example.net").customer == kAcme);
    fixture.directory.remove(ConnectionIndex{0});
    CHECK(fixture.find("site-0", "hub.example.net").missing == Missing::kCustomer);
}

TEST_CASE("what was removed is not found, what was changed is found as it is now") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "graz@site.example", "203.0.113.2"));
    CHECK(fixture.directory.at_address(*parse_ip("203.0.113.2")) != nullptr);
    fixture.directory.put(connection(0, kAcme, "linz@site.example", "203.0.113.9"));
    CHECK(fixture.directory.at_address(*parse_ip("203.0.113.2")) == nullptr);
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net", "203.0.113.9").connection == nullptr);
    CHECK(fixture.find("linz@site.example", "acme.vpn.example.net", "203.0.113.9").connection != nullptr);
    fixture.directory.remove(ConnectionIndex{0});
    CHECK(fixture.find("linz@site.example", "acme.vpn.example.net", "203.0.113.9").connection == nullptr);
    fixture.directory.remove_customer(kAcme);
    CHECK(fixture.find("linz@site.example", "acme.vpn.example.net").reason() == DropReason::kIkeUnknownIdentity);
    fixture.directory.put_customer({kBeta, "beta", identity("other.example"), {}});
    CHECK(fixture.find("x.example", "beta.vpn.example.net").reason() == DropReason::kIkeUnknownIdentity);
    CHECK(fixture.find("x.example", nullptr, "203.0.113.2", "198.51.100.7").missing == Missing::kGateway);
}

TEST_CASE("a customer that changed keeps its connections, those of one identity, of many and of EAP") {
    Fixture fixture;
    const auto at_customer = [&](const char* peer) { return fixture.find(peer, "new.example").connection; };
    fixture.directory.put(connection(0, kAcme, "graz@site.example"));
    fixture.directory.put(connection(1, kAcme, "*@site.example"));
    Connection roaming = connection(2, kAcme, "any");
    roaming.auth = Auth::kEapTls;
    fixture.directory.put(roaming);
    fixture.directory.put_customer({kAcme, "acme", identity("new.example"), {}});
    CHECK(fixture.find("graz@site.example", "acme.vpn.example.net").missing == Missing::kCustomer);
    REQUIRE(at_customer("graz@site.example") != nullptr);
    CHECK(at_customer("graz@site.example")->index == ConnectionIndex{0});
    REQUIRE(at_customer("linz@site.example") != nullptr);
    CHECK(at_customer("linz@site.example")->index == ConnectionIndex{1});
    Claim claim;
    claim.asked = identity("new.example");
    claim.to = *parse_ip("198.51.100.1");
    CHECK(fixture.directory.find_eap_hub(claim).is_there);
    // What is removed afterwards is gone.
    fixture.directory.remove(ConnectionIndex{0});
    CHECK(at_customer("graz@site.example")->index == ConnectionIndex{1});
    fixture.directory.remove(ConnectionIndex{1});
    CHECK(at_customer("graz@site.example") == nullptr);
    fixture.directory.remove(ConnectionIndex{2});
    CHECK_FALSE(fixture.directory.find_eap_hub(claim).is_there);
}

TEST_CASE("the nearest name is the customer's own, and none when none is like it") {
    Fixture fixture;
    fixture.directory.put(connection(0, kAcme, "branch-lienz.example"));
    fixture.directory.put(connection(1, kAcme, "branch-graz.example"));
    fixture.directory.put(connection(2, kBeta, "branch-linz.example"));
    CHECK(fixture.directory.nearest(kAcme, "branch-linz.example")->index == ConnectionIndex{0});
    CHECK(fixture.directory.nearest(CustomerIndex{}, "branch-linz.example")->index == ConnectionIndex{2});
    CHECK(fixture.directory.nearest(kAcme, "zzzzzzzzzzzzzzzzzzzzz") == nullptr);
}

}  // namespace
}  // namespace warren::ike
