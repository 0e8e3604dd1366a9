// Files: what is read, what is refused, and that nothing of a secret shows.
#include "config/load.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <random>

#include "config/generation.h"
#include "samples.h"

using namespace warren::config;
using samples::customer_text;
using samples::kApplianceText;
using samples::peer_text;

namespace {

const std::string kKeyText = "aLcLWRK5KKe54BlK4Nqz8AXF9WCLZDBjxJMIKYqE0kI=";

// A configuration in a directory of its own, gone at the end.
class Directory {
  public:
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "warren-config-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root_ = pattern;
        std::filesystem::create_directories(root_ / "customers");
        std::filesystem::create_directories(root_ / "secrets/acme");
        write("warren.toml", kApplianceText);
        write_secret("uplink", kKeyText + "\n");
    }
    ~Directory() { std::filesystem::remove_all(root_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(root_ / name, std::ios::binary) << text;
    }
    void write_secret(const std::string& name, const std::string& text, mode_t mode = 0600) const {
        write("secrets/" + name, text);
        REQUIRE(::chmod((root_ / "secrets" / name).c_str(), mode) == 0);
    }
    void remove(const std::string& name) const { std::filesystem::remove_all(root_ / name); }
    [[nodiscard]] std::filesystem::path path(const std::string& name) const { return root_ / name; }
    [[nodiscard]] Loaded load(bool secrets_may_be_absent = false) const {
        return load({.secrets_may_be_absent = secrets_may_be_absent});
    }
    [[nodiscard]] Loaded load(const LoadOptions& options) const {
        return warren::config::load(root_.string(), options);
    }
    // All messages, with the directory's name taken out.
    [[nodiscard]] std::string text(const Loaded& loaded) const {
        std::string out;
        for (const Diagnostic& diagnostic : loaded.diagnostics) out += format(diagnostic) + '\n';
        for (auto at = out.find(root_.string()); at != std::string::npos; at = out.find(root_.string()))
            out.replace(at, root_.string().size(), "DIR");
        return out;
    }

  private:
    std::filesystem::path root_;
};

const std::string kWithPsk = customer_text(peer_text("p", 1) + "preshared_key = { secret = \"acme/p.psk\" }\n");

}  // namespace

TEST_CASE("a good directory is loaded with its customers in order of their ids and its secrets") {
    const Directory directory;
    directory.write("customers/globex.toml", customer_text(peer_text("p", 2)));
    directory.write("customers/acme.toml", kWithPsk);
    directory.write("customers/acme.toml~", "no TOML");
    directory.write("customers/.acme.toml.swp.toml", "no TOML");
    directory.write_secret("acme/p.psk", kKeyText);
    const Loaded loaded = directory.load();
    CHECK(directory.text(loaded) == "");
    CHECK(loaded.appliance_valid);
    REQUIRE(loaded.customers.size() == 2);
    CHECK(loaded.customers[0].customer.id == "acme");
    CHECK(loaded.customers[1].customer.id == "globex");
    REQUIRE(loaded.secrets.find({"uplink"}) != nullptr);
    CHECK(loaded.secrets.find({"uplink"})->equals(*warren::crypto::parse_secret_key(kKeyText)));
    CHECK(loaded.secrets.preshared_key({"acme/p.psk"}).has_value());
    CHECK(loaded.secrets.public_key({"uplink"}) ==
          warren::crypto::public_key_of(*loaded.secrets.private_key({"uplink"})));
}

TEST_CASE("one customer's bad file affects no other") {
    const Directory directory;
    directory.write("customers/acme.toml", "schema = 1\n");
    directory.write("customers/globex.toml", customer_text(peer_text("p", 2)));
    const Loaded loaded = directory.load();
    CHECK(loaded.appliance_valid);
    REQUIRE(loaded.customers.size() == 2);
    CHECK_FALSE(loaded.customers[0].valid);
    CHECK(loaded.customers[0].customer.id == "acme");
    CHECK(loaded.customers[1].valid);
}

