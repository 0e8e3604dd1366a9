// Chains that were found right before: what is known of them never outlives what it was found from.
#include "auth/chain/known_chains.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "auth/chain/peer.h"
#include "base/bytes.h"
#include "tests/vectors/certificates.h"

namespace warren::auth {
namespace {

using test::kCertificateTime;
using test::kDay;
using test::Made;
using Buffer = std::vector<std::uint8_t>;
using enum PeerVerdict;

constexpr std::uint8_t kFqdn = 2;
constexpr std::string_view kName = "graz.example";

WallTime after(std::int64_t seconds) {
    return {kCertificateTime.nanoseconds + seconds * 1'000'000'000};
}

Trust trust_in(const Made& root, const std::vector<std::string>& lists = {}, bool crl_required = false) {
    const std::string pem = root.pem();
    const std::vector<Bytes> authorities = {as_bytes(pem)};
    std::vector<Bytes> views;
    for (const std::string& one : lists) views.push_back(as_bytes(one));
    auto trust = Trust::from_files(authorities, views, crl_required);
    REQUIRE(trust.has_value());
    return std::move(*trust);
}

ChainDigest digest_of_these(const std::vector<const Made*>& chain) {
    std::vector<Buffer> bytes;
    for (const Made* const one : chain) bytes.push_back(one->der());
    return digest_of(bytes);
}

// A CA that another has issued; null: a root.
Made authority(const char* name, const Made* issuer, const std::pair<std::string, std::string>& other = {}) {
    test::Wanted wanted{.common_name = name,
                        .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                                       {"keyUsage", "critical,keyCertSign,cRLSign"},
                                       {"subjectKeyIdentifier", "hash"}}};
    if (issuer != nullptr) wanted.extensions.emplace_back("authorityKeyIdentifier", "keyid");
    if (!other.first.empty()) wanted.extensions.push_back(other);
    return test::make_certificate(wanted, issuer);
}

struct Scene {
    KnownChains known;
    Made root = test::make_root("Acme Root");
    Made leaf = test::make_leaf(root, "DNS:graz.example");

