#include "clients/import.h"

#include <doctest/doctest.h>

#include <random>

using namespace warren;
using namespace warren::clients;

namespace {

const std::string kKey = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
const std::string kOther = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

std::string texts(const std::vector<ImportNote>& notes) {
    std::string out;
    for (const ImportNote& note : notes) out += std::to_string(note.line) + ": " + note.text + "\n";
    return out;
}

}  // namespace

TEST_CASE("a server's file of wg-quick is read, and what has no counterpart is listed") {
    const auto got = import_wg_quick(
        "[Interface]\nAddress = 10.8.0.1/24, fd00:8::1/64\r\nListenPort=51820\nPrivateKey = " + kOther +
        "\nMTU = 1380\nPostUp = iptables -A FORWARD -j ACCEPT\nSaveConfig = true\n\n# Büro Süd\n[Peer]\npublickey = " +
        kKey + "\nPresharedKey = " + kOther + "\nAllowedIPs = 10.8.0.2/32,10.9.0.1/16\nEndpoint = 198.51.100.7:1234\n" +
        "PersistentKeepalive = 25\n\n[Peer] # phone\nPublicKey = " + kOther +
        "\nAllowedIPs = 10.8.0.3/32 # its address\nEndpoint = host.example:1\nPersistentKeepalive = off\n");
    CHECK(texts(got.errors) == "");
    CHECK(texts(got.notes) ==
          "6: PostUp is not translated\n7: SaveConfig is not translated\n13: AllowedIPs: 10.9.0.1/16 became "
          "10.9.0.0/16\n19: a comment: its address\n20: Endpoint is a name, which is not resolved: only the peer can "
          "initiate\n");
    CHECK(got.listen_port == 51820);
    CHECK(got.mtu == 1380);
    CHECK(got.private_key == kOther);
    REQUIRE(got.addresses.size() == 2);
    CHECK(to_string(got.addresses[0]) == "10.8.0.1/24");
    REQUIRE(got.peers.size() == 2);
    CHECK(got.peers[0].name == "Büro Süd");
    CHECK(got.peers[0].public_key == kKey);
    CHECK(got.peers[0].preshared_key == kOther);
    CHECK(got.peers[0].networks.size() == 2);
    CHECK(to_string(got.peers[0].endpoint.value()) == "198.51.100.7:1234");
    CHECK(got.peers[0].persistent_keepalive_seconds == 25);
    CHECK(got.peers[1].name == "phone");
    CHECK_FALSE(got.peers[1].endpoint.has_value());
}

TEST_CASE("the names that other tools write are found") {
    for (const std::string comment :
         {"### Client anna", "# Name = anna", "# friendly_name=anna", "# BEGIN_PEER anna"}) {
        CHECK(import_wg_quick(comment + "\n[Peer]\nPublicKey = " + kKey + "\n").peers[0].name == "anna");
        CHECK(import_wg_quick("[Peer]\n" + comment + "\nPublicKey = " + kKey + "\n").peers[0].name == "anna");
    }
    CHECK(import_wg_quick("# clients of ours\n[Peer]\nPublicKey = " + kKey + "\n").peers[0].name == "clients of ours");
}

TEST_CASE("what cannot be read is an error with its line, and shows no key") {
    const auto got =
        import_wg_quick("[Interface]\nAddress = x\nListenPort = 99999\n[Peer]\nPublicKey = " + kKey.substr(1) +
                        "\nAllowedIPs = 10.0.0.0/99\nnonsense\n[Peer]\n[Other]\n# PrivateKey = " + kKey + "\n# x\n");
    CHECK(texts(got.errors) ==
          "2: Address: \"x\" is no address\n3: ListenPort is no number\n5: PublicKey is no public key\n6: AllowedIPs: "
          "\"10.0.0.0/99\" is no network\n7: no \"=\" in it; accepted: a section or a key with a value\n8: this [Peer] "
          "has "
          "no PublicKey\n9: an unknown section; accepted: [Interface] and [Peer]\n");
    CHECK(texts(got.notes).find(kKey.substr(0, 20)) == std::string::npos);
}

TEST_CASE("a key that was commented out names nobody, and no note shows it") {
    for (const std::string& comment :
         {"# PrivateKey = " + kOther, "#PresharedKey = " + kOther.substr(0, 30), std::string("## key: secret words"),
          "# old " + kOther, "# " + kOther.substr(4)}) {
        CAPTURE(comment);
        for (const std::string& text :
             {comment + "\n[Peer]\nPublicKey = " + kKey + "\n", "[Peer]\n" + comment + "\nPublicKey = " + kKey + "\n",
              "[Peer] " + comment + "\nPublicKey = " + kKey + "\n"}) {
            const auto got = import_wg_quick("# graz\n" + text);
            REQUIRE(got.peers.size() == 1);
            CHECK(got.peers[0].name == "graz");
            CHECK(texts(got.notes).find("a comment: (a key)\n") != std::string::npos);
            CHECK(texts(got.notes).find("graz") == std::string::npos);
        }
    }
    CHECK(import_wg_quick("# Keyser\n[Peer]\nPublicKey = " + kKey + "\n").peers[0].name == "Keyser");
}

TEST_CASE("of a line that is not translated only a known word is shown") {
    const auto got = import_wg_quick("[Interface]\n" + kOther + "\nPostDown = x\nsecret = y\n");
    CHECK(texts(got.notes) ==
          "2: a line is not translated\n3: PostDown is not translated\n4: a line is not translated\n");
}

TEST_CASE("a table of CSV is read by its header row") {
    const auto got = import_csv("\xef\xbb\xbfName;public_key;networks;description;room\r\n\"Graz; \"\"main\"\"\";" +
                                kKey + ";10.1.0.0/16 10.2.0.1/32;the office;12\r\n\r\nphone;" + kOther + "\r\n");
    CHECK(texts(got.errors) == "");
    CHECK(texts(got.notes) == "1: column \"room\" is not translated\n");
    REQUIRE(got.peers.size() == 2);
    CHECK(got.peers[0].name == "Graz; \"main\"");
    CHECK(got.peers[0].description == "the office");
    CHECK(got.peers[0].networks.size() == 2);
    CHECK(got.peers[1].networks.empty());
}

TEST_CASE("errors in a table name row and column") {
    const auto got =
        import_csv("name,public_key,networks,keepalive,enabled\n,x,10.0.0.0/99,soon,maybe\na," + kKey + ",,,,more\n");
    CHECK(texts(got.errors) ==
          "2: column public_key: is no public key\n2: column networks: \"10.0.0.0/99\" is no network\n2: column "
          "keepalive: \"soon\" is no number of seconds\n2: column enabled: \"maybe\" is neither true nor false\n2: "
          "column "
          "name: is empty\n3: has 6 cells; the header row has 5\n");
    CHECK(texts(import_csv("name\nx\n").errors).find("column public_key: is missing") != std::string::npos);
    CHECK(texts(import_csv("").errors) == "1: there is no header row\n");
    CHECK(texts(import_csv("name,public_key\n\"x," + kKey).errors).find("a quote is not closed") != std::string::npos);
}

TEST_CASE("any bytes are read without harm") {
    std::mt19937 random(3);
    static constexpr std::string_view kPieces = "[]=#,;\"\n\r \tPeerpeer10./:\xc3\xbc";
    for (int round = 0; round < 20000; ++round) {
        std::string text = round % 2 == 0 ? "name,public_key\n" : "[Peer]\n";
        for (auto i = random() % 40; i > 0; --i) text += kPieces[random() % kPieces.size()];
        (void)import_csv(text);
        (void)import_wg_quick(text);
    }
}