TEST_CASE("a secret that others may use is refused, whatever bit it is") {
    const Directory directory;
    directory.write("customers/acme.toml", kWithPsk);
    for (const mode_t mode : {0640U, 0604U, 0620U, 0602U, 0610U, 0601U, 0644U}) {
        directory.write_secret("acme/p.psk", kKeyText, mode);
        const Loaded loaded = directory.load();
        CAPTURE(mode);
        CHECK_FALSE(loaded.customers[0].valid);
        CHECK(loaded.secrets.find({"acme/p.psk"}) == nullptr);
        CHECK(directory.text(loaded).find("DIR/secrets/acme/p.psk may be used by others (mode 0") != std::string::npos);
    }
    directory.write_secret("acme/p.psk", kKeyText, 0400);
    CHECK(directory.load().customers[0].valid);
}

TEST_CASE("preshared keys, users and certificates are read, the latter from certs/ whatever their mode") {
    const Directory directory;
    directory.write("warren.toml", samples::kIpsecApplianceText);
    directory.write("customers/acme.toml",
                    customer_text("[ipsec]\nidentity = \"acme.example\"\ncertificate = \"acme/hub.pem\"\n"
                                  "private_key = { secret = \"acme/hub.key\" }\n"
                                  "[[ipsec.connection]]\nname = \"graz\"\nauth = \"psk\"\n"
                                  "psk = { secret = \"acme/graz\" }\nremote_identity = \"graz\"\n"
                                  "local = [\"10.0.0.0/24\"]\nremote = [\"10.0.1.0/24\"]\n"
                                  "[[ipsec.connection]]\nname = \"people\"\nauth = \"eap-mschapv2\"\n"
                                  "users = { secret = \"acme/users\" }\nlocal = [\"10.0.0.0/24\"]\n"
                                  "pool = [\"10.99.0.0/24\"]\n"));
    std::filesystem::create_directories(directory.path("certs/acme"));
    directory.write("certs/acme/hub.pem", "a certificate");
    directory.write_secret("acme/hub.key", "-----BEGIN PRIVATE KEY-----\n");
    directory.write_secret("acme/graz", "hex:000102030405060708090a0b0c0d0e0f\n");
    directory.write_secret("acme/users", "alice = \"x\"\n");
    const auto said = [&] { return directory.text(directory.load()); };
    REQUIRE(said() == "");
    const Loaded loaded = directory.load();
    const auto* psk = loaded.secrets.content({"acme/graz"}, FileForm::kPsk);
    REQUIRE(psk != nullptr);
    CHECK(psk->size() == 16);
    CHECK(psk->reveal()[15] == 15);
    REQUIRE(loaded.secrets.content({"acme/hub.pem"}, FileForm::kCertificate) != nullptr);
    CHECK(loaded.secrets.content({"acme/graz"}, FileForm::kCertificate) == nullptr);

    SUBCASE("others may use the preshared key") {
        directory.write_secret("acme/graz", "our cat is called Fritz", 0640);
        CHECK(said().find("DIR/secrets/acme/graz may be used by others (mode 0640); accepted: 0600") !=
              std::string::npos);
    }
    SUBCASE("it is too short") {
        directory.write_secret("acme/graz", "Fritz");
        CHECK(said().find("DIR/secrets/acme/graz holds a key of 5 characters; accepted: at least 20") !=
              std::string::npos);
        CHECK(said().find("Fritz") == std::string::npos);
    }
    SUBCASE("it is missing") {
        directory.remove("secrets/acme/graz");
        CHECK(said().find("graz is missing; make it: (umask 077; openssl rand -hex 24 > FILE)") != std::string::npos);
    }
    SUBCASE("a line of the users is none") {
        directory.write_secret("acme/users", "alice = \"x\"\nFritz\n");
        CHECK(said().find("DIR/secrets/acme/users line 2 is not of the form") != std::string::npos);
        CHECK(said().find("Fritz") == std::string::npos);
    }
    SUBCASE("the private key is none") {
        directory.write_secret("acme/hub.key", kKeyText);
        CHECK(said().find("DIR/secrets/acme/hub.key holds no private key in PEM") != std::string::npos);
    }
    SUBCASE("the certificate is missing, also for a check without secrets") {
        directory.remove("certs");
        directory.remove("secrets");
        const std::string text = directory.text(directory.load(true));
        CHECK(text.find("customers/acme.toml:7:15: error: DIR/certs/acme/hub.pem is missing\n") != std::string::npos);
        CHECK(text.find("graz is missing") == std::string::npos);
    }
    SUBCASE("the certificate is a symbolic link") {
        directory.remove("certs/acme/hub.pem");
        std::filesystem::create_symlink(directory.path("warren.toml"), directory.path("certs/acme/hub.pem"));
        CHECK(said().find("hub.pem is, or leads through, a symbolic link") != std::string::npos);
    }
}