    Trust trust(const std::vector<std::string>& lists = {}, bool crl_required = false) {
        Trust out = trust_in(root, lists, crl_required);
        out.remember_in(known);
        return out;
    }
    // The verdict of a peer that shows these certificates, its own first, and signs with `signer`'s key.
    PeerVerdict judge_chain(const std::vector<Trust*>& candidates, WallTime now, const std::vector<const Made*>& shown,
                            const Made& signer) {
        const Buffer octets = {1, 2, 3};
        const std::string pem = signer.key_pem();
        const auto signature =
            crypto::SigningKey::from_pem(as_bytes(pem))->sign(crypto::kHashesVerified, false, octets);
        std::vector<Buffer> chain;
        for (const Made* const one : shown) chain.push_back(one->der());
        return judge_peer(candidates, {kFqdn, as_bytes(kName), chain, signature->method, signature->data, octets}, now)
            .verdict;
    }
    PeerVerdict judge(const std::vector<Trust*>& candidates, WallTime now, const Made* other = nullptr) {
        const Made& shown = other == nullptr ? leaf : *other;
        return judge_chain(candidates, now, {&shown}, shown);
    }
};

TEST_CASE("a peer that comes again is known, and its signature and its name are verified all the same") {
    Scene scene;
    Trust trust = scene.trust();
    CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
    CHECK(scene.known.size() == 1);
    CHECK(scene.known.bytes() == scene.leaf.der().size());
    const KnownChain* const first = trust.known(digest_of_these({&scene.leaf}));
    REQUIRE(first != nullptr);
    CHECK(scene.judge({&trust}, after(60)) == kTrusted);
    // Found, neither read nor looked for again.
    CHECK(trust.known(digest_of_these({&scene.leaf})) == first);
    CHECK(first->from == kCertificateTime);
    // Somebody who has the certificate and not its key.
    const Made other = test::make_leaf(scene.root, "DNS:graz.example");
    CHECK(scene.judge_chain({&trust}, kCertificateTime, {&scene.leaf}, other) == kWrongSignature);
    // The same peer by another's name.
    const Buffer octets = {1, 2, 3};
    const std::string pem = scene.leaf.key_pem();
    const auto signature = crypto::SigningKey::from_pem(as_bytes(pem))->sign(crypto::kHashesVerified, false, octets);
    const std::vector<Buffer> chain = {scene.leaf.der()};
    const std::vector<Trust*> candidates = {&trust};
    CHECK(judge_peer(candidates, {kFqdn, as_bytes("linz.example"), chain, signature->method, signature->data, octets},
                     kCertificateTime)
              .verdict == kWrongIdentity);
}

TEST_CASE("another order, another certificate, one more or less: that is another chain") {
    Scene scene;
    Trust trust = scene.trust();
    const Made issuing = authority("Issuing", &scene.root);
    const Made leaf = test::make_leaf(issuing, "DNS:graz.example");
    CHECK(scene.judge_chain({&trust}, kCertificateTime, {&leaf, &issuing}, leaf) == kTrusted);
    REQUIRE(trust.known(digest_of_these({&leaf, &issuing})) != nullptr);
    CHECK(scene.judge_chain({&trust}, kCertificateTime, {&leaf}, leaf) == kUnknownIssuer);
    CHECK(scene.judge_chain({&trust}, kCertificateTime, {&issuing, &leaf}, leaf) == kWrongSignature);
    const Made same_name = authority("Issuing", &scene.root);
    CHECK(scene.judge_chain({&trust}, kCertificateTime, {&leaf, &same_name}, leaf) == kUnknownIssuer);
    CHECK(scene.known.size() == 1);
}

TEST_CASE("nobody whom no customer trusts is remembered") {
    Scene scene;
    Trust trust = scene.trust();
    const Made stranger = test::make_leaf(test::make_root("Another"), "DNS:graz.example");
    CHECK(scene.judge({&trust}, kCertificateTime, &stranger) == kUnknownIssuer);
    CHECK(scene.judge({}, kCertificateTime) == kUnknown);
    const Made old =
        test::make_certificate({.extensions = {{"subjectAltName", "DNS:graz.example"}}, .ends = -1}, &scene.root);
    CHECK(scene.judge({&trust}, kCertificateTime, &old) == kExpired);
    CHECK(scene.known.size() == 0);
}

TEST_CASE("a chain with a certificate that is not in the path is trusted, and not remembered") {
    Scene scene;
    Trust trust = scene.trust();
    const Made issuing = authority("Issuing", &scene.root);
    const Made leaf = test::make_leaf(issuing, "DNS:graz.example");
    const Made foreign = test::make_root("Another");
    const auto remembers = [&](const std::vector<const Made*>& shown) {
        CHECK(scene.judge_chain({&trust}, kCertificateTime, shown, leaf) == kTrusted);
        return trust.known(digest_of_these(shown)) != nullptr;
    };
    CHECK_FALSE(remembers({&leaf, &issuing, &foreign}));
    CHECK_FALSE(remembers({&leaf, &issuing, &scene.leaf}));  // its own CA's, and not in the path
    CHECK_FALSE(remembers({&leaf, &issuing, &issuing}));
    CHECK_FALSE(remembers({&leaf, &leaf, &issuing}));
    CHECK(scene.known.size() == 0);
    CHECK(scene.known.bytes() == 0);
    CHECK(remembers({&leaf, &issuing}));
    CHECK(remembers({&leaf, &issuing, &scene.root}));  // which many send
    CHECK(remembers({&leaf, &scene.root, &issuing}));
    CHECK(scene.known.size() == 3);
}

TEST_CASE("what one customer knows says nothing of another's") {
    Scene scene;
    Trust acme = scene.trust();
    Trust globex = trust_in(test::make_root("Acme Root"));  // of the same name
    globex.remember_in(scene.known);
    CHECK(scene.judge({&acme}, kCertificateTime) == kTrusted);
    CHECK(scene.judge({&globex}, kCertificateTime) == kUnknownIssuer);
    CHECK(scene.judge({&globex, &acme}, kCertificateTime) == kTrusted);
    CHECK(globex.known(digest_of_these({&scene.leaf})) == nullptr);
    Trust also = scene.trust();
    CHECK(scene.judge({&acme, &also}, kCertificateTime) == kUnknownIssuer);  // two trust it: it is neither's
}

TEST_CASE("the same chain and the same CA, but other rules: the customer that has them decides") {
    Scene scene;
    Trust acme = scene.trust();
    CHECK(scene.judge({&acme}, kCertificateTime) == kTrusted);
    Trust strict = scene.trust({}, true);
    CHECK(scene.judge({&strict}, kCertificateTime) == kNoRevocationList);
    Trust revoking = scene.trust({test::make_revocation_list(scene.root, {&scene.leaf})});
    CHECK(scene.judge({&revoking}, kCertificateTime) == kRevoked);
    CHECK(scene.judge({&acme}, kCertificateTime) == kTrusted);
}

TEST_CASE("the same chain to two CAs, of which one may vouch for other names only") {
    Scene scene;
    const Made narrow = authority("Linz Root", nullptr, {"nameConstraints", "critical,permitted;DNS:linz.example"});
    const Made issuing = authority("Issuing", &narrow);
    const Made leaf = test::make_leaf(issuing, "DNS:graz.example");
    Trust of_issuing = trust_in(issuing);
    Trust of_root = trust_in(narrow);
    of_issuing.remember_in(scene.known);
    of_root.remember_in(scene.known);
    const std::vector<const Made*> chain = {&leaf, &issuing};
    CHECK(scene.judge_chain({&of_issuing}, kCertificateTime, chain, leaf) == kTrusted);
    REQUIRE(of_issuing.known(digest_of_these(chain)) != nullptr);
    CHECK(scene.judge_chain({&of_root}, kCertificateTime, chain, leaf) == kWrongUsage);
    CHECK(scene.judge_chain({&of_root, &of_issuing}, kCertificateTime, chain, leaf) == kTrusted);
    CHECK(of_root.known(digest_of_these(chain)) == nullptr);
}

TEST_CASE("KA5: a known path ends with its certificate, with a list, and when the clock goes back") {
    Scene scene;
    SUBCASE("the certificate expires") {
        const Made leaf =
            test::make_certificate({.extensions = {{"subjectAltName", "DNS:graz.example"}}, .ends = 60}, &scene.root);
        Trust trust = scene.trust();
        CHECK(scene.judge({&trust}, kCertificateTime, &leaf) == kTrusted);
        REQUIRE(scene.known.size() == 1);
        CHECK(scene.judge({&trust}, after(59), &leaf) == kTrusted);
        CHECK(scene.judge({&trust}, after(60), &leaf) == kExpired);
        CHECK(scene.known.size() == 0);
    }
    SUBCASE("a CA on the way expires") {
        Made issuing = test::make_certificate({.common_name = "Issuing",
                                               .extensions = {{"basicConstraints", "critical,CA:TRUE"},
                                                              {"keyUsage", "critical,keyCertSign"},
                                                              {"subjectKeyIdentifier", "hash"},
                                                              {"authorityKeyIdentifier", "keyid"}},
                                               .ends = 60},
                                              &scene.root);
        const Made leaf = test::make_leaf(issuing, "DNS:graz.example");
        Trust trust = scene.trust();
        CHECK(scene.judge_chain({&trust}, kCertificateTime, {&leaf, &issuing}, leaf) == kTrusted);
        REQUIRE(scene.known.size() == 1);
        CHECK(scene.judge_chain({&trust}, after(60), {&leaf, &issuing}, leaf) == kExpired);
    }
    SUBCASE("an hour is over, though the certificate is valid for longer") {
        Trust trust = scene.trust();
        const auto since = [&](std::int64_t seconds) {
            CHECK(scene.judge({&trust}, after(seconds)) == kTrusted);
            return trust.known(digest_of_these({&scene.leaf}))->from;
        };
        CHECK(since(0) == kCertificateTime);
        const auto as_read = trust.known(digest_of_these({&scene.leaf}))->chain.certificates;
        CHECK(since(3599) == kCertificateTime);
        CHECK(since(3600) == after(3600));  // looked for again, and not read again
        CHECK(trust.known(digest_of_these({&scene.leaf}))->chain.certificates == as_read);
        CHECK(scene.known.size() == 1);
    }
    SUBCASE("the clock goes back behind its beginning") {
        Trust trust = scene.trust();
        CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
        REQUIRE(scene.known.size() == 1);
        CHECK(scene.judge({&trust}, after(-40 * kDay)) == kNotYetValid);
    }
    SUBCASE("the list that it needs ends") {
        Trust trust = scene.trust({test::make_revocation_list(scene.root, {}, 60)}, true);
        CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
        REQUIRE(scene.known.size() == 1);
        CHECK(scene.judge({&trust}, after(60)) == kNoRevocationList);
    }
    SUBCASE("a list that revokes it comes into force") {
        const std::string present = test::make_revocation_list(scene.root, {}, 10 * kDay);
        const std::string next = test::make_revocation_list(scene.root, {&scene.leaf}, 20 * kDay, 60);
        Trust trust = scene.trust({present, next}, true);
        CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
        REQUIRE(trust.known(digest_of_these({&scene.leaf})) != nullptr);
        CHECK(trust.known(digest_of_these({&scene.leaf}))->until == after(60));
        Trust fresh = trust_in(scene.root, {present, next}, true);
        for (const std::int64_t seconds : {59, 60, 61, 120})
            CHECK(scene.judge({&trust}, after(seconds)) == scene.judge({&fresh}, after(seconds)));
    }
    SUBCASE("the customer has another list: that is another Trust") {
        Trust trust = scene.trust();
        CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
        REQUIRE(scene.known.size() == 1);
        trust = scene.trust({test::make_revocation_list(scene.root, {&scene.leaf})});
        CHECK(scene.judge({&trust}, kCertificateTime) == kRevoked);
        CHECK(scene.known.size() == 0);
    }
    SUBCASE("a list that is out of date is looked at each time") {
        Trust trust = scene.trust({test::make_revocation_list(scene.root, {}, -kDay)});
        CHECK(scene.judge({&trust}, kCertificateTime) == kTrusted);
        CHECK(scene.known.size() == 0);
    }
}

// --- how much is remembered ----------------------------------------------------------------------

// A chain of this number and of as many bytes: the bounds look at nothing else.
KnownChain chain_of(std::uint32_t number, std::size_t bytes = 100) {
    KnownChain out;
    store_be(out.chain.digest.data(), number);
    out.chain.bytes = bytes;
    return out;
}

// `count` chains from that number on.
void fill(KnownPart& part, std::uint32_t first, std::size_t count, std::size_t bytes = 100) {
    for (std::size_t i = 0; i < count; ++i) part.put(chain_of(first + static_cast<std::uint32_t>(i), bytes));
}

std::size_t known_of(const KnownPart& part, std::uint32_t first, std::size_t count) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (part.find(chain_of(first + static_cast<std::uint32_t>(i)).chain.digest) != nullptr) ++out;
    }
    return out;
}

