#include "ipc/certificate_facts.h"

#include <doctest/doctest.h>

namespace warren::ipc {
namespace {

TEST_CASE("what is told of a certificate comes back as it was") {
    const CertificateFact fact{"ipsec.ca[0]", "acme/ca.pem", WallTime{1796053250'000'000'000}};
    CHECK(text_of(fact) == "certificate ipsec.ca[0] acme/ca.pem 1796053250");
    CHECK(parse_certificate_fact(text_of(fact)) == fact);
}

TEST_CASE("other facts are none of a certificate") {
    for (const char* text : {"", "certificate", "certificate a b", "certificate a b x", "certificate a b -1",
                             "certificate a b 99999999999999999999", "certificate a b 9223372037",
                             "certificate a b 1 2", "service dns unbound running cgroup 1 2 3"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_certificate_fact(text));
    }
}

}  // namespace
}  // namespace warren::ipc