TEST_CASE("a customer is read again when one of its certificates or preshared keys changed, and only then") {
    const Directory directory;
    directory.write("warren.toml", samples::kIpsecApplianceText);
    directory.write("customers/acme.toml",
                    customer_text("[ipsec]\nidentity = \"acme.example\"\ncertificate = \"hub.pem\"\n"
                                  "private_key = { secret = \"hub.key\" }\n"
                                  "[[ipsec.connection]]\nname = \"graz\"\nauth = \"psk\"\n"
                                  "psk = { secret = \"graz\" }\nremote_identity = \"graz\"\n"
                                  "local = [\"10.0.0.0/24\"]\nremote = [\"10.0.1.0/24\"]\n"));
    std::filesystem::create_directories(directory.path("certs"));
    directory.write("certs/hub.pem", "a certificate");
    directory.write_secret("hub.key", "-----BEGIN PRIVATE KEY-----\n");
    directory.write_secret("graz", "our cat is called Fritz");
    const Succession first = succeed({}, directory.load({.tick = 0}));
    REQUIRE(first.accepted);
    const auto is_unchanged = [&] {
        const Loaded next = directory.load({.previous = &first.next, .tick = 0});
        REQUIRE(next.customers.size() == 1);
        return next.customers[0].unchanged != nullptr;
    };
    REQUIRE(is_unchanged());
    SUBCASE("certificate") {
        directory.write("certs/hub.pem", "another certificate");
    }
    SUBCASE("preshared key") {
        directory.write_secret("graz", "our cat is called Hansi");
    }
    CHECK_FALSE(is_unchanged());
}

TEST_CASE("a secret that belongs to another user is refused") {
    if (::geteuid() != 0) {
        MESSAGE("skipped: needs root to give a file away");
        return;
    }
    const Directory directory;
    REQUIRE(::chown(directory.path("secrets/uplink").c_str(), 12345, 12345) == 0);
    const Loaded loaded = directory.load();
    CHECK_FALSE(loaded.appliance_valid);
    CHECK(directory.text(loaded).find(
              "DIR/secrets/uplink belongs to user 12345; accepted: root or the user that runs this (chown root)") !=
          std::string::npos);
}

TEST_CASE("a missing secret is reported where it is named") {
    const Directory directory;
    directory.write("customers/acme.toml", kWithPsk);
    const Loaded loaded = directory.load();
    CHECK(directory.text(loaded) ==
          "DIR/customers/acme.toml:9:28: error: DIR/secrets/acme/p.psk is missing; make it: (umask 077; wg genpsk > "
          "FILE)\n"
          "    9 | preshared_key = { secret = \"acme/p.psk\" }\n      |                            ^~~~~~~~~~~~\n");
    CHECK_FALSE(loaded.customers[0].valid);
    CHECK(loaded.appliance_valid);
}

TEST_CASE("what is no key is refused and nothing of it shows") {
    const Directory directory;
    directory.write("customers/acme.toml", kWithPsk);
    const std::string half = kKeyText.substr(0, 30);
    for (const std::string& text :
         {std::string(), half, kKeyText + kKeyText, kKeyText.substr(0, 43), "x" + kKeyText, std::string(4097, 'A')}) {
        directory.write_secret("acme/p.psk", text);
        const Loaded loaded = directory.load();
        CHECK_FALSE(loaded.customers[0].valid);
        CHECK(directory.text(loaded).find(half) == std::string::npos);
        CHECK(directory.text(loaded).find("DIR/secrets/acme/p.psk h") !=
              std::string::npos);  // holds no key, has 4097 bytes
    }
}

