// Until when the certificates that a customer names are valid.
#include "config/certificate_ends.h"

#include <doctest/doctest.h>

#include <string>

#include "config/named_secrets.h"
#include "tests/vectors/certificates.h"

using namespace warren;
using namespace warren::config;
using test::kCertificateTime;
using test::kDay;

namespace {

struct Named {
    Customer customer;
    Secrets secrets;
    test::Made root = test::make_root("Acme Root");

    Named() { customer.ipsec.emplace(); }
    void put(const char* name, const std::string& text) {
        secrets.put(NamedSecret{{name}, "", "", "", FileForm::kCertificate}, crypto::SecretBuffer(as_bytes(text)));
    }
};

}  // namespace

TEST_CASE_FIXTURE(Named, "our own chain comes first, then the CAs, each file with its earliest end") {
    const test::Made hub = test::make_leaf(root, "DNS:acme.example");
    put("hub.pem", hub.pem() + root.pem());
    put("ca.pem", root.pem());
    customer.ipsec->certificate = CertificateRef{"hub.pem"};
    customer.ipsec->ca = {{"ca.pem"}};
    const auto ends = certificate_ends(customer, secrets);
    REQUIRE(ends.size() == 2);
    CHECK(ends[0].field == "ipsec.certificate");
    CHECK(ends[0].file == "hub.pem");
    CHECK(ends[0].not_after > kCertificateTime);
    CHECK(ends[1].field == "ipsec.ca[0]");
    CHECK(ends[0].not_after.nanoseconds <= ends[1].not_after.nanoseconds);
}

TEST_CASE_FIXTURE(Named, "what is not there or cannot be read is left out") {
    put("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    put("ca.pem", root.pem());
    customer.ipsec->certificate = CertificateRef{"absent.pem"};
    customer.ipsec->ca = {{"broken.pem"}, {"ca.pem"}};
    const auto ends = certificate_ends(customer, secrets);
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].field == "ipsec.ca[1]");
    customer.ipsec.reset();
    CHECK(certificate_ends(customer, secrets).empty());
}

TEST_CASE_FIXTURE(Named, "a customer with very many certificates costs no more than these") {
    std::string many;
    for (std::size_t i = 0; i < kMostCertificatesRead; ++i) many += root.pem();
    put("many.pem", many);
    put("more.pem", many + root.pem());
    put("ca.pem", root.pem());
    SUBCASE("in one file") {
        customer.ipsec->ca = {{"more.pem"}, {"ca.pem"}};
        CHECK(certificate_ends(customer, secrets).size() == 1);
    }
    SUBCASE("in several") {
        customer.ipsec->ca = {{"many.pem"}, {"ca.pem"}};
        CHECK(certificate_ends(customer, secrets).size() == 1);
    }
    SUBCASE("in many files") {
        customer.ipsec->ca.assign(40, {"ca.pem"});
        CHECK(certificate_ends(customer, secrets).size() == kMostCertificateEnds);
    }
}
