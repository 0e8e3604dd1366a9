#include "crypto/authority.h"

#include <doctest/doctest.h>

#include <string>

namespace warren::crypto {
namespace {

constexpr WallTime kNow{1'800'000'000LL * 1'000'000'000};
constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000'000;

// An authority, and one node that asked for its certificate.
struct Fleet {
    SecretBuffer key = make_key().value();
    std::string authority = make_authority(key.reveal(), "Fleet", kNow).value();
    SecretBuffer node_key = make_key().value();
    std::string request = request_certificate(node_key.reveal(), "whatever").value();

    [[nodiscard]] Result<std::string> issue(const std::string& of, const CertificateUse& use) const {
        return issue_certificate(authority, key.reveal(), of, use, kNow);
    }
};

}  // namespace

TEST_CASE("a certificate has the key of the request, the name and days of the authority, and its signature") {
    const Fleet fleet;
    const auto certificate = fleet.issue(fleet.request, {"vie-2", {"10.9.0.2", "2001:db8::2"}, true});
    REQUIRE(certificate);
    CHECK(is_issued_by(*certificate, fleet.authority));
    CHECK(is_certificate_of(*certificate, fleet.node_key.reveal()));
    CHECK(has_key_of_request(*certificate, fleet.request));
    const auto view = view_certificate(*certificate);
    REQUIRE(view);
    CHECK(view->name == "vie-2");
    CHECK(view->not_after.nanoseconds == kNow.nanoseconds + 90 * kDay);
    CHECK(view->not_before.nanoseconds < kNow.nanoseconds);
    CHECK(view->fingerprint.size() == 64);

    const Fleet other;  // of the same name
    CHECK_FALSE(is_issued_by(*certificate, other.authority));
    CHECK_FALSE(is_certificate_of(*certificate, other.node_key.reveal()));
    CHECK_FALSE(has_key_of_request(*certificate, other.request));
    CHECK_FALSE(is_issued_by(*certificate, *certificate));  // it may issue none
}

TEST_CASE("what is no request, is not signed by its own key, or names no address gets no certificate") {
    const Fleet fleet;
    CHECK_FALSE(fleet.issue("", {"vie-2", {}, false}));
    CHECK_FALSE(fleet.issue(fleet.authority, {"vie-2", {}, false}));
    CHECK_FALSE(fleet.issue(fleet.request, {"vie-2", {"10.9.0.2,DNS:vie-1"}, true}));
    CHECK_FALSE(fleet.issue(std::string(kMostPem + 1, 'x'), {"vie-2", {}, false}));
    // One byte of the signature, near the end of the text.
    std::string changed = fleet.request;
    const std::size_t at = changed.find("-----END") - 8;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    CHECK_FALSE(fleet.issue(changed, {"vie-2", {}, false}));
    const Fleet other;
    CHECK_FALSE(issue_certificate(fleet.authority, other.key.reveal(), fleet.request, {"vie-2", {}, false}, kNow));
}

TEST_CASE("a renewed certificate is for the same key and name, and begins anew; none of another authority is renewed") {
    const Fleet fleet;
    const std::string old = fleet.issue(fleet.request, {"vie-2", {"10.9.0.2"}, true}).value();
    const WallTime later{kNow.nanoseconds + 70 * kDay};
    const auto next = renew_certificate(fleet.authority, fleet.key.reveal(), old, later);
    REQUIRE(next);
    CHECK(is_issued_by(*next, fleet.authority));
    CHECK(is_certificate_of(*next, fleet.node_key.reveal()));
    CHECK(view_certificate(*next)->name == "vie-2");
    CHECK(view_certificate(*next)->not_after.nanoseconds == later.nanoseconds + 90 * kDay);
    CHECK(view_certificate(*next)->fingerprint != view_certificate(old)->fingerprint);
    const Fleet other;
    CHECK_FALSE(renew_certificate(other.authority, other.key.reveal(), old, later));
    CHECK_FALSE(renew_certificate(fleet.authority, other.key.reveal(), old, later));
    CHECK_FALSE(renew_certificate(fleet.authority, fleet.key.reveal(), fleet.authority, later));  // an authority's
}

TEST_CASE("a text is verified by the authority that signed it, as it was") {
    const Fleet fleet;
    const auto signature = sign_text(fleet.key.reveal(), "three nodes");
    REQUIRE(signature);
    CHECK(verify_text(fleet.authority, "three nodes", *signature));
    CHECK_FALSE(verify_text(fleet.authority, "four nodes", *signature));
    CHECK_FALSE(verify_text(Fleet().authority, "three nodes", *signature));
    for (const char* bad : {"", "0", "zz", "00"}) CHECK_FALSE(verify_text(fleet.authority, "three nodes", bad));
    // A node's certificate is no authority, though the authority has signed it.
    const std::string node = fleet.issue(fleet.request, {"vie-2", {}, false}).value();
    CHECK_FALSE(verify_text(node, "x", sign_text(fleet.node_key.reveal(), "x").value()));
}

}  // namespace warren::crypto
