// What authd answers with certificates.
#include "auth/certificates.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/unit/auth/pieces.h"
#include "tests/vectors/certificates.h"

using namespace warren;
using namespace warren::auth;
using ipc::SecretFile;

namespace {

using Buffer = std::vector<std::uint8_t>;
constexpr SecretId kSigner = 7;
constexpr SecretId kTrust = 8;
const Now kNow{Instant{1}, test::kCertificateTime};
const Buffer kOctets{1, 2, 3};

Secret with_files(SecretKind kind, std::vector<std::pair<SecretFile, std::string>> files, bool crl_required = false) {
    Secret out;
    out.kind = kind;
    out.crl_required = crl_required;
    for (const auto& [what, text] : files) out.files.push_back({what, crypto::SecretBuffer(as_bytes(text))});
    return out;
}

struct Room {
    test::Made root = test::make_root("Acme Root");
    test::Made leaf = test::make_leaf(root, "DNS:hub.example");
    ChainCertificates certificates;

    Room() {
        certificates.put(kSigner,
                         with_files(SecretKind::kSigner, {{SecretFile::kPrivateKey, leaf.key_pem()},
                                                          {SecretFile::kCertificate, leaf.pem() + root.pem()}}));
        certificates.put(kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, root.pem()}}));
    }
    ipc::SignAnswer sign(SecretId signer, std::vector<std::uint16_t> hashes = {2, 3, 4, 5}) {
        return std::get<ipc::SignAnswer>(certificates.sign({signer, std::move(hashes), kOctets}));
    }
    ipc::AuthReply ask(std::vector<SecretId> trusts, const ipc::SignAnswer& signature) {
        const std::string name = "hub.example";
        return certificates.verify(kNow, {std::move(trusts),
                                          2,
                                          {name.begin(), name.end()},
                                          signature.chain,
                                          signature.method,
                                          signature.data,
                                          kOctets});
    }
    ipc::VerifyPeerAnswer verify(std::vector<SecretId> trusts, const ipc::SignAnswer& signature) {
        return std::get<ipc::VerifyPeerAnswer>(ask(std::move(trusts), signature));
    }
    // Nobody can say: none of those who are asked is here.
    bool cannot_tell(SecretId trust, const ipc::SignAnswer& signature) {
        return std::holds_alternative<ipc::AskFailed>(ask({trust}, signature));
    }
};

TEST_CASE("what one signs the other verifies, by the numbers of the secrets") {
    Room room;
    const ipc::SignAnswer signature = room.sign(kSigner);
    CHECK(signature.method == 14);
    CHECK(signature.chain == std::vector<Buffer>{room.leaf.der()});
    const ipc::VerifyPeerAnswer verified = room.verify({99, kTrust}, signature);
    CHECK(verified.verdict == PeerVerdict::kTrusted);
    CHECK(verified.trust == 1);
    CHECK(verified.not_after > kNow.wall);
    CHECK(room.sign(kSigner, {}).method == 9);
    CHECK(room.verify({kTrust}, room.sign(kSigner, {})).verdict == PeerVerdict::kTrusted);
}

TEST_CASE("a secret that is not here, was dropped or is of another kind signs and vouches for nothing") {
    Room room;
    const ipc::SignAnswer signature = room.sign(kSigner);
    CHECK(room.sign(kTrust).data.empty());
    CHECK(room.sign(99).data.empty());
    CHECK(room.sign(kSigner, {0}).data.empty());
    CHECK(room.cannot_tell(kSigner, signature));
    CHECK(room.verify({}, signature).verdict == PeerVerdict::kUnknown);
    room.certificates.drop(kTrust);
    CHECK(room.cannot_tell(kTrust, signature));
    room.certificates.drop(kSigner);
    CHECK(room.sign(kSigner).data.empty());
}

TEST_CASE("files that cannot be read take the place of those that could") {
    Room room;
    const ipc::SignAnswer signature = room.sign(kSigner);
    room.certificates.put(kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, "text"}}));
    CHECK(room.cannot_tell(kTrust, signature));
    room.certificates.put(kSigner, with_files(SecretKind::kSigner, {{SecretFile::kPrivateKey, room.root.key_pem()},
                                                                    {SecretFile::kCertificate, room.leaf.pem()}}));
    CHECK(room.sign(kSigner).data.empty());
}

TEST_CASE("what is known of a peer's chain goes with the trust that knew it") {
    Room room;
    const ipc::SignAnswer signature = room.sign(kSigner);
    const auto known_after = [&](PeerVerdict verdict) {
        CHECK(room.verify({kTrust}, signature).verdict == verdict);
        return room.certificates.known().size();
    };
    CHECK(known_after(PeerVerdict::kTrusted) == 1);
    CHECK(known_after(PeerVerdict::kTrusted) == 1);
    const std::string revoking = test::make_revocation_list(room.root, {&room.leaf});
    room.certificates.put(
        kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, room.root.pem()}, {SecretFile::kCrl, revoking}}));
    CHECK(room.certificates.known().size() == 0);
    CHECK(known_after(PeerVerdict::kRevoked) == 0);
    const test::Made another = test::make_root("Another");
    room.certificates.put(kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, another.pem()}}));
    CHECK(known_after(PeerVerdict::kUnknownIssuer) == 0);
    room.certificates.put(kTrust, with_files(SecretKind::kTrust, {{SecretFile::kCa, room.root.pem()}}));
    CHECK(known_after(PeerVerdict::kTrusted) == 1);
    room.certificates.drop(kTrust);
    CHECK(room.certificates.known().size() == 0);
}

TEST_CASE("revocation lists count, and can be required") {
    Room room;
    const ipc::SignAnswer signature = room.sign(kSigner);
    const auto with = [&](std::vector<std::pair<SecretFile, std::string>> files, bool required) {
        files.emplace_back(SecretFile::kCa, room.root.pem());
        room.certificates.put(kTrust, with_files(SecretKind::kTrust, std::move(files), required));
        return room.verify({kTrust}, signature).verdict;
    };
    CHECK(with({}, true) == PeerVerdict::kNoRevocationList);
    CHECK(with({{SecretFile::kCrl, test::make_revocation_list(room.root, {})}}, true) == PeerVerdict::kTrusted);
    CHECK(with({{SecretFile::kCrl, test::make_revocation_list(room.root, {&room.leaf})}}, false) ==
          PeerVerdict::kRevoked);
}

}  // namespace
