// What `vpnctl check` says of certificates and their keys.
#include "config/certificate_check.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "auth/chain/trust.h"
#include "config/named_secrets.h"
#include "tests/vectors/certificates.h"

using namespace warren;
using namespace warren::config;
using test::kCertificateTime;
using test::kDay;

namespace {

struct Files {
    test::Made root = test::make_root("Acme Root");
    test::Made hub = test::make_leaf(root, "DNS:acme.example");
    std::string certificate = hub.pem();
    std::string key = hub.key_pem();
    std::string ca = root.pem();
    std::string crl = test::make_revocation_list(root, {});
    std::size_t times = 1;  // so many files are like the CA's, and like the list's

    // All that is said, one line each.
    [[nodiscard]] std::vector<std::string> said(bool has_key = true) const {
        Parsed<Customer> parsed;
        Ipsec& ipsec = parsed.value.ipsec.emplace();
        ipsec.identity = {IkeIdentityType::kFqdn, false, "acme.example"};
        ipsec.certificate = CertificateRef{"hub.pem"};
        ipsec.private_key = SecretRef{"hub.key"};
        ipsec.ca.assign(times, {"ca.pem"});
        ipsec.crl.assign(times, {"ca.crl"});
        Secrets secrets;
        const auto put = [&secrets](const char* name, const std::string& text, FileForm form) {
            secrets.put(NamedSecret{{name}, "", "", "", form}, crypto::SecretBuffer(as_bytes(text)));
        };
        put("hub.pem", certificate, FileForm::kCertificate);
        put("ca.pem", ca, FileForm::kCertificate);
        put("ca.crl", crl, FileForm::kCertificate);
        if (has_key) put("hub.key", key, FileForm::kPrivateKey);
        std::vector<Diagnostic> found;
        check_certificates(parsed, secrets, kCertificateTime, found);
        std::vector<std::string> out;
        for (const Diagnostic& one : found)
            out.push_back((one.severity == Severity::kError ? "error: " : "warning: ") + one.message);
        return out;
    }
};

bool is_said(const Files& files, const std::string& what) {
    const auto said = files.said();
    return said.size() == 1 && said[0].find(what) != std::string::npos;
}

TEST_CASE("certificates that can be used are said nothing of, also without their key") {
    const Files files;
    CHECK(files.said().empty());
    CHECK(files.said(false).empty());
}

TEST_CASE("a key that is not the certificate's, or is none") {
    Files files;
    files.key = files.root.key_pem();
    CHECK(is_said(files, "error: hub.key: the private key is not that of the first certificate"));
    files.key = "text";
    CHECK(is_said(files, "error: hub.key: the private key cannot be read"));
}

TEST_CASE("a certificate that cannot be read, has expired, ends soon or has a weak key") {
    const auto lasting = [](const Files& files, std::int64_t ends) {
        return test::make_certificate({.extensions = {{"subjectAltName", "DNS:acme.example"}}, .ends = ends},
                                      &files.root);
    };
    Files files;
    files.certificate = "text";
    CHECK(is_said(files, "error: hub.pem: no certificate is in it"));
    for (const auto& [ends, words] : {std::pair{-kDay, "error: hub.pem: CN=peer,O=Acme has expired"},
                                      std::pair{29 * kDay, "warning: hub.pem: CN=peer,O=Acme ends in 29 days"}}) {
        const test::Made made = lasting(files, ends);
        files.certificate = made.pem();
        files.key = made.key_pem();
        CHECK(is_said(files, words));
    }
    const test::Made weak = test::make_certificate({.key = test::KeyType::kRsa1024}, &files.root);
    files.certificate = weak.pem();
    files.key = weak.key_pem();
    CHECK(is_said(files, "error: hub.pem: certificate 1 in it has a key that Warren does not use"));
}

TEST_CASE("a certificate without our identity is warned of") {
    Files files;
    const test::Made other = test::make_leaf(files.root, "DNS:other.example");
    files.certificate = other.pem();
    files.key = other.key_pem();
    CHECK(is_said(files, "warning: hub.pem: it has no subjectAltName acme.example"));
}

TEST_CASE("a CA that is none, and a revocation list that is none") {
    Files files;
    files.ca = files.hub.pem();
    CHECK(is_said(files, "error: ca.pem: CN=peer,O=Acme is no CA"));
    files.ca = files.root.pem();
    files.crl = files.root.pem();
    CHECK(is_said(files, "error: ca.crl: no revocation list is in it"));
}

TEST_CASE("a revocation list whose nextUpdate has passed is warned of") {
    Files files;
    files.crl += test::make_revocation_list(files.root, {}, -kDay);
    CHECK(is_said(files, "warning: ca.crl: a list in it has expired"));
}

TEST_CASE("CAs and lists that are too many in all files together") {
    Files files;
    files.times = 2;
    const auto repeated = [](const std::string& text, std::size_t count) {
        std::string out;
        while (count-- > 0) out += text;
        return out;
    };
    files.ca = repeated(files.root.pem(), auth::kMostAuthorities / 2);
    const std::string crl = files.crl;
    files.crl = repeated(crl, auth::kMostRevocationLists / 2);
    CHECK(files.said().empty());
    files.ca += files.root.pem();
    CHECK(is_said(files, "error: in all files: there are more than 64 CAs"));
    files.ca = files.root.pem();
    files.crl += crl;
    CHECK(is_said(files, "error: in all files: there are more than 64 revocation lists"));
}

}  // namespace