TEST_CASE("of one customer 512 chains are remembered, the newest") {
    KnownChains all;
    KnownPart part(all);
    fill(part, 0, 600);
    CHECK(part.size() == 512);
    CHECK(all.size() == 512);
    CHECK(known_of(part, 0, 88) == 0);
    CHECK(known_of(part, 88, 512) == 512);
    // The same again: in its own place, and the newest.
    part.put(chain_of(88, 70));
    CHECK(part.size() == 512);
    CHECK(part.bytes() == 511 * 100 + 70);
    part.put(chain_of(1000));
    CHECK(known_of(part, 88, 1) == 1);
    CHECK(known_of(part, 89, 1) == 0);
    part.drop(chain_of(88).chain.digest);
    CHECK(part.find(chain_of(88).chain.digest) == nullptr);
    CHECK(all.bytes() == 511 * 100);
}

TEST_CASE("of one customer 512 KiB of certificates are remembered") {
    KnownChains all;
    KnownPart part(all);
    fill(part, 0, 100, 100'000);
    CHECK(part.size() == 5);
    CHECK(part.bytes() == 500'000);
    CHECK(known_of(part, 95, 5) == 5);
}

TEST_CASE("one customer's flood pushes out its own chains, and of no other customer any") {
    KnownChains all;
    KnownPart victim(all);
    KnownPart flooding(all);
    fill(victim, 0, 200);
    SUBCASE("with many chains") {
        fill(flooding, 10'000, 20'000);
        CHECK(flooding.size() == 512);
    }
    SUBCASE("with long ones") {
        fill(flooding, 10'000, 20'000, kMostChain * kMostCertificate);
        CHECK(flooding.bytes() == kMostKnownBytesOfTrust);
    }
    SUBCASE("several together, where there is room for no more in all") {
        KnownPart second(all);
        KnownPart third(all);
        for (std::uint32_t i = 0; i < 20; ++i) {
            for (KnownPart* const part : {&flooding, &second, &third}) fill(*part, 10'000 + 100 * i, 100);
        }
        CHECK(all.size() == 1024);
        for (const KnownPart* const part : {&flooding, &second, &third}) CHECK(part->size() >= 274);
    }
    CHECK(known_of(victim, 0, 200) == 200);
    CHECK(victim.bytes() == 200 * 100);
}

TEST_CASE("1,024 chains and 2 MiB are remembered in all; the customer with the most gives way") {
    KnownChains all;
    KnownPart small(all);
    std::vector<std::unique_ptr<KnownPart>> large;
    for (int i = 0; i < 8; ++i) large.push_back(std::make_unique<KnownPart>(all));
    fill(small, 0, 100);
    SUBCASE("by their number") {
        for (const auto& part : large) fill(*part, 1000, 512);
        CHECK(all.size() == 1024);
        for (const auto& part : large) CHECK(part->size() >= 115);
    }
    SUBCASE("by their bytes") {
        for (const auto& part : large) fill(*part, 1000, 40, 100'000);
        CHECK(all.bytes() <= 2 << 20);
        CHECK(all.bytes() > (2 << 20) - 100'000);
        for (const auto& part : large) CHECK(part->size() >= 2);
    }
    CHECK(known_of(small, 0, 100) == 100);
    large.clear();
    CHECK(all.size() == 100);
    CHECK(all.bytes() == 100 * 100);
}

TEST_CASE("of customers with as many chains, the one with the oldest gives way, so that the newest is remembered") {
    KnownChains all;
    std::vector<std::unique_ptr<KnownPart>> parts;
    for (std::uint32_t i = 0; i < 1025; ++i) {
        parts.push_back(std::make_unique<KnownPart>(all));
        parts.back()->put(chain_of(i));
    }
    CHECK(all.size() == 1024);
    CHECK(parts.front()->size() == 0);
    CHECK(parts.back()->size() == 1);
    // And one that comes a second time gives way itself.
    parts.back()->put(chain_of(5000));
    CHECK(parts.back()->size() == 1);
    CHECK(parts.back()->find(chain_of(5000).chain.digest) != nullptr);
    CHECK(parts[1]->size() == 1);
}

TEST_CASE("a digest says where each certificate ends") {
    const std::vector<Buffer> one = {{1, 2}, {3}};
    const std::vector<Buffer> other = {{1}, {2, 3}};
    CHECK(digest_of(one) != digest_of(other));
    CHECK(digest_of(one) == digest_of(std::vector<Buffer>(one)));
}

}  // namespace
}  // namespace warren::auth
