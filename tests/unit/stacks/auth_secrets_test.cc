// Numbers of secrets: one for each content, whoever asks; and authd has a secret before vpnd may ask for it, and as
// long as vpnd may.
#include "stacks/auth_secrets.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "room.h"

namespace warren::stacks {
namespace {

AuthSecret key(SecretKind kind, std::string_view text) {
    AuthSecret out;
    out.kind = kind;
    out.files.push_back({ipc::SecretFile::kKey, as_bytes(text)});
    return out;
}

crypto::Secret<32> some_key(std::uint8_t first) {
    crypto::Secret<32> out;
    out.writable()[0] = first;
    return out;
}

TEST_CASE("equal contents have one number, and whatever differs has another") {
    const SecretNumbers numbers(some_key(1));
    AuthSecret trust = key(SecretKind::kTrust, "PEM");
    std::vector<AuthSecret> all{key(SecretKind::kPsk, "PEM"), key(SecretKind::kPpk, "PEM"), trust};
    trust.crl_required = true;
    all.push_back(trust);
    trust.realms = {"a", "b"};
    all.push_back(trust);
    trust.realms = {"ab"};
    all.push_back(trust);
    trust.realms = {"b", "a"};
    all.push_back(trust);
    trust.files.push_back({ipc::SecretFile::kCa, as_bytes("x")});
    all.push_back(trust);
    trust.files.back().what = ipc::SecretFile::kCrl;
    all.push_back(trust);
    // One file more is not the end of another.
    trust.files = {{ipc::SecretFile::kCa, as_bytes("ab")}};
    all.push_back(trust);
    trust.files = {{ipc::SecretFile::kCa, as_bytes("a")}, {ipc::SecretFile::kCa, as_bytes("b")}};
    all.push_back(trust);
    trust.files = {{ipc::SecretFile::kCa, as_bytes("ab")}, {ipc::SecretFile::kCa, as_bytes("")}};
    all.push_back(trust);
    std::set<SecretId> ids;
    for (const AuthSecret& secret : all) {
        CHECK(numbers.of(secret) == numbers.of(secret));
        CHECK(numbers.of(secret) != kNoSecret);
        ids.insert(numbers.of(secret));
    }
    CHECK(ids.size() == all.size());
    CHECK(numbers.of(std::optional<AuthSecret>()) == kNoSecret);
}

TEST_CASE("a number says nothing without the key") {
    const AuthSecret secret = key(SecretKind::kPsk, "correct horse battery staple");
    CHECK(SecretNumbers(some_key(1)).of(secret) != SecretNumbers(some_key(2)).of(secret));
    CHECK(SecretNumbers().of(secret) != SecretNumbers().of(secret));
}

TEST_CASE("the next stackd of the run-dir gives the same numbers; a key that is cut off is replaced") {
    const std::string directory = fresh_directory();
    const std::string path = directory + "/secret-numbers";
    const AuthSecret secret = key(SecretKind::kPsk, "correct horse battery staple");
    const auto number = [&] {
        auto numbers = SecretNumbers::open(path);
        REQUIRE(numbers);
        return numbers->of(secret);
    };
    const SecretId first = number();
    CHECK(number() == first);
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms(0777)) == std::filesystem::perms(0600));
    std::filesystem::resize_file(path, 31);
    const SecretId second = number();
    CHECK(second != first);
    CHECK(number() == second);
    std::filesystem::remove(path);
    CHECK(number() != second);
    CHECK_FALSE(SecretNumbers::open(directory + "/nowhere/secret-numbers"));
    std::filesystem::remove_all(directory);
}

// Notes what the reconciler tells authd's keeper, beside what vpnd has got by then.
struct AuthRoom : Room {
    AuthRoom() {
        write("warren.toml", appliance() + "[ipsec]\n");
        write("secrets/graz", "our cat is called Fritz\n");
    }
    void write_site(const std::string& secret = "graz", const std::string& more = "") const {
        write("customers/acme.toml",
              "schema = 1\nname = \"acme\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[ipsec]\nidentity = \"acme\"\n"
              "[[ipsec.connection]]\nname = \"graz\"\nauth = \"psk\"\npsk = { secret = \"" +
                  secret + "\" }\nremote_identity = \"graz\"\nlocal = [\"10.0.0.0/24\"]\nremote = [\"10.1.0.0/16\"]\n" +
                  more);
    }
    void adopt_ike() {
        Holdings holdings;
        for (const ipc::ListenerId& id : {ipc::ListenerId{}, ipc::ListenerId{"", ipc::ListenerKind::kIke}}) {
            const bool is_ike = id.kind == ipc::ListenerKind::kIke;
            ReturnedListener& held = holdings.listeners[id];
            held.port = is_ike ? kNatTraversalPort : 51820;
            held.roles = {{ipc::SocketRole::kMessages}, {ipc::SocketRole::kData}};
            if (is_ike) held.roles.push_back({ipc::SocketRole::kMessages, Family::kV4, 0, 1});
            if (!is_ike) held.roles.push_back({ipc::SocketRole::kControl});
            for (int i = 0; i < 3; ++i) held.descriptors.push_back(some_descriptor());
        }
        reconciler.adopt(std::move(holdings));
    }
    // "1 before" or "1 in force": of so many secrets.
    Lines told_secrets() { return std::exchange(secrets_told, {}); }
};

TEST_CASE("authd's secrets are told before vpnd gets the generation, and settled when it has it") {
    AuthRoom room;
    room.write_site();
    room.adopt_ike();
    room.when_secrets_told = [&room](bool is_in_force) {
        const Lines received = room.received();
        CHECK(received.empty() != is_in_force);
        if (is_in_force) CHECK(received.back() == "commit");
    };
    REQUIRE(room.apply().accepted);
    CHECK(room.told_secrets() == Lines{"1 before", "1 in force"});
    // Another content of the same file is another secret.
    room.write("secrets/graz", "our cat is called Hansi\n");
    REQUIRE(room.apply().accepted);
    CHECK(room.told_secrets() == Lines{"1 before", "1 in force"});
    CHECK(room.ids_told.size() == 2);
    // What is disabled needs none.
    room.write_site("graz", "enabled = false\n");
    REQUIRE(room.apply().accepted);
    CHECK(room.told_secrets() == Lines{"0 before", "0 in force"});
}

TEST_CASE("the secrets of a generation that vpnd rejects do not drive out those in force") {
    AuthRoom room;
    room.write_site();
    room.adopt_ike();
    REQUIRE(room.apply().accepted);
    (void)room.told_secrets();
    room.vpnd.answer_with({"no"});
    room.write("secrets/graz", "our cat is called Hansi\n");
    (void)room.apply();
    const Lines told = room.told_secrets();
    REQUIRE_FALSE(told.empty());
    CHECK(told.front() == "1 before");
    CHECK(std::find(told.begin(), told.end(), "1 in force") == told.end());
}

}  // namespace
}  // namespace warren::stacks
