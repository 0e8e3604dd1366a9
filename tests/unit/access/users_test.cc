#include "access/users.h"

#include <doctest/doctest.h>

#include <string>

#include "access/secrets.h"
#include "access/users_text.h"

using namespace warren::access;

namespace {

const std::string kHash = "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
const std::string kFile =
    "# ours\nschema = 1\n\n[[user]] # the boss\nname = \"anna\"\nrole = \"operator\"\npassword = \"" + kHash +
    "\"\n\n[[token]]\nname = \"grafana\"\nrole = \"viewer\"\nsha256 = \"" + std::string(64, 'a') +
    "\"\n\n[[user]]\nname = \"acme\"\nrole = \"customer\"\ncustomers = [\"acme\", \"acme-lab\"]\npassword = \"" +
    kHash + "x\"\n";

std::string problem_of(const std::string& text) {
    const auto users = parse_users(text);
    return users ? std::string() : users.error().what;
}

std::string user_with(const std::string& lines) {
    return "schema = 1\n[[user]]\n" + lines;
}

}  // namespace

TEST_CASE("users.toml says who may log in and what each user may see") {
    const auto users = parse_users(kFile);
    REQUIRE(users);
    CHECK(users->find_user("anna")->grant == Grant{Role::kOperator, {}});
    CHECK(users->find_user("acme")->grant == Grant{Role::kCustomer, {"acme", "acme-lab"}});
    CHECK(users->find_token_by_hash(std::string(64, 'a'))->name == "grafana");
    CHECK(users->find_user("grafana") == nullptr);
    CHECK(users->find_token_by_hash("") == nullptr);
    CHECK(parse_users("")->users.empty());
}

TEST_CASE("the whole hash of a token counts") {
    const auto users = parse_users(kFile);
    REQUIRE(users);
    const std::string hash(64, 'a');
    REQUIRE(users->find_token_by_hash(hash) != nullptr);
    for (std::size_t i = 0; i < hash.size(); ++i) {
        std::string other = hash;
        other[i] = 'b';
        CHECK(users->find_token_by_hash(other) == nullptr);
    }
    for (const std::size_t length : {0U, 1U, 8U, 32U, 63U})
        CHECK(users->find_token_by_hash(hash.substr(0, length)) == nullptr);
    CHECK(users->find_token_by_hash(hash + "a") == nullptr);
    CHECK(users->find_token_by_hash(std::string(64, 'A')) == nullptr);
}

TEST_CASE("an error in users.toml is named with its line, and nothing of the file is taken") {
    const std::string good = "name = \"a\"\nrole = \"viewer\"\npassword = \"" + kHash + "\"\n";
    REQUIRE(problem_of(user_with(good)).empty());
    CHECK(problem_of("[[user]]\n" + good).find("schema") != std::string::npos);
    CHECK(problem_of("schema = 2\n").find(":1:") != std::string::npos);
    CHECK(problem_of(user_with("name = 1\n")).find(":3:") != std::string::npos);
    CHECK(problem_of(user_with("name = \"a b\"\nrole = \"viewer\"\npassword = \"" + kHash + "\"\n")).find("letters") !=
          std::string::npos);
    CHECK(problem_of(user_with("name = \"a\"\nrole = \"root\"\npassword = \"" + kHash + "\"\n")).find("root") !=
          std::string::npos);
    CHECK(problem_of(user_with("name = \"a\"\nrole = \"viewer\"\npassword = \"secret\"\n")).find("argon2id") !=
          std::string::npos);
    CHECK(problem_of(user_with("name = \"a\"\nrole = \"viewer\"\npassword = \"secret\"\n")).find("secret") ==
          std::string::npos);
    CHECK(problem_of(user_with(good + "admin = true\n")).find("admin") != std::string::npos);
    CHECK(problem_of(user_with(good) + "[[user]]\n" + good).find("twice") != std::string::npos);
    CHECK(problem_of("schema = 1\nuser = 3\n").find("[[user]]") != std::string::npos);
    CHECK(problem_of("schema = 1\n[[user]\n").find("not TOML") != std::string::npos);
    CHECK(problem_of(std::string(kMaxUsersFile + 1, '#')).find("larger") != std::string::npos);
}