TEST_CASE("the all-zero key is refused") {
    const Directory directory;
    directory.write_secret("uplink", std::string(43, 'A') + "=\n");
    const Loaded loaded = directory.load();
    CHECK_FALSE(loaded.appliance_valid);
    CHECK(directory.text(loaded).find("holds the all-zero key; make one with `wg genkey`") != std::string::npos);
}

TEST_CASE(
    "symbolic links below secrets/ are not followed, neither a file nor a directory; what is no file is refused") {
    const Directory directory;
    directory.write("customers/acme.toml", kWithPsk);
    directory.write("elsewhere", kKeyText);
    REQUIRE(::chmod(directory.path("elsewhere").c_str(), 0600) == 0);

    std::filesystem::create_symlink(directory.path("elsewhere"), directory.path("secrets/acme/p.psk"));
    CHECK_FALSE(directory.load().customers[0].valid);

    directory.remove("secrets/acme");
    std::filesystem::create_directory(directory.path("other"));
    directory.write("other/p.psk", kKeyText);
    REQUIRE(::chmod(directory.path("other/p.psk").c_str(), 0600) == 0);
    std::filesystem::create_directory_symlink(directory.path("other"), directory.path("secrets/acme"));
    CHECK_FALSE(directory.load().customers[0].valid);

    directory.remove("secrets/acme");
    std::filesystem::create_directories(directory.path("secrets/acme/p.psk"));
    CHECK_FALSE(directory.load().customers[0].valid);

    directory.remove("secrets/acme/p.psk");
    REQUIRE(::mkfifo(directory.path("secrets/acme/p.psk").c_str(), 0600) == 0);
    const Loaded loaded = directory.load();  // does not hang
    CHECK(directory.text(loaded).find("DIR/secrets/acme/p.psk is no regular file") != std::string::npos);
}

TEST_CASE("off the box, absent secrets are one warning; on it, each is an error") {
    const Directory directory;
    directory.write("customers/acme.toml", kWithPsk);
    directory.remove("secrets");
    const Loaded off = directory.load(true);
    CHECK(directory.text(off) == "DIR/secrets:1:1: warning: is missing: checks that need the keys are skipped\n");
    CHECK(off.appliance_valid);
    CHECK(off.customers[0].valid);
    const Loaded on = directory.load(false);
    CHECK_FALSE(on.appliance_valid);
    CHECK_FALSE(on.customers[0].valid);
}

TEST_CASE(
    "without customers/ nothing may be applied, because the customers to keep are unknown; an empty one removes all") {
    const Directory directory;
    CHECK(directory.load().appliance_valid);
    directory.remove("customers");
    const Loaded loaded = directory.load();
    CHECK_FALSE(loaded.appliance_valid);
    CHECK(directory.text(loaded).find(
              "DIR/customers:1:1: error: cannot be read: No such file or directory; without it") == 0);
}

TEST_CASE("a missing or unreadable warren.toml is an error that says so") {
    const Directory directory;
    directory.remove("warren.toml");
    const Loaded loaded = directory.load();
    CHECK_FALSE(loaded.appliance_valid);
    CHECK(directory.text(loaded) == "DIR/warren.toml:1:1: error: cannot be opened: No such file or directory\n");
    std::filesystem::create_directory(directory.path("warren.toml"));
    CHECK(directory.text(directory.load()) == "DIR/warren.toml:1:1: error: is no regular file\n");
}

TEST_CASE("a customer whose file cannot be read is present, and invalid: it stays as it was") {
    const Directory directory;
    std::filesystem::create_directory(directory.path("customers/acme.toml"));
    const Loaded loaded = directory.load();
    REQUIRE(loaded.customers.size() == 1);
    CHECK(loaded.customers[0].customer.id == "acme");
    CHECK_FALSE(loaded.customers[0].valid);
}

