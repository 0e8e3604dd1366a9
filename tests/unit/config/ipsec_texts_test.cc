// Identities, proposals, times, amounts and preshared keys as people write them.
#include <doctest/doctest.h>

#include "config/connection.h"
#include "config/identity.h"
#include "config/proposals.h"
#include "config/psk.h"
#include "config/quantity.h"

using namespace warren;
using namespace warren::config;

namespace {

IkeIdentity pattern(IkeIdentityType type, const char* text) {
    return {type, true, text};
}
IkeIdentity exact(IkeIdentityType type, const char* text) {
    return {type, false, text};
}

std::string key_of(std::string_view text, KeyLength least = kPskLength) {
    const ReadSecret read = parse_psk(text, least);
    REQUIRE_MESSAGE(read.problem.empty(), read.problem);
    const Bytes bytes = read.secret.reveal();
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("an identity has the type that its text shows") {
    using Type = IkeIdentityType;
    CHECK(parse_identity("hub", false) == exact(Type::kFqdn, "hub"));
    CHECK(parse_identity("Hub.example.net", false) == exact(Type::kFqdn, "Hub.example.net"));
    CHECK(parse_identity("graz@acme.example", false) == exact(Type::kEmail, "graz@acme.example"));
    CHECK(parse_identity("203.0.113.2", false) == exact(Type::kAddress, "203.0.113.2"));
    CHECK(parse_identity("2001:DB8:0::1", false) == exact(Type::kAddress, "2001:db8::1"));
    CHECK(parse_identity("C=AT, O=Acme, CN=hub", false) == exact(Type::kDn, "C=AT, O=Acme, CN=hub"));
    CHECK(parse_identity("E=hub@acme.example, CN=hub", false) == exact(Type::kDn, "E=hub@acme.example, CN=hub"));
    CHECK(parse_identity("O=Acme\\, Co, CN=hub", false) == exact(Type::kDn, "O=Acme\\, Co, CN=hub"));
    CHECK(parse_identity("key-id:graz 1", false) == exact(Type::kKeyId, "graz 1"));
    CHECK(parse_identity("key-id:hex:00ff", false) == IkeIdentity{Type::kKeyId, false, std::string("\0\xff", 2)});
    CHECK(parse_identity("any", true) == IkeIdentity{});
    CHECK(parse_identity("any", false) == exact(Type::kFqdn, "any"));
    CHECK(parse_identity("*@acme.example", true) == pattern(Type::kEmail, "*@acme.example"));
    CHECK(parse_identity("*.acme.example", true) == pattern(Type::kFqdn, "*.acme.example"));
    for (const char* none : {"",
                             " ",
                             "a b",
                             "10.0.0.300",
                             "0.0.0.0",
                             "@acme.example",
                             "graz@",
                             "gr*z@acme.example",
                             "-a",
                             "a..b",
                             "a.",
                             "*",
                             "*x.acme.example",
                             "key-id:",
                             "key-id:hex:",
                             "key-id:hex:0",
                             "O=, CN=x",
                             "=x",
                             "CN=x,",
                             "*@*.acme.example"}) {
        CAPTURE(none);
        CHECK_FALSE(parse_identity(none, true));
    }
    CHECK_FALSE(parse_identity("*@acme.example", false));
    CHECK_FALSE(parse_identity(std::string(64, 'a') + ".example", false));
}

TEST_CASE("an identity's text reads back as the same") {
    for (const char* text :
         {"hub", "graz@acme.example", "203.0.113.2", "C=AT, CN=hub", "key-id:graz 1", "any", "*@acme.example"}) {
        CAPTURE(text);
        CHECK(to_string(*parse_identity(text, true)) == text);
    }
    CHECK(to_string(*parse_identity("key-id:hex:00FF", false)) == "key-id:hex:00ff");
    const IkeIdentity misleading{IkeIdentityType::kKeyId, false, "hex:00"};
    CHECK(parse_identity(to_string(misleading), false) == misleading);
}

TEST_CASE("names have no case, everything else does") {
    const auto same = [](const char* one, const char* other) {
        return canonical(*parse_identity(one, true)) == canonical(*parse_identity(other, true));
    };
    CHECK(same("HUB.Example.net", "hub.example.NET"));
    CHECK_FALSE(same("Hub@example.net", "hub@example.net"));
    CHECK_FALSE(same("key-id:Hub", "key-id:hub"));
    CHECK_FALSE(same("hub.example.net", "key-id:hub.example.net"));
}

// Numbers: IANA, "Internet Key Exchange Version 2 (IKEv2) Parameters".
TEST_CASE("proposals have the numbers of their algorithms") {
    using P = IkeProposal;
    CHECK(parse_proposal(ProposalFor::kIke, "aes256gcm-sha384-x25519") == P{{1, 20, 256}, {2, 6, 0}, {4, 31, 0}});
    CHECK(parse_proposal(ProposalFor::kIke, "aes256-sha256-modp2048") ==
          P{{1, 12, 256}, {2, 5, 0}, {3, 12, 0}, {4, 14, 0}});
    CHECK(parse_proposal(ProposalFor::kIke, "aes256-sha1-modp1024") ==
          P{{1, 12, 256}, {2, 2, 0}, {3, 2, 0}, {4, 2, 0}});
    CHECK(parse_proposal(ProposalFor::kEsp, "aes128gcm") == P{{1, 20, 128}});
    CHECK(parse_proposal(ProposalFor::kEsp, "chacha20poly1305-ecp256") == P{{1, 28, 0}, {4, 19, 0}});
    CHECK(parse_proposal(ProposalFor::kEsp, "aes128-sha512") == P{{1, 12, 128}, {3, 14, 0}});
    CHECK_FALSE(parse_proposal(ProposalFor::kEsp, "aes128gcm-sha256"));
    CHECK_FALSE(parse_proposal(ProposalFor::kIke, "aes128gcm"));
}

TEST_CASE("every algorithm has a name and a number of its own, and its text reads back") {
    for (const Algorithm& one : algorithms()) {
        CAPTURE(one.name);
        for (const Algorithm& other : algorithms()) {
            if (&one == &other) continue;
            CHECK(one.name != other.name);
            CHECK(one.transform != other.transform);
        }
    }
    for (const char* text : {"aes256gcm-sha384-x25519", "aes256-sha256-modp2048", "chacha20poly1305-sha512-ecp521"}) {
        CHECK(proposal_text(*parse_proposal(ProposalFor::kIke, text)) == text);
    }
    for (const char* text : {"aes128gcm", "aes128-sha256", "aes256-sha1", "aes256gcm-modp4096"}) {
        CHECK(proposal_text(*parse_proposal(ProposalFor::kEsp, text)) == text);
    }
}

TEST_CASE("weak is HMAC-SHA1, and a group of 1024 bits") {
    CHECK(is_weak(*parse_proposal(ProposalFor::kEsp, "aes256-sha1")));
    CHECK(is_weak(*parse_proposal(ProposalFor::kIke, "aes256-sha256-modp1024")));
    CHECK(is_weak(*parse_proposal(ProposalFor::kIke, "aes256gcm-sha1-modp2048")));
    CHECK_FALSE(is_weak(*parse_proposal(ProposalFor::kIke, "aes256-sha256-modp2048")));
}

TEST_CASE("HMAC-SHA2-384 is for IKE: no ESP of ours has it") {
    CHECK(proposal_problem(ProposalFor::kEsp, "aes256-sha384") ==
          "has sha384, which is accepted in `ike` only; write aes256-sha256 or aes256-sha512");
    CHECK(proposal_problem(ProposalFor::kEsp, "aes128-sha384-x25519").has_value());
    CHECK_FALSE(parse_proposal(ProposalFor::kEsp, "aes256-sha384"));
    for (const char* text : {"aes256-sha256", "aes256-sha512"}) CHECK(parse_proposal(ProposalFor::kEsp, text));
    CHECK(parse_proposal(ProposalFor::kIke, "aes256-sha384-ecp384"));
}

TEST_CASE("times and amounts read back, and nothing else is read") {
    for (const char* text : {"1 s", "90 s", "1 min", "4 h", "7 d"}) CHECK(duration_text(*parse_duration(text)) == text);
    CHECK(parse_duration("60s") == std::chrono::seconds(60));
    CHECK(parse_duration("0 s") == std::chrono::seconds(0));
    for (const char* none :
         {"", "s", "1", "-1 s", "1.5 h", "1  s", "1 hour", "366 d", "99999999999999999999 s", " 1 s"})
        CHECK_FALSE(parse_duration(none));
    for (const char* text : {"1 kB", "64 GB", "1500 MB", "1 TB"}) CHECK(size_text(*parse_size(text)) == text);
    for (const char* none : {"", "GB", "64", "64 GiB", "64 gb", "1001 TB", "99999999999999999999 kB"})
        CHECK_FALSE(parse_size(none));
}

TEST_CASE("a preshared key is text, hexadecimal or base64") {
    CHECK(key_of("our cat is called Fritz\n") == "our cat is called Fritz");
    CHECK(key_of("our cat is called Fritz\r\n") == "our cat is called Fritz");
    CHECK(key_of(" blanks at both ends stay  ") == " blanks at both ends stay  ");
    CHECK(key_of("hex:000102030405060708090A0b0c0d0e0f\n") ==
          std::string("\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16));
    CHECK(key_of("base64:QUJDREVGR0hJSktMTU5PUA==") == "ABCDEFGHIJKLMNOP");
    CHECK(key_of("base64:QUJDREVGR0hJSktMTU5PUFE=") == "ABCDEFGHIJKLMNOPQ");
    CHECK(key_of("base64:QUJDREVGR0hJSktMTU5PUFFS") == "ABCDEFGHIJKLMNOPQR");
    CHECK(key_of("base64:////++++////++++////++++/w==").size() == 19);
}

TEST_CASE("what is no preshared key is refused, and not repeated") {
    const auto problem = [](std::string_view text, KeyLength least = kPskLength) {
        const ReadSecret read = parse_psk(text, least);
        CHECK((read.problem.empty() || read.problem.find("Fritz") == std::string::npos));
        return read.problem;
    };
    CHECK(problem("") != "");
    CHECK(problem("\n") != "");
    CHECK(problem("19 characters Fritz").starts_with("holds a key of 19 characters; accepted: at least 20 "));
    CHECK(problem("20 characters Fritz!") == "");
    CHECK(problem("20 Zeichen f\xc3\xbcr Fritz").starts_with("holds a key of 20 characters") == false);
    CHECK(problem("two lines for Fritz,\nsays the cat") != "");
    CHECK(problem("hex:0001") ==
          "holds a key of 2 bytes; accepted: at least 16 (an attacker that plays the hub once can "
          "guess a short key off-line)");
    CHECK(problem("hex:00010203040506070809Fritz") != "");
    CHECK(problem("hex:000") != "");
    CHECK(problem("base64:QUJDREVGR0hJSktMTU5PUB==") != "");  // not canonical: bits to spare
    CHECK(problem("base64:QUJDREVGR0hJSktMTU5PUA") != "");
    CHECK(problem("base64:QUJDREVGR0hJSktM=U5PUA==") != "");
    CHECK(problem(std::string(257, 'x')) != "");
    CHECK(problem("our cat is called Fritz", kPpkLength) != "");
    CHECK(problem("hex:" + std::string(64, '0'), kPpkLength) == "");
}

TEST_CASE("users have a name and a password or its hash, each once") {
    CHECK(users_problem("alice = \"secret\"\n\n# a comment\nbob=\"nt:0123456789abcdef0123456789ABCDEF\"\n") == "");
    CHECK(users_problem("alice = \"with \\\" and = in it\"") == "");
    CHECK(users_problem("") != "");
    CHECK(users_problem("# nobody\n") != "");
    CHECK(users_problem("alice = \"x\"\nalice = \"y\"\n") == "line 2 has a user that is there already");
    CHECK(users_problem("alice\n").starts_with("line 1 is not of the form"));
    CHECK(users_problem("alice = secret\n").starts_with("line 1 is not of the form"));
    CHECK(users_problem("\nalice = \"\"\n").starts_with("line 2 has no password"));
    CHECK(users_problem("alice = \"nt:0123\"\n").starts_with("line 1 has an NT hash"));
    CHECK(users_problem("ACME\\alice = \"x\"\n").starts_with("line 1 has no name"));
    CHECK(users_problem("alice = \"Fritz").find("Fritz") == std::string::npos);
}

TEST_CASE("a pool has as many addresses as its networks together, for each family") {
    const auto pool = [](std::initializer_list<const char*> texts) {
        std::vector<Prefix> out;
        for (const char* text : texts) out.push_back(*parse_prefix(text));
        return out;
    };
    CHECK(pool_size(pool({"10.99.0.0/24", "10.98.0.0/30"}), Family::kV4) == 260);
    CHECK(pool_size(pool({"10.99.0.0/24"}), Family::kV6) == std::nullopt);
    CHECK(pool_size(pool({"fd00::/64"}), Family::kV6) == kMaxSessions);
    CHECK(pool_size(pool({"0.0.0.0/0", "10.0.0.0/8"}), Family::kV4) == kMaxSessions);
    Connection people;
    people.pool = pool({"10.99.0.0/28", "fd00::/64"});
    CHECK(sessions_of(people) == 16);
    people.pool = pool({"10.99.0.0/16"});
    CHECK(sessions_of(people) == kDefaultSessions);
    people.max_sessions = 9000;
    CHECK(sessions_of(people) == 9000);
    Connection site;
    CHECK(sessions_of(site) == kDefaultSessions);  // anybody's
    site.remote_identity = parse_identity("graz@acme.example", true);
    CHECK(sessions_of(site) == 1);
}

// ESP in UDP over IPv6: RFC 8200 §3, RFC 768, RFC 4303 §2, RFC 4106 §3.1.
TEST_CASE("the largest MTU fits 1500 bytes, and the default of WireGuard does not") {
    CHECK(sealed_size(kIpsecMtu) <= 1500);
    CHECK(sealed_size(1420) == 1504);
    const std::size_t with_cbc = 40 + 8 + 8 + 16 + (kIpsecMtu + 2 + 15) / 16 * 16 + 16;
    CHECK(with_cbc <= 1500);
}
