// When a certificate ends, as nanoseconds.
#include "alerts/rim/certificates.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"

using namespace warren;
using namespace warren::alerts;

namespace {

constexpr const char* kLeaf =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBlDCCATmgAwIBAgIURmaKHIhABvajJ8WfuCBp0Mjumz4wCgYIKoZIzj0EAwIw\n"
    "HjENMAsGA1UECgwEVGVzdDENMAsGA1UEAwwEbGVhZjAgFw0yNjExMzAxOTM5MDla\n"
    "GA8yMTI2MTEwNjE5MzkwOVowHjENMAsGA1UECgwEVGVzdDENMAsGA1UEAwwEbGVh\n"
    "ZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLtxiRHs9q/yhyfzAnj9RPPHTcrE\n"
    "duL8yooWxaKqgXPUUpywB/4cguDP/ciV6WjRtRm4YAvB/I0MkldQU6VyVmGjUzBR\n"
    "MB0GA1UdDgQWBBQdtZHIGcWRma/1qqfy6nSkGS+CWDAfBgNVHSMEGDAWgBQdtZHI\n"
    "GcWRma/1qqfy6nSkGS+CWDAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kA\n"
    "MEYCIQCiiKdQOTN1muCKA8eigUjME0/Hk2SLBCNFBBgrHyua6wIhAMq55fiyHaDk\n"
    "plYgOHVpAbEtZk24MvDZA8A0FmC2PSRZ\n"
    "-----END CERTIFICATE-----\n";
constexpr const char* kOld =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkDCCATegAwIBAgIUNtdvVQXZr5/bLcgxKBgiyPj03r4wCgYIKoZIzj0EAwIw\n"
    "HTENMAsGA1UECgwEVGVzdDEMMAoGA1UEAwwDb2xkMCAXDTI2MTEzMDE5MzkwOVoY\n"
    "DzIxMDkwMTE5MTkzOTA5WjAdMQ0wCwYDVQQKDARUZXN0MQwwCgYDVQQDDANvbGQw\n"
    "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATm1JoLzA6el6VG4ck3C2tqx9CGx/2i\n"
    "QKx/g1135wtvqfks83niryQ2OhnTJUGFYSulXFJReZWvcv7SskaGvQ4Uo1MwUTAd\n"
    "BgNVHQ4EFgQUcw0FdFuHaUDHz87/j/WZmeuTB6YwHwYDVR0jBBgwFoAUcw0FdFuH\n"
    "aUDHz87/j/WZmeuTB6YwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBE\n"
    "AiAU3Wsenejizy3pgxwULcqFyERnYSaByP6JPogMg7LVBAIgGcjqK7q5knqTWetA\n"
    "R3pDq6p2eeevTnhXvWA6i6WJ5eY=\n"
    "-----END CERTIFICATE-----\n";

constexpr const char* kOldRenewed =  // another one of that subject
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkjCCATegAwIBAgIUKNU/TaM2JFfYL/P1/enG569uSNkwCgYIKoZIzj0EAwIw\n"
    "HTENMAsGA1UECgwEVGVzdDEMMAoGA1UEAwwDb2xkMCAXDTI2MTEzMDIzNDEwMloY\n"
    "DzIxMjYxMTA2MjM0MTAyWjAdMQ0wCwYDVQQKDARUZXN0MQwwCgYDVQQDDANvbGQw\n"
    "WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARqtaZ1C1YfLwNIkdRvAMsL+g8LArEv\n"
    "2CaRZY/n2g1TZHQErJajoLfcrxVDaMspxoUGc5O3qz+TtbtU6yDS/lqco1MwUTAd\n"
    "BgNVHQ4EFgQUGPbtgu3K7zIz4zizvhmBZq1LGe4wHwYDVR0jBBgwFoAUGPbtgu3K\n"
    "7zIz4zizvhmBZq1LGe4wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG\n"
    "AiEAxk62VhOAa0tyJiEFB/DGSb/TXMQqr2q+dF6AVpcsiD0CIQCF8pAMa6dVrtqp\n"
    "5LW7pa6xRRaHJchdvSJ3cA+LATd70A==\n"
    "-----END CERTIFICATE-----\n";
constexpr const char* kOldRenewedSerial = "28D53F4DA3362457D82FF3F5FDE9C6E7AF6E48D9";

std::vector<Facts::Certificate> read(const std::string& text) {
    const UniqueFd file(::memfd_create("certificates", MFD_CLOEXEC));
    REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    const auto found = read_certificates(file.get(), 1U << 20U);
    REQUIRE(found.has_value());
    return *found;
}

}  // namespace

TEST_CASE("of several certificates in one file each is told of, by its subject") {
    const auto found =
        read(std::string("acme certs/a.pem\n") + kLeaf + "acme certs/a.pem\n" + kOld + "acme certs/a.pem\n" + kLeaf +
             "- certs/a.pem\n" + kOld + "acme certs/b.pem\n-----BEGIN CERTIFICATE-----\nx\n" +
             "-----END CERTIFICATE-----\nacme certs/c.pem\n" + kLeaf);
    REQUIRE(found.size() == 4);
    CHECK(found[0].name == "certs/a.pem");
    CHECK(found[1].name == "certs/a.pem (/O=Test/CN=old)");
    CHECK(found[1].customer == "acme");
    CHECK(found[1].not_after < found[0].not_after);
    CHECK(found[2].name == "certs/a.pem");
    CHECK(found[2].customer.empty());
    CHECK(found[3].name == "certs/c.pem");
}

TEST_CASE("of two certificates of one subject in a bundle each is told of") {
    const auto found = read(std::string("acme certs/a.pem\n") + kLeaf + "acme certs/a.pem\n" + kOld +
                            "acme certs/a.pem\n" + kOldRenewed + "- certs/a.pem\n" + kLeaf);
    REQUIRE(found.size() == 4);
    CHECK(found[1].name == "certs/a.pem (/O=Test/CN=old)");
    CHECK(found[2].name == "certs/a.pem (/O=Test/CN=old) serial " + std::string(kOldRenewedSerial));
    CHECK(found[3].name == "certs/a.pem");
}

TEST_CASE("a certificate without an end does not end in the past") {
    constexpr std::int64_t kYear2300 = 10'413'792'000;
    constexpr std::int64_t kYear9999 = 253'402'300'799;
    CHECK(wall_time_of(1'764'500'000).nanoseconds == 1'764'500'000'000'000'000);
    CHECK(wall_time_of(kYear2300) > wall_time_of(9'000'000'000));
    CHECK(wall_time_of(kYear9999) == wall_time_of(kYear2300));
    CHECK(wall_time_of(-kYear9999).nanoseconds < 0);
}