TEST_CASE("a file whose name is no customer's id is an error and no customer") {
    const Directory directory;
    for (const char* name : {"Acme", "1acme", "-a", "a_b", "a.b", "abcdefghijklmnopqrstuvwxyz123456", "caf\xc3\xa9"}) {
        directory.write(std::string("customers/") + name + ".toml", customer_text(""));
    }
    directory.write("customers/abcdefghijklmnopqrstuvwxyz12345.toml", customer_text(""));
    const Loaded loaded = directory.load();
    CHECK(loaded.diagnostics.size() == 7);
    REQUIRE(loaded.customers.size() == 1);
    CHECK(loaded.customers[0].valid);
    CHECK(directory.text(loaded).find("DIR/customers/Acme.toml:1:1: error: the file's name is the customer's id, and "
                                      "\"Acme\" is none; accepted: a lower-case "
                                      "letter, then up to 30 of a-z, 0-9 and \"-\"\n") != std::string::npos);
}

// --- what is in force already --------------------------------------------------------------------

namespace {

constexpr std::int64_t kNoTick = -1'000'000'000;  // the tests take care that what they write again looks different

// A directory and what is in force of it.
struct InForce {
    Directory directory;
    Generation generation;

    [[nodiscard]] Loaded load(std::int64_t tick = kNoTick) const {
        return directory.load({.previous = &generation, .tick = tick});
    }
    // What load() finds comes into force.
    void take(std::int64_t tick = kNoTick) {
        Succession next = succeed(generation, load(tick));
        REQUIRE(next.accepted);
        generation = std::move(next.next);
    }
    // The customers that are not read again.
    [[nodiscard]] std::string unchanged() const {
        std::string out;
        for (const LoadedCustomer& customer : load().customers) {
            if (customer.unchanged != nullptr) out += customer.value().id + " ";
        }
        return out;
    }
};

std::string peer_of(char id, std::uint8_t key) {
    return customer_text(peer_text(std::string("p") + id, key));
}

}  // namespace

TEST_CASE("a customer in force with untouched files is not read again, and shared with the next generation") {
    InForce room;
    room.directory.write("customers/acme.toml", kWithPsk);
    room.directory.write_secret("acme/p.psk", kKeyText + "\n");
    room.directory.write("customers/globex.toml", peer_of('b', 2));
    CHECK(room.unchanged().empty());
    room.take();
    CHECK(room.unchanged() == "acme globex ");
    const AcceptedCustomer* before = room.generation.find("acme");
    room.take();
    CHECK(room.generation.find("acme") == before);

    SUBCASE("a changed file") {
        room.directory.write("customers/acme.toml", kWithPsk + " ");
        CHECK(room.unchanged() == "globex ");
        room.take();
        CHECK(room.unchanged() == "acme globex ");
    }
    SUBCASE("another file of the same name, size and time of writing") {
        const auto path = room.directory.path("customers/acme.toml");
        struct stat was {};
        REQUIRE(::stat(path.c_str(), &was) == 0);
        std::string text = kWithPsk;
        text.replace(text.find("Somebody"), 8, "Somebudy");
        room.directory.write("customers/new", text);
        std::filesystem::rename(room.directory.path("customers/new"), path);
        const std::array<timespec, 2> times{was.st_atim, was.st_mtim};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) == 0);
        CHECK(room.unchanged() == "globex ");
        CHECK(room.load().customers[0].value().name == "Somebudy");
    }
    SUBCASE("a changed secret") {
        room.directory.write_secret("acme/p.psk", "bLcLWRK5KKe54BlK4Nqz8AXF9WCLZDBjxJMIKYqE0kI= \n");
        CHECK(room.unchanged() == "globex ");
    }
    SUBCASE("a secret that others may read now") {
        REQUIRE(::chmod(room.directory.path("secrets/acme/p.psk").c_str(), 0644) == 0);
        const Loaded loaded = room.load();
        CHECK_FALSE(loaded.customers[0].valid);
        CHECK(loaded.customers[1].unchanged != nullptr);
    }
    SUBCASE("a secret that is a symbolic link now") {
        std::filesystem::rename(room.directory.path("secrets/acme/p.psk"), room.directory.path("secrets/elsewhere"));
        std::filesystem::create_symlink(room.directory.path("secrets/elsewhere"),
                                        room.directory.path("secrets/acme/p.psk"));
        CHECK_FALSE(room.load().customers[0].valid);
    }
    SUBCASE("the server's key is another, which may be a peer's own") {
        room.directory.write_secret("uplink", "bLcLWRK5KKe54BlK4Nqz8AXF9WCLZDBjxJMIKYqE0kI= \n");
        CHECK(room.unchanged().empty());
    }
    SUBCASE("the appliance has errors") {
        room.directory.write("warren.toml", "schema = 1\ntypo = 1\n");
        CHECK(room.unchanged().empty());
    }
}

