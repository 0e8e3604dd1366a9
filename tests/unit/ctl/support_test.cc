// support-bundle: what is in it, and what never is.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "access/secrets.h"
#include "base/version.h"
#include "ctl/ask/program.h"
#include "ctl/command.h"
#include "ctl/files/files.h"
#include "ctl/files/redact.h"
#include "ctl/files/tar.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;
using samples::vpnctl;

namespace {

namespace fs = std::filesystem;

const std::string kPrivate = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const std::string kPublic = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
const std::string kPreshared = "FpCyhws9cxwWoV4xELtfJvjJN+zQVRPISllRWgeopVE=";
const std::string kPem = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgplanted0000000";

// The programs of the machine, to look into what was made.
std::string tar(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{"tar"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto ran = run_program(command);
    REQUIRE(ran.has_value());
    REQUIRE(ran->exit_status == 0);
    return ran->output;
}

// A configuration with secrets where they belong and where they do not.
class Room {
  public:
    Room() {
        fs::create_directories(root + "/etc/customers");
        fs::create_directories(root + "/etc/secrets/acme");
        REQUIRE(access::start_libsodium().has_value());
        token = access::random_token();
        token_hash = access::sha256_hex(token);
        hash = access::hash_password("correct horse").value();
        write("secrets/uplink", kPrivate + "\n");
        write("secrets/acme/branch.psk", "  " + kPreshared + "\r\n");
        write("secrets/status.pem", "-----BEGIN PRIVATE KEY-----\n" + kPem + "\n-----END PRIVATE KEY-----\n");
        write("warren.toml",
              "schema = 1\n[appliance]\nname = \"pop-1\"\n# was " + kPreshared + " before, token " + token + "\n");
        write("customers/acme.toml",
              fmt::format(
                  "schema = 1\nname = \"Acme {}\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[[wireguard.peer]]\n"
                  "name = \"branch\"\npublic_key = \"{}\"\npreshared_key = \"{}\"\nallowed_ips = [\"10.0.1.0/24\"]\n",
                  kPrivate, kPublic, kPrivate));
        write("users.toml",
              fmt::format("schema = 1\n[[user]]\nname = \"alice\"\nrole = \"operator\"\npassword = \"{}\"\n"
                          "[[token]]\nname = \"prometheus\"\nrole = \"viewer\"\nsha256 = \"{}\"\n",
                          hash, token_hash));
    }

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(root + "/etc/" + name, std::ios::binary) << text;
    }
    [[nodiscard]] samples::Ran make() const {
        return vpnctl({"--config", root + "/etc", "--run-dir", root + "/run", "support-bundle", bundle()});
    }
    [[nodiscard]] std::string bundle() const { return root + "/bundle.tar.gz"; }

    samples::TemporaryDirectory directory;
    const std::string& root = directory.path;
    std::string token, token_hash, hash;
};

}  // namespace

TEST_CASE("no secret occurs in any file of a bundle") {
    const Room room;
    const auto ran = room.make();
    CAPTURE(ran.err);
    REQUIRE(ran.status == kDone);
    struct stat found {};
    REQUIRE(::lstat(room.bundle().c_str(), &found) == 0);
    CHECK((found.st_mode & 07777) == 0600);
    const std::string all = tar({"-xzOf", room.bundle()});
    for (const std::string& secret :
         {kPrivate, kPreshared, kPem, room.token, room.token_hash, room.hash, std::string("$argon2")}) {
        CAPTURE(secret);
        CHECK(all.find(secret) == std::string::npos);
    }
    // What makes it worth having.
    for (const std::string& wanted :
         {std::string("name = \"pop-1\""), kPublic, std::string("user alice operator"),
          std::string("token prometheus viewer"), std::string("acme/branch.psk"), std::string(kVersion),
          std::string("cannot reach vpnd"), std::string(kRedacted)}) {
        CAPTURE(wanted);
        CHECK(all.find(wanted) != std::string::npos);
    }
    const std::string names = tar({"-tzf", room.bundle()});
    for (const char* name : {"versions.txt", "os-release.txt", "config/warren.toml", "config/customers/acme.toml",
                             "config/users.txt", "status.json", "ipsec.json", "ipsec-why.json", "counters.json",
                             "drops.json", "kernel/uname.txt", "kernel/meminfo.txt", "uplink/routes.txt",
                             "uplink/nftables.txt", "stacks/README.txt", "journal/warren.txt"}) {
        CAPTURE(name);
        CHECK(names.find(fmt::format("warren-support/{}\n", name)) != std::string::npos);
    }
    CHECK(names.find("secrets/") == std::string::npos);
    CHECK(names.find("users.toml") == std::string::npos);
}