TEST_CASE("only the role customer has customers, and it has at least one") {
    const auto with = [](const std::string& role, const std::string& customers) {
        return problem_of(
            user_with("name = \"a\"\nrole = \"" + role + "\"\n" + customers + "password = \"" + kHash + "\"\n"));
    };
    CHECK(with("customer", "customers = [\"x\"]\n").empty());
    CHECK_FALSE(with("customer", "").empty());
    CHECK_FALSE(with("customer", "customers = []\n").empty());
    CHECK_FALSE(with("customer", "customers = [1]\n").empty());
    CHECK_FALSE(with("viewer", "customers = [\"x\"]\n").empty());
}

TEST_CASE("a change of users.toml leaves everything else as it was written") {
    const auto added = with_user(kFile, {"ben", {Role::kViewer, {}}, kHash});
    REQUIRE(added);
    CHECK(added->starts_with(kFile));
    CHECK(*without_user(*added, "ben") == kFile + "\n");
    const auto fewer = without_user(kFile, "anna");
    REQUIRE(fewer);
    CHECK(fewer->starts_with("# ours\nschema = 1\n\n[[token]]"));
    CHECK(parse_users(*fewer)->find_user("acme") != nullptr);
    const auto changed = with_password(kFile, "acme", "$argon2id$new");
    REQUIRE(changed);
    CHECK(parse_users(*changed)->find_user("acme")->password == "$argon2id$new");
    CHECK(parse_users(*changed)->find_user("anna")->password == kHash);
    CHECK(parse_users(*without_token(kFile, "grafana"))->tokens.empty());
    CHECK(with_user("", {"first", {Role::kOperator, {}}, kHash})->starts_with("schema = 1\n"));
}

TEST_CASE("a change that cannot be made is refused") {
    CHECK(with_user(kFile, {"anna", {Role::kViewer, {}}, kHash}).error().code == warren::ErrorCode::kConflict);
    CHECK(without_user(kFile, "grafana").error().code == warren::ErrorCode::kNotFound);
    CHECK(with_password(kFile, "nobody", "$argon2id$x").error().code == warren::ErrorCode::kNotFound);
    CHECK_FALSE(with_user("broken", {"x", {Role::kViewer, {}}, kHash}));
    // Right as TOML, but not in blocks.
    CHECK_FALSE(
        without_user("schema = 1\nuser = [{name = \"a\", role = \"viewer\", password = \"" + kHash + "\"}]\n", "a"));
}

TEST_CASE("a password opens its own hash and no other") {
    REQUIRE(start_libsodium());
    const auto hash = hash_password("correct horse");
    REQUIRE(hash);
    CHECK(hash->starts_with("$argon2id$"));
    CHECK(hash->size() < 128);
    CHECK(verify_password(*hash, "correct horse"));
    CHECK_FALSE(verify_password(*hash, "correct horsf"));
    CHECK_FALSE(verify_password(*unmatchable_password(), ""));
    CHECK_FALSE(verify_password("nonsense", "correct horse"));
}

TEST_CASE("tokens are long, different and fit for a header") {
    REQUIRE(start_libsodium());
    const std::string a = random_token();
    CHECK(a.size() == 43);
    CHECK(a != random_token());
    CHECK(a.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos);
    CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2 B.1
}

TEST_CASE("a reseller's users see its customers at every level, and nobody else's") {
    const auto users = parse_users(
        user_with("name = \"r\"\nrole = \"reseller\"\ncustomers = [\"acme\"]\npassword = \"" + kHash + "\"\n"));
    REQUIRE(users);
    const Grant& grant = users->find_user("r")->grant;
    CHECK(grant == Grant{Role::kReseller, {"acme"}});
    for (const char* own : {"acme.north", "acme.north.lab"}) CHECK(grant.covers(own));
    for (const char* other : {"acme", "", "globex", "globex.north", "acme-lab", "acmex.north", "north", "acm.north"})
        CHECK_FALSE(grant.covers(other));
    const Grant customer{Role::kCustomer, {"acme"}};
    CHECK(customer.covers("acme"));
    CHECK_FALSE(customer.covers("acme.north"));  // its own customers are a reseller's matter
    CHECK(Grant{Role::kViewer, {}}.covers("anybody"));
    CHECK_FALSE(problem_of(user_with("name = \"r\"\nrole = \"reseller\"\npassword = \"" + kHash + "\"\n")).empty());
    // What is written is read again.
    const auto added = with_user(kFile, {"ben", {Role::kReseller, {"acme"}}, kHash});
    REQUIRE(added);
    CHECK(parse_users(*added)->find_user("ben")->grant == Grant{Role::kReseller, {"acme"}});
}