TEST_CASE("a text in the place of an untouched file is read, with the others as they are in force") {
    InForce room;
    room.directory.write("customers/acme.toml", peer_of('a', 1));
    room.directory.write("customers/globex.toml", peer_of('b', 2));
    room.take();
    const auto with = [&room](const std::string& id, std::optional<std::string> text, bool alone = false) {
        const std::map<std::string, std::optional<std::string>> changed{{id, std::move(text)}};
        return room.directory.load(
            {.previous = &room.generation, .tick = kNoTick, .changed = &changed, .alone = alone});
    };
    const Loaded bad = with("acme", "no TOML");
    CHECK_FALSE(bad.customers[0].valid);
    CHECK(bad.customers[1].unchanged != nullptr);
    const Loaded clash = with("acme", peer_of('a', 2));
    CHECK_FALSE(clash.customers[0].valid);
    CHECK(room.directory.text(clash).find("is also used by peer \"pb\" of customer globex") != std::string::npos);
    CHECK(with("acme", std::nullopt).customers.size() == 1);
    const Loaded alone = with("acme", peer_of('a', 2), true);
    REQUIRE(alone.customers.size() == 1);
    CHECK(alone.customers[0].valid);
    CHECK(alone.appliance_valid);
}

TEST_CASE("what was written just now is read again, for it may be written again within the same tick of the clock") {
    InForce room;
    room.directory.write("customers/acme.toml", peer_of('a', 1));
    room.take(LoadOptions{}.tick);
    CHECK(room.unchanged().empty());
}

TEST_CASE("what is said of a customer is said every time") {
    InForce room;
    room.directory.write("customers/acme.toml", customer_text(peer_text("p", 1, "allowed_ips = []\n")));
    room.take();
    CHECK(room.directory.text(room.load()).find("warning: wireguard.peer.allowed_ips is empty") != std::string::npos);
}

TEST_CASE("what is in force or not makes no difference to what a directory says: random edits, read both ways") {
    InForce room;
    std::mt19937 dice(1);
    const auto roll = [&dice](unsigned sides) { return static_cast<unsigned>(dice() % sides); };
    std::string padding;
    for (int turn = 0; turn < 150; ++turn) {
        const std::string file = std::string("customers/") + static_cast<char>('a' + roll(6)) + ".toml";
        padding += ' ';  // no two texts have the same size
        // Few keys and ports, so that many clash.
        const std::string peer = peer_of('x', static_cast<std::uint8_t>(1 + roll(5)));
        switch (roll(6)) {
            case 0: room.directory.remove(file); break;
            case 1: room.directory.write(file, kWithPsk + padding); break;
            case 2: room.directory.write(file, "schema = 1\ntypo = " + std::to_string(turn) + padding + "\n"); break;
            case 3:
                room.directory.write_secret("acme/p.psk", (roll(3) == 0 ? "no key" : kKeyText) + padding,
                                            roll(3) == 0 ? 0644 : 0600);
                break;
            default: room.directory.write(file, peer + padding); break;
        }
        const Loaded fresh = room.directory.load();
        const Loaded loaded = room.load();
        CAPTURE(turn);
        REQUIRE(room.directory.text(loaded) == room.directory.text(fresh));
        REQUIRE(loaded.customers.size() == fresh.customers.size());
        for (std::size_t i = 0; i < fresh.customers.size(); ++i) {
            REQUIRE(loaded.customers[i].value().id == fresh.customers[i].customer.id);
            REQUIRE(loaded.customers[i].valid == fresh.customers[i].valid);
            if (fresh.customers[i].valid) REQUIRE(loaded.customers[i].value() == fresh.customers[i].customer);
        }
        room.take();
    }
}
