// Secrets come in pieces and are whole or not there; however many and large, they are bounded.
#include "auth/table/secrets.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/auth/pieces.h"

using namespace warren;
using namespace warren::auth;
using ipc::SecretFile;
using test::piece;

namespace {

std::string text_of(Bytes bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("the files of a secret are put together in their order") {
    Intake intake;
    intake.begin({7, SecretKind::kTrust, true, {"ACME"}});
    intake.add(piece(SecretFile::kCa, "one ", true));
    intake.add(piece(SecretFile::kCa, "and the rest"));
    intake.add(piece(SecretFile::kCa, "another"));
    intake.add(piece(SecretFile::kCrl, ""));
    auto done = intake.end();
    REQUIRE(done);
    CHECK(done->first == 7);
    const Secret& secret = done->second;
    CHECK(secret.kind == SecretKind::kTrust);
    CHECK(secret.crl_required);
    CHECK(secret.realms == std::vector<std::string>{"ACME"});
    REQUIRE(secret.files.size() == 3);
    CHECK(text_of(secret.files[0].content.reveal()) == "one and the rest");
    CHECK(text_of(secret.files[1].content.reveal()) == "another");
    CHECK(secret.files[2].content.empty());
    CHECK(text_of(secret.find(SecretFile::kCa)) == "one and the rest");
    CHECK(secret.find(SecretFile::kUsers).empty());
}

TEST_CASE("a secret that is cut off, or that never began, is none, and the next one is whole") {
    Intake intake;
    CHECK_FALSE(intake.end());
    intake.begin({7, SecretKind::kPsk, false, {}});
    intake.add(piece(SecretFile::kKey, "the first half", true));
    CHECK_FALSE(intake.end());
    intake.begin({7, SecretKind::kPsk, false, {}});
    intake.add(piece(SecretFile::kKey, "the first half", true));
    intake.begin({8, SecretKind::kPsk, false, {}});
    intake.add(piece(SecretFile::kKey, "whole"));
    auto done = intake.end();
    REQUIRE(done);
    CHECK(done->first == 8);
    CHECK(text_of(done->second.find(SecretFile::kKey)) == "whole");
    CHECK_FALSE(intake.end());
}

TEST_CASE("the piece that goes on belongs to the same file") {
    Intake intake;
    intake.begin({7, SecretKind::kSigner, false, {}});
    intake.add(piece(SecretFile::kPrivateKey, "half a key", true));
    intake.add(piece(SecretFile::kCertificate, "a certificate"));
    CHECK_FALSE(intake.end());
}

TEST_CASE("a secret with too many files or bytes is refused") {
    Intake intake;
    const auto with_files = [&](std::size_t count) {
        intake.begin({7, SecretKind::kTrust, false, {}});
        for (std::size_t i = 0; i < count; ++i) intake.add(piece(SecretFile::kCa, "x"));
        return intake.end().has_value();
    };
    CHECK(with_files(Intake::kMostFiles));
    CHECK_FALSE(with_files(Intake::kMostFiles + 1));
    const std::string large(1 << 20, 'x');
    const auto with_bytes = [&](std::size_t more) {
        intake.begin({7, SecretKind::kUsers, false, {}});
        for (std::size_t sum = 0; sum < Intake::kMostBytes; sum += large.size())
            intake.add(piece(SecretFile::kUsers, large, true));
        intake.add(piece(SecretFile::kUsers, std::string(more, 'x')));
        return intake.end().has_value();
    };
    CHECK_FALSE(with_bytes(1));
    // Empty pieces are none: they would be without number.
    CHECK_FALSE(with_bytes(0));
}

TEST_CASE("a secret is found by its number and its kind, until it is dropped or another takes its place") {
    Secrets secrets;
    CHECK(secrets.put(7, test::psk("one")));
    CHECK(secrets.put(8, test::psk("two")));
    REQUIRE(secrets.find(7, SecretKind::kPsk) != nullptr);
    CHECK(secrets.find(7, SecretKind::kPpk) == nullptr);
    CHECK(secrets.find(9, SecretKind::kPsk) == nullptr);
    CHECK(secrets.put(7, test::psk("three")));
    CHECK(text_of(secrets.find(7, SecretKind::kPsk)->find(SecretFile::kKey)) == "three");
    CHECK(text_of(secrets.find(8, SecretKind::kPsk)->find(SecretFile::kKey)) == "two");
    secrets.drop(7);
    CHECK(secrets.find(7, SecretKind::kPsk) == nullptr);
    CHECK(secrets.size() == 1);
}

TEST_CASE("all secrets together are bounded, and what was dropped has left its room") {
    Secrets secrets;
    constexpr std::size_t kLarge = 16 << 20;
    const auto large = [] {
        Secret out;
        out.files.push_back({SecretFile::kCrl, crypto::SecretBuffer(kLarge)});
        return out;
    };
    SecretId last = 0;
    while (secrets.put(last + 1, large())) ++last;
    CHECK(last == Secrets::kMostBytes / kLarge);
    CHECK(secrets.size() == last);
    secrets.drop(1);
    CHECK(secrets.put(last + 1, large()));
    // One that is put again counts once.
    CHECK(secrets.put(last + 1, large()));
    CHECK_FALSE(secrets.put(last + 2, large()));
}
