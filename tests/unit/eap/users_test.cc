#include "auth/eap/users.h"

#include <doctest/doctest.h>

#include "crypto/legacy_provider.h"

namespace warren::eap {
namespace {

Result<Users> read(std::string_view text) {
    return Users::read(crypto::load_legacy_digest().value(), text);
}

TEST_CASE("a password and its NT hash are the same user") {
    auto users = read("# people\nalice = \"clientPass\"\n\nbob=\"nt:44EBBA8D5312B8D611474411F56989AE\"\r\n").value();
    REQUIRE(users.size() == 2);
    CHECK(users.find("alice")->hash == users.find("bob")->hash);
}

TEST_CASE("a name that the file has whole goes before one without realm") {
    auto users = read("alice = \"one\"\nalice@acme.example = \"two\"\n").value();
    CHECK(users.name_of("alice@acme.example") == "alice@acme.example");
    CHECK(users.name_of("alice@other.example") == "alice");
    CHECK(users.name_of("ACME\\alice") == "alice");
    CHECK(users.name_of("Alice").empty());
    CHECK(users.find("@acme.example") == nullptr);
    CHECK(users.find("") == nullptr);
}

TEST_CASE("a file with a line that is no user is none, and its problem has no password") {
    const auto users = read("alice = \"hunter2\"\nbob = hunter2\n");
    REQUIRE(!users);
    CHECK(users.error().what.starts_with("line 2 "));
    CHECK(users.error().what.find("hunter2") == std::string::npos);
}

}  // namespace
}  // namespace warren::eap
