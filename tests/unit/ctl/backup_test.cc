// A backup as bytes, what it may contain, and what another machine lacks.
#include "ctl/files/backup.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "ctl/files/config_files.h"
#include "ctl/files/files.h"
#include "ctl/files/staged_tree.h"
#include "samples.h"

using namespace warren;
using namespace warren::ctl;

namespace {

Backup sample() {
    Backup out;
    out.version = "1.2.3";
    out.time = "2026-11-30T09:00:00Z";
    out.machine = {"pop-1", {{"eth0", {"198.51.100.7", "2001:db8::7"}}, {"eth1", {}}}};
    out.files.push_back({"customers/acme.toml", 0644, crypto::SecretBuffer(as_bytes("schema = 1\n"))});
    out.files.push_back(
        {"secrets/acme/a b.psk", 0600, crypto::SecretBuffer(as_bytes(std::string_view("\0\n\xff", 3)))});
    out.files.push_back({"warren.toml", 0640, crypto::SecretBuffer()});
    return out;
}

std::string text_of(const crypto::SecretBuffer& buffer) {
    const Bytes bytes = buffer.reveal();
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a backup is read as it was written, any bytes in its files") {
    const auto read = decode_backup(encode(sample()).reveal());
    REQUIRE(read);
    CHECK(read->version == "1.2.3");
    CHECK(read->machine == sample().machine);
    REQUIRE(read->files.size() == 3);
    CHECK(read->files[1].name == "secrets/acme/a b.psk");
    CHECK(text_of(read->files[1].content) == std::string("\0\n\xff", 3));
    CHECK(read->files[2].mode == 0640);
}

TEST_CASE("files of resellers' customers are in a backup, and come back with their directories") {
    namespace fs = std::filesystem;
    const samples::TemporaryDirectory place;
    const std::string root = place.path + "/warren";
    fs::create_directories(root + "/customers/acme/south");
    fs::permissions(root + "/customers/acme", fs::perms(0750));
    for (const char* name : {"customers/acme.toml", "customers/acme/south.toml", "customers/acme/south/lab.toml"})
        REQUIRE(create_file(root + "/" + name, name, 0640));
    const auto files = read_config_files(root);
    REQUIRE(files);
    CHECK(files->size() == 3);
    fs::remove_all(root + "/customers/acme/south");
    StagedTree tree(root, place.path + "/kept");
    REQUIRE(tree.write(*files));
    REQUIRE(tree.take_place());
    CHECK(read_text(root + "/customers/acme/south/lab.toml").value() == "customers/acme/south/lab.toml");
    CHECK(fs::status(root + "/customers/acme").permissions() == fs::perms(0750));
    CHECK(fs::status(root + "/customers/acme/south").permissions() == fs::perms(0755));
    CHECK(fs::status(root + "/customers/acme/south/lab.toml").permissions() == fs::perms(0640));
}

TEST_CASE("what was cut is refused, or has fewer whole files") {
    const std::string text = text_of(encode(sample()));
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto read = decode_backup(as_bytes(std::string_view(text).substr(0, size)));
        if (read) CHECK(read->files.size() < 3);
    }
}

TEST_CASE("no name leads out of the configuration's directory") {
    for (const char* name : {"warren.toml", "users.toml", "customers/acme.toml", "secrets/a/b/c", "certs/ca.pem"})
        CHECK(is_backup_name(name));
    for (const char* name : {"", "/etc/passwd", "secrets/../../etc/passwd", "secrets/..", "secrets/", "secrets//a",
                             "secrets/./a", "other", "warren.toml/x", "../warren.toml", "secrets", "secrets/a\nb"})
        CHECK_FALSE(is_backup_name(name));
    const std::string escape = "warren-backup 1\nfile 644 1 secrets/../../x\nx\n";
    CHECK_FALSE(decode_backup(as_bytes(escape)));
    CHECK_FALSE(decode_backup(as_bytes("warren-backup 1\nfile 4755 1 warren.toml\nx\n")));  // set-user-id
    CHECK_FALSE(decode_backup(as_bytes("warren-backup 1\nfile 644 9 warren.toml\nx\n")));
    CHECK_FALSE(decode_backup(as_bytes("warren-backup 1\nfile 644 1 warren.toml\nx\nfile 644 1 warren.toml\ny\n")));
    CHECK(decode_backup(as_bytes("warren-backup 1\nfile 644 1 warren.toml\nx\n")));
}

TEST_CASE("another machine's name, addresses and devices are told") {
    const Machine here{"pop-2", {{"ens3", {"198.51.100.7"}}}};
    const auto found = differences(sample().machine, here, "parent = \"eth1\"\n");
    REQUIRE(found.size() == 3);
    CHECK(found[0].find("pop-2") != std::string::npos);
    CHECK(found[1].find("2001:db8::7") != std::string::npos);
    CHECK(found[2].find("eth1") != std::string::npos);
    CHECK(differences(sample().machine, sample().machine, "").empty());
}
