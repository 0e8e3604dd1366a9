// Whom a customer's CAs vouch for: chains made by the test, with one wrong thing each.
#include "auth/chain/peer.h"

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auth/chain/signer.h"
#include "tests/vectors/certificates.h"

namespace warren::auth {
namespace {

using test::kCertificateTime;
using test::kDay;
using test::KeyType;
using test::Made;
using Buffer = std::vector<std::uint8_t>;
using enum PeerVerdict;

constexpr std::uint8_t kFqdn = 2;
constexpr const char* kName = "graz.example";
const Buffer kOctets = {1, 2, 3};

Buffer bytes_of(std::string_view text) {
    const Bytes bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

// A peer that shows `chain`, of which the first is its own, and signs with that one's key.
struct Peer {
    std::vector<const Made*> chain;
    std::uint8_t id_type = kFqdn;
    Buffer identity = bytes_of(kName);
    crypto::HashSet hashes = crypto::kHashesVerified;
};

struct Trusting {
    std::vector<std::string> authorities;
    std::vector<std::string> lists{};
    bool crl_required = false;

    [[nodiscard]] Result<Trust> read() const {
        std::vector<Bytes> cas;
        std::vector<Bytes> crls;
        for (const std::string& one : authorities) cas.push_back(as_bytes(one));
        for (const std::string& one : lists) crls.push_back(as_bytes(one));
        return Trust::from_files(cas, crls, crl_required);
    }
};

Judged judge(const Peer& peer, const std::vector<Trust*>& candidates,
             const std::function<void(PeerProof&, Buffer& data)>& change = {}) {
    const std::string pem = peer.chain.front()->key_pem();
    const auto key = crypto::SigningKey::from_pem(as_bytes(pem));
    // A key that Warren does not use signs nothing: the verdict is made before.
    std::optional<crypto::AuthSignature> signature;
    if (key) signature = key->sign(peer.hashes, false, kOctets);
    if (!signature) signature = crypto::AuthSignature{};
    std::vector<Buffer> chain;
    for (const Made* const one : peer.chain) chain.push_back(one->der());
    PeerProof proof{peer.id_type, peer.identity, chain, signature->method, signature->data, kOctets};
    if (change) change(proof, signature->data);
    return judge_peer(candidates, proof, kCertificateTime);
}

PeerVerdict verdict_of(const Peer& peer, const Trusting& trusting) {
    auto trust = trusting.read();
    REQUIRE(trust.has_value());
    return judge(peer, {&*trust}).verdict;
}

// The usual certificates, made once.
struct Usual {
    Made root = test::make_root("Acme Root");
    Made leaf = test::make_leaf(root, "DNS:graz.example");
    Trusting trusting{{root.pem()}};
};
const Usual& usual() {
    static const Usual made;
    return made;
}

using Extensions = std::vector<std::pair<std::string, std::string>>;

// A leaf of the usual root with other extensions.
Made leaf_with(Extensions extensions) {
    extensions.emplace_back("subjectAltName", "DNS:graz.example");
    return test::make_certificate({.extensions = std::move(extensions)}, &usual().root);
}

PeerVerdict verdict_with(const Made& leaf) {
    return verdict_of({{&leaf}}, usual().trusting);
}

Made authority_under(const Made& issuer, std::string name, Extensions extensions) {
    return test::make_certificate({.common_name = std::move(name), .extensions = std::move(extensions)}, &issuer);
}
const Extensions kAuthority = {{"basicConstraints", "critical,CA:TRUE"},
                               {"keyUsage", "critical,keyCertSign,cRLSign"},
                               {"subjectKeyIdentifier", "hash"},
                               {"authorityKeyIdentifier", "keyid"}};

TEST_CASE("KA4: a path to a CA of the customer's holds until its first certificate ends") {
    auto trust = usual().trusting.read();
    REQUIRE(trust.has_value());
    const Judged judged = judge({{&usual().leaf}}, {&*trust});
    CHECK(judged.verdict == kTrusted);
    CHECK(judged.not_after.nanoseconds == kCertificateTime.nanoseconds + 300 * kDay * 1'000'000'000);
    CHECK(judged.has_current_lists);
}

TEST_CASE("KA2: every kind of key, and peers without a list of hashes") {
    for (const KeyType type : {KeyType::kP256, KeyType::kP384, KeyType::kP521, KeyType::kEd25519, KeyType::kRsa2048}) {
        const Made root = test::make_root("Root", type);
        const Made leaf = test::make_leaf(root, "DNS:graz.example", type);
        CHECK(verdict_of({{&leaf}}, {{root.pem()}}) == kTrusted);
        const PeerVerdict without = verdict_of({.chain = {&leaf}, .hashes = 0}, {{root.pem()}});
        CHECK(without == (type == KeyType::kEd25519 ? kWrongSignature : kTrusted));
    }
}

TEST_CASE("KA2: another key's AUTH, or one over other octets, is refused before anything else is looked at") {
    auto trust = usual().trusting.read();
    REQUIRE(trust.has_value());
    const Buffer other = {1, 2, 4};
    CHECK(judge({{&usual().leaf}}, {&*trust}, [&](PeerProof& proof, Buffer&) { proof.octets = other; }).verdict ==
          kWrongSignature);
    const Made thief = test::make_leaf(usual().root, "DNS:graz.example");
    const Buffer stolen = usual().leaf.der();
    const std::vector<Buffer> chain = {stolen};
    CHECK(judge({{&thief}}, {&*trust}, [&](PeerProof& proof, Buffer&) { proof.chain = chain; }).verdict ==
          kWrongSignature);
}

TEST_CASE("KA4: another customer's CA, a CA of the same name, and no CA at all vouch for nobody") {
    const Made beta = test::make_root("Beta Root");
    const Made same_name = test::make_root("Acme Root");
    CHECK(verdict_of({{&usual().leaf}}, {{beta.pem()}}) == kUnknownIssuer);
    CHECK(verdict_of({{&usual().leaf}}, {{same_name.pem()}}) == kUnknownIssuer);
    CHECK(judge({{&usual().leaf}}, {}).verdict == kUnknown);
    // It brings its own CA.
    const Made forged = test::make_leaf(same_name, "DNS:graz.example");
    CHECK(verdict_of({{&forged, &same_name}}, usual().trusting) == kUnknownIssuer);
    const Made self_signed = test::make_certificate({.extensions = {{"subjectAltName", "DNS:graz.example"}}}, nullptr);
    CHECK(verdict_of({{&self_signed}}, usual().trusting) == kUnknownIssuer);
    CHECK(verdict_of({{&usual().root}}, usual().trusting) != kTrusted);
}

TEST_CASE("KA4: of several candidates it is the only one that the chain ends in") {
    const Made beta = test::make_root("Beta Root");
    auto of_acme = usual().trusting.read();
    auto of_beta = Trusting{{beta.pem()}}.read();
    REQUIRE(of_acme.has_value());
    REQUIRE(of_beta.has_value());
    const Judged judged = judge({{&usual().leaf}}, {&*of_beta, nullptr, &*of_acme});
    CHECK(judged.verdict == kTrusted);
    CHECK(judged.trust == 2);
    // Two customers with the same CA: whose it is nobody knows.
    CHECK(judge({{&usual().leaf}}, {&*of_acme, &*of_beta, &*of_acme}).verdict == kUnknownIssuer);
}

TEST_CASE("KA4: intermediates may come in any order, and are six at most") {
    std::vector<Made> line = {usual().root};
    for (int i = 0; i < 7; ++i) line.push_back(authority_under(line.back(), "CA " + std::to_string(i), kAuthority));
    const auto with = [&](std::size_t intermediates) {
        const Made leaf = test::make_leaf(line[intermediates], "DNS:graz.example");
        Peer peer{{&leaf}};
        for (std::size_t i = 1; i <= intermediates; ++i) peer.chain.push_back(&line[i]);
        return verdict_of(peer, usual().trusting);
    };
    CHECK(with(1) == kTrusted);
    CHECK(with(6) == kTrusted);
    CHECK(with(7) != kTrusted);
    // The operator trusts an intermediate alone.
    const Made leaf = test::make_leaf(line[1], "DNS:graz.example");
    CHECK(verdict_of({{&leaf}}, {{line[1].pem()}}) == kTrusted);
    CHECK(verdict_of({{&leaf}}, usual().trusting) == kUnknownIssuer);
}

TEST_CASE("KA4: what is no CA issues nothing") {
    const std::pair<std::string, std::string> identifier{"subjectKeyIdentifier", "hash"};
    const Made no_ca =
        leaf_with({{"basicConstraints", "critical,CA:FALSE"}, {"keyUsage", "digitalSignature"}, identifier});
    const Made below_leaf = test::make_leaf(no_ca, "DNS:graz.example");
    CHECK(verdict_of({{&below_leaf, &no_ca}}, usual().trusting) != kTrusted);
    const Made no_cert_sign = authority_under(
        usual().root, "CA", {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "cRLSign"}, identifier});
    const Made below = test::make_leaf(no_cert_sign, "DNS:graz.example");
    CHECK(verdict_of({{&below, &no_cert_sign}}, usual().trusting) != kTrusted);
    Extensions short_path = kAuthority;
    short_path[0].second = "critical,CA:TRUE,pathlen:0";
    const Made last = authority_under(usual().root, "Last", short_path);
    const Made beyond = authority_under(last, "Beyond", kAuthority);
    const Made leaf = test::make_leaf(beyond, "DNS:graz.example");
    CHECK(verdict_of({{&leaf, &beyond, &last}}, usual().trusting) == kWrongUsage);
}

TEST_CASE("KA4: times") {
    const auto lasting = [](std::int64_t begins, std::int64_t ends) {
        return test::make_certificate(
            {.extensions = {{"subjectAltName", "DNS:graz.example"}}, .begins = begins, .ends = ends}, &usual().root);
    };
    CHECK(verdict_with(lasting(-2, 2)) == kTrusted);
    CHECK(verdict_with(lasting(1, kDay)) == kNotYetValid);
    CHECK(verdict_with(lasting(-kDay, -1)) == kExpired);
    // An intermediate that has ended.
    const Made ended = test::make_certificate(
        {.common_name = "Ended", .extensions = kAuthority, .begins = -2 * kDay, .ends = -kDay}, &usual().root);
    const Made leaf = test::make_leaf(ended, "DNS:graz.example");
    CHECK(verdict_of({{&leaf, &ended}}, usual().trusting) == kExpired);
}

TEST_CASE("KA4: keyUsage and extendedKeyUsage") {
    CHECK(verdict_with(leaf_with({})) == kTrusted);
    CHECK(verdict_with(leaf_with({{"keyUsage", "nonRepudiation"}})) == kTrusted);
    CHECK(verdict_with(leaf_with({{"keyUsage", "keyEncipherment"}})) == kWrongUsage);
    CHECK(verdict_with(leaf_with({{"keyUsage", "keyCertSign"}})) == kWrongUsage);
    for (const char* const usage : {"1.3.6.1.5.5.7.3.17", "serverAuth", "clientAuth", "anyExtendedKeyUsage"})
        CHECK(verdict_with(leaf_with({{"extendedKeyUsage", usage}})) == kTrusted);
    CHECK(verdict_with(leaf_with({{"extendedKeyUsage", "codeSigning,emailProtection"}})) == kWrongUsage);
    CHECK(verdict_with(leaf_with({{"extendedKeyUsage", "codeSigning,clientAuth"}})) == kTrusted);
    Extensions for_code = kAuthority;
    for_code.emplace_back("extendedKeyUsage", "codeSigning");
    const Made authority = authority_under(usual().root, "Code CA", for_code);
    const Made leaf = test::make_leaf(authority, "DNS:graz.example");
    CHECK(verdict_of({{&leaf, &authority}}, usual().trusting) == kWrongUsage);
}

TEST_CASE("KA4: name constraints and extensions that nobody knows") {
    Extensions constrained = kAuthority;
    constrained.emplace_back("nameConstraints", "critical,permitted;DNS:linz.example");
    const Made authority = authority_under(usual().root, "Linz CA", constrained);
    const Made graz = test::make_leaf(authority, "DNS:graz.example");
    const Made linz = test::make_leaf(authority, "DNS:site.linz.example");
    CHECK(verdict_of({{&graz, &authority}}, usual().trusting) == kWrongUsage);
    CHECK(verdict_of({{&linz, &authority}, kFqdn, bytes_of("site.linz.example")}, usual().trusting) == kTrusted);
    CHECK(verdict_with(leaf_with({{"1.2.3.4", "critical,ASN1:UTF8String:x"}})) == kWrongUsage);
    CHECK(verdict_with(leaf_with({{"1.2.3.4", "ASN1:UTF8String:x"}})) == kTrusted);
}

TEST_CASE("KA4, KD6: weak digests and keys, also of an intermediate and of the CA itself") {
    const auto digest = [](const char* name) {
        return test::make_certificate({.extensions = {{"subjectAltName", "DNS:graz.example"}}, .digest = name},
                                      &usual().root);
    };
    CHECK(verdict_with(digest("SHA512")) == kTrusted);
    CHECK(verdict_with(digest("SHA1")) == kWeak);
    CHECK(verdict_with(digest("SHA224")) == kWeak);
    const Made weak_authority =
        test::make_certificate({.common_name = "SHA-1 CA", .extensions = kAuthority, .digest = "SHA1"}, &usual().root);
    const Made below = test::make_leaf(weak_authority, "DNS:graz.example");
    CHECK(verdict_of({{&below, &weak_authority}}, usual().trusting) == kWeak);
    for (const KeyType type : {KeyType::kRsa1024, KeyType::kRsa4608Public, KeyType::kBrainpool256}) {
        CHECK(verdict_with(test::make_leaf(usual().root, "DNS:graz.example", type)) == kWeak);
        // As a passenger in the chain, too.
        const Made passenger = test::make_leaf(usual().root, "DNS:other.example", type);
        CHECK(verdict_of({{&usual().leaf, &passenger}}, usual().trusting) == kWeak);
    }
    CHECK_FALSE(Trusting{{test::make_root("Short", KeyType::kRsa1024).pem()}}.read().has_value());
    // A root's own signature proves nothing.
    const Made old_root =
        test::make_certificate({.common_name = "Old",
                                .extensions = {{"basicConstraints", "CA:TRUE"}, {"subjectKeyIdentifier", "hash"}},
                                .digest = "SHA1"},
                               nullptr);
    const Made leaf = test::make_leaf(old_root, "DNS:graz.example");
    CHECK(verdict_of({{&leaf}}, {{old_root.pem()}}) == kTrusted);
}

TEST_CASE("KA5: revocation lists") {
    const Made& root = usual().root;
    const Made& leaf = usual().leaf;
    const std::string good = test::make_revocation_list(root, {});
    const std::string revoking = test::make_revocation_list(root, {&leaf});
    const std::string old = test::make_revocation_list(root, {}, -kDay);
    const std::string old_revoking = test::make_revocation_list(root, {&leaf}, -kDay);
    const Made same_name = test::make_root("Acme Root");
    const std::string foreign = test::make_revocation_list(same_name, {});
    Made forger = root;
    forger.key = same_name.key;
    const std::string forged = test::make_revocation_list(forger, {});
    const auto with = [&](std::vector<std::string> lists, bool required) {
        return verdict_of({{&leaf}}, {{root.pem()}, std::move(lists), required});
    };
    CHECK(with({good}, false) == kTrusted);
    CHECK(with({good}, true) == kTrusted);
    CHECK(with({revoking}, false) == kRevoked);
    CHECK(with({revoking}, true) == kRevoked);
    CHECK(with({old}, false) == kTrusted);
    CHECK(with({old}, true) == kNoRevocationList);
    CHECK(with({old_revoking}, false) == kRevoked);
    CHECK(with({}, true) == kNoRevocationList);
    CHECK(with({}, false) == kTrusted);
    CHECK(with({foreign}, false) == kTrusted);  // another CA's
    CHECK(with({foreign}, true) == kNoRevocationList);
    CHECK(with({forged}, false) == kNoRevocationList);  // its signature is wrong: somebody wrote it
    CHECK(with({old, good}, true) == kTrusted);

    auto trust = Trusting{{root.pem()}, {old}, false}.read();
    REQUIRE(trust.has_value());
    CHECK_FALSE(judge({{&leaf}}, {&*trust}).has_current_lists);

    // An intermediate that its CA has revoked.
    const Made authority = authority_under(root, "Revoked CA", kAuthority);
    const Made below = test::make_leaf(authority, "DNS:graz.example");
    const std::string of_authority = test::make_revocation_list(authority, {});
    const std::string against = test::make_revocation_list(root, {&authority});
    CHECK(verdict_of({{&below, &authority}}, {{root.pem()}, {of_authority, good}, true}) == kTrusted);
    CHECK(verdict_of({{&below, &authority}}, {{root.pem()}, {of_authority, against}, true}) == kRevoked);
    CHECK(verdict_of({{&below, &authority}}, {{root.pem()}, {good}, true}) == kNoRevocationList);
    // Trusted by itself, without a list of its root's.
    CHECK(verdict_of({{&below}}, {{authority.pem()}, {of_authority}, true}) == kTrusted);
}

TEST_CASE("KA3: an identity is a subjectAltName of its type, or the subject") {
    const Made leaf = test::make_leaf(usual().root,
                                      "DNS:graz.example,DNS:*.wild.example,email:Graz@Acme.example,IP:192.0.2.7,"
                                      "IP:2001:db8::7,URI:https://uri.example");
    const auto of = [&](std::uint8_t type, const Buffer& identity) {
        return verdict_of({{&leaf}, type, identity}, usual().trusting) == kTrusted;
    };
    const Buffer v4 = {192, 0, 2, 7};
    Buffer v6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    CHECK(of(2, bytes_of("graz.example")));
    CHECK(of(2, bytes_of("GRAZ.example")));
    CHECK_FALSE(of(2, bytes_of("graz.example.")));
    CHECK_FALSE(of(2, bytes_of("az.example")));
    CHECK_FALSE(of(2, bytes_of("a.wild.example")));
    CHECK_FALSE(of(2, bytes_of("*.wild.example")));
    CHECK_FALSE(of(2, bytes_of("uri.example")));
    CHECK_FALSE(of(2, bytes_of("peer")));  // the common name
    CHECK_FALSE(of(2, bytes_of("192.0.2.7")));
    CHECK_FALSE(of(2, {}));
    CHECK(of(3, bytes_of("Graz@acme.EXAMPLE")));
    CHECK_FALSE(of(3, bytes_of("graz@acme.example")));
    CHECK_FALSE(of(3, bytes_of("graz.example")));
    CHECK(of(1, v4));
    CHECK_FALSE(of(1, {192, 0, 2, 8}));
    CHECK(of(5, v6));
    v6.back() = 8;
    CHECK_FALSE(of(5, v6));
    CHECK_FALSE(of(11, bytes_of("graz.example")));  // KEY_ID

    CHECK(of(9, leaf.subject_der()));
    // Case and blanks do not matter (RFC 5280 §7.1).
    CHECK(of(9, test::make_certificate({.common_name = " PEER "}, nullptr).subject_der()));
    CHECK_FALSE(of(9, test::make_certificate({.common_name = "peer2"}, nullptr).subject_der()));
    Buffer longer = leaf.subject_der();
    longer.push_back(0);
    CHECK_FALSE(of(9, longer));
    CHECK_FALSE(of(9, {0x30, 0x00}));
    CHECK_FALSE(of(9, bytes_of("peer")));
    CHECK(verdict_of({{&leaf}, 2, bytes_of("linz.example")}, usual().trusting) == kWrongIdentity);
}

TEST_CASE("what is no certificate, is cut off or is too much is malformed") {
    auto trust = usual().trusting.read();
    REQUIRE(trust.has_value());
    const Buffer whole = usual().leaf.der();
    const auto verdict = [&](std::vector<Buffer> chain) {
        return judge({{&usual().leaf}}, {&*trust}, [&](PeerProof& proof, Buffer&) { proof.chain = chain; }).verdict;
    };
    CHECK(verdict({whole}) == kTrusted);
    CHECK(verdict({}) == kMalformed);
    CHECK(verdict({{}}) == kMalformed);
    for (std::size_t size = 0; size < whole.size(); size += 7)
        CHECK(verdict({Buffer(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))}) == kMalformed);
    Buffer longer = whole;
    longer.push_back(0);
    CHECK(verdict({longer}) == kMalformed);
    CHECK(verdict(std::vector<Buffer>(kMostChain, whole)) == kTrusted);
    CHECK(verdict(std::vector<Buffer>(kMostChain + 1, whole)) == kMalformed);
    CHECK(verdict({whole, {1, 2, 3}}) == kMalformed);
    // One that is longer than a certificate may be.
    std::string names = "DNS:graz.example";
    for (int i = 0; i < 700; ++i) names += ",DNS:name-" + std::to_string(i) + ".example.example";
    CHECK(verdict({test::make_leaf(usual().root, names).der()}) == kMalformed);
}

TEST_CASE("a trust is made of CAs, and of files that can be read") {
    const auto problem = [](const Trusting& trusting) {
        auto trust = trusting.read();
        return trust ? std::string() : trust.error().what;
    };
    const std::string root = usual().root.pem();
    CHECK(problem({{root + test::make_root("Another").pem()}}).empty());
    CHECK(problem({{usual().leaf.pem()}}).find("is no CA") != std::string::npos);
    CHECK(problem({{"text"}}).find("no certificate is in it") != std::string::npos);
    CHECK(problem({{root}, {"text"}}).find("no revocation list is in it") != std::string::npos);
    CHECK(problem({{root.substr(0, root.size() / 2) + "\n-----END CERTIFICATE-----\n"}}).find("cannot be read") !=
          std::string::npos);
    // Of version 1: it cannot say that it is a CA.
    CHECK(problem({{test::make_certificate({.version = 1}, nullptr).pem()}}).find("is no CA") != std::string::npos);
}

TEST_CASE("our own chain is sent without its root, and its key has to be its leaf's") {
    const Made authority = authority_under(usual().root, "Issuing CA", kAuthority);
    const Made leaf = test::make_leaf(authority, "DNS:hub.example");
    const std::string file = leaf.pem() + authority.pem() + usual().root.pem();
    const std::string key = leaf.key_pem();
    const auto signer = Signer::from_files(as_bytes(file), as_bytes(key));
    REQUIRE(signer.has_value());
    CHECK(signer->chain().size() == 3);
    CHECK(signer->chain_to_send() == std::vector<Buffer>{leaf.der(), authority.der()});
    CHECK(signer->key().kind() == crypto::SigningKeyKind::kEcdsaP256);
    const auto problem = [&](const std::string& certificate, const std::string& private_key) {
        const auto other = Signer::from_files(as_bytes(certificate), as_bytes(private_key));
        return other ? std::string() : other.error().what;
    };
    CHECK(problem(file, usual().leaf.key_pem()) == "the private key is not that of the first certificate");
    CHECK(problem(authority.pem() + leaf.pem(), key) == "the private key is not that of the first certificate");
    CHECK(problem(file, "text").find("the private key cannot be read") != std::string::npos);
    CHECK(problem(file, test::make_root("x", KeyType::kRsa1024).key_pem()).find("too short") != std::string::npos);
    CHECK(problem("text", key) == "no certificate is in it");
}

}  // namespace
}  // namespace warren::auth