TEST_CASE("what the machine's programs print has no secret in the bundle either") {
    const Room room;
    const std::string programs = room.root + "/bin";
    fs::create_directories(programs);
    std::ofstream(programs + "/ip") << "#!/bin/sh\necho planted-output " << kPreshared << "\n";
    fs::permissions(programs + "/ip", fs::perms::owner_all);
    const std::string path = std::getenv("PATH");
    ::setenv("PATH", (programs + ":" + path).c_str(), 1);
    const auto ran = room.make();
    ::setenv("PATH", path.c_str(), 1);
    REQUIRE(ran.status == kDone);
    const std::string all = tar({"-xzOf", room.bundle()});
    CHECK(all.find("planted-output") != std::string::npos);
    CHECK(all.find(kPreshared) == std::string::npos);
}

TEST_CASE("without all secrets there is no bundle: one could be missed") {
    const Room room;
    fs::remove(room.root + "/etc/users.toml");
    fs::create_directories(room.root + "/etc/users.toml");
    const auto ran = room.make();
    CHECK(ran.status == kFailed);
    CHECK_FALSE(fs::exists(room.bundle()));
}

TEST_CASE("a bundle replaces nothing, and one that cannot be written leaves nothing") {
    const Room room;
    REQUIRE(room.make().status == kDone);
    const auto again = room.make();
    CHECK(again.status == kFailed);
    CHECK(again.err == "vpnctl: " + room.bundle() + " is there already\n");
    const auto nowhere = vpnctl(
        {"--config", room.root + "/etc", "--run-dir", room.root, "support-bundle", room.root + "/none/x.tar.gz"});
    CHECK(nowhere.status == kFailed);
    CHECK(nowhere.err == fmt::format("vpnctl: write {}/none/x.tar.gz: No such file or directory\n", room.root));
}

TEST_CASE("secrets are found inside of other text, tokens and password hashes by their looks") {
    const std::string key(44, 'k');
    CHECK(redact("a" + key + "b", {key}) == "a(removed)b");
    CHECK(redact(key + key, {key}) == "(removed)(removed)");
    CHECK(redact("nothing here", {key}) == "nothing here");
    const std::string token = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";
    REQUIRE(token.size() == 43);
    CHECK(redact("Bearer " + token + "\n", {}) == "Bearer (removed)\n");
    CHECK(redact(token, {}) == "(removed)");
    CHECK(redact(kPublic, {}) == kPublic);  // the 44th character tells it apart
    CHECK(redact("x" + token, {}) == "x" + token);
    CHECK(redact("p=$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA\"", {}) == "p=(removed)\"");
    CHECK(redact_config("preshared_key = \"" + kPreshared + "\"\n", {}).find(kPreshared) == std::string::npos);
    CHECK(secret_pieces("short\n\n -----BEGIN X-----\n" + kPem + "\n") == std::vector<std::string>{kPem});
}

TEST_CASE("tar reads back what was packed") {
    const std::vector<TarFile> files{{"a/empty", ""},
                                     {"a/" + std::string(200, 'n'), "cut"},
                                     {"a/b", std::string(512, 'x')},
                                     {"a/c", std::string(513, 'y')}};
    const std::string archive = tar_of(files, 1'700'000'000);
    CHECK(archive.size() % 512 == 0);
    const auto names = run_program({"tar", "-tvf", "-"}, archive);
    REQUIRE(names.has_value());
    CAPTURE(names->output);
    CHECK(names->exit_status == 0);
    CHECK(names->output.find("-rw------- 0/0") == 0);
    CHECK(names->output.find("2023-11-14") != std::string::npos);
    CHECK(run_program({"tar", "-xOf", "-"}, archive)->output == "cut" + std::string(512, 'x') + std::string(513, 'y'));
}

TEST_CASE("a program is asked within limits") {
    CHECK(run_program({"cat"}, std::string(3'000'000, 'z'), {std::chrono::seconds(20), 4'000'000})->output.size() ==
          3'000'000);
    const auto cut = run_program({"cat"}, std::string(3'000'000, 'z'));
    CHECK(cut->output.size() == 1024 * 1024);
    CHECK(cut->was_cut);
    CHECK(run_program({"true"}, std::string(3'000'000, 'z'))->exit_status == 0);  // it does not read
    CHECK(run_program({"sh", "-c", "echo out; echo err >&2; exit 7"})->exit_status == 7);
    CHECK(run_program({"sh", "-c", "kill -9 $$"})->exit_status == 137);
    CHECK(run_program({"no-such-program"}).error().code == ErrorCode::kNotFound);
    CHECK(run_program({"sleep", "30"}, "", {std::chrono::seconds(1), 10}).error().what ==
          "sleep did not end within 1 s");
    CHECK(run_program({"env"})->output.find("HOME") == std::string::npos);
}
