#include "vpnd/ike/identity.h"

#include <doctest/doctest.h>

#include "base/ip.h"

namespace warren::ike {
namespace {

Identity parsed(const char* text) {
    const auto out = parse_identity(text);
    REQUIRE_MESSAGE(out.has_value(), text);
    return *out;
}

TEST_CASE("identities have the type that their text looks like, and read back") {
    struct Case {
        const char* text;
        IdType type;
    };
    for (const Case& one : {Case{"203.0.113.2", IdType::kIpv4Addr}, Case{"2001:db8::1", IdType::kIpv6Addr},
                            Case{"graz@acme.example", IdType::kRfc822Addr}, Case{"vpn.example.net", IdType::kFqdn},
                            Case{"keyid:branch 7", IdType::kKeyId}, Case{"keyid:hex:00ff", IdType::kKeyId}}) {
        CHECK(parsed(one.text).type == one.type);
        CHECK(to_string(parsed(one.text)) == one.text);
    }
    CHECK(parsed("203.0.113.2").value == std::vector<std::uint8_t>{203, 0, 113, 2});
    CHECK(parsed("keyid:hex:00FF").value == std::vector<std::uint8_t>{0, 255});
    for (const char* const wrong : {"", "keyid:", "keyid:hex:", "keyid:hex:0", "keyid:hex:zz", "a b", "@acme.example",
                                    "graz@", "two words@acme.example", "C=AT, CN=graz"})
        CHECK_FALSE_MESSAGE(parse_identity(wrong).has_value(), wrong);
}

TEST_CASE("KI1: names are equal without case, everything else byte by byte") {
    CHECK(parsed("VPN.Example.NET") == parsed("vpn.example.net"));
    CHECK(key_of(parsed("VPN.Example.NET")) == key_of(parsed("vpn.example.net")));
    CHECK_FALSE(parsed("Graz@acme.example") == parsed("graz@acme.example"));
    CHECK_FALSE(identity_of(IdType::kKeyId, as_bytes("vpn.example.net")) == parsed("vpn.example.net"));
    CHECK(key_of(identity_of(IdType::kKeyId, as_bytes("vpn.example.net"))) != key_of(parsed("vpn.example.net")));
}

TEST_CASE("KI5: a pattern fits what ends so and is longer; any fits everything") {
    const auto mail = *parse_expected_identity("*@acme.example");
    CHECK(mail.match(parsed("graz@acme.example")) == Match::kPattern);
    CHECK(mail.match(parsed("graz@other.example")) == Match::kNone);
    CHECK(mail.match(identity_of(IdType::kRfc822Addr, as_bytes("@acme.example"))) == Match::kNone);
    CHECK(mail.match(identity_of(IdType::kFqdn, as_bytes("graz@acme.example"))) == Match::kNone);
    CHECK(mail.match(identity_of(IdType::kRfc822Addr, as_bytes("graz@evil.example@acme.example"))) == Match::kPattern);
    const auto name = *parse_expected_identity("*.acme.example");
    CHECK(name.match(parsed("graz.ACME.example")) == Match::kPattern);
    CHECK(name.match(parsed("acme.example")) == Match::kNone);
    CHECK(parse_expected_identity("any")->match(parsed("x")) == Match::kAny);
    CHECK(parse_expected_identity("graz.acme.example")->match(parsed("GRAZ.acme.example")) == Match::kExact);
    CHECK(to_string(mail) == "*@acme.example");
    CHECK_FALSE(parse_expected_identity("*").has_value());
    CHECK_FALSE(parse_expected_identity("*@").has_value());
}

TEST_CASE("an identity that is no text is shown in printable letters") {
    const std::vector<std::uint8_t> odd{0x1b, '[', '2', 'J'};
    const std::string shown = to_string(identity_of(IdType::kFqdn, odd));
    CHECK(shown == "type 2:1b5b324a");
    CHECK(to_string(identity_of(IdType::kIpv4Addr, odd)) == "27.91.50.74");
    CHECK(to_string(identity_of(IdType::kIpv4Addr, Bytes(odd).first(3))) == "type 1:1b5b32");
    CHECK(to_string(identity_of(IdType::kDerAsn1Dn, odd)) == "type 9:1b5b324a");
    CHECK(to_string(identity_of(IdType::kFqdn, std::vector<std::uint8_t>(100'000, 'a'))).size() < 2'100);
}

}  // namespace
}  // namespace warren::ike
