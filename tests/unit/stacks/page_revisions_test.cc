// What the page is told of the history, and whose each change is.
#include "stacks/page_revisions.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace warren::stacks {
namespace {

using history::Detail;
using history::Manifest;
using history::Origin;

// A history whose texts are in memory.
struct Past {
    history::Revisions list;
    std::map<std::string, std::string> texts;  // by hash
    std::int64_t time = 0;

    void add(const std::map<std::string, std::string>& files, std::vector<Detail> details,
             const Origin& origin = {Origin::Kind::kStart, 0, "", ""}) {
        Manifest manifest;
        for (const auto& [name, text] : files) {
            std::string hash = std::to_string(std::hash<std::string>()(text));
            hash.resize(64, '0');
            texts[hash] = text;
            manifest[name] = {hash, text.size()};
        }
        REQUIRE(append(list, manifest, {++time}, origin, std::move(details)));
    }
    [[nodiscard]] std::vector<ipc::WebRevision> shown() const {
        return web_revisions_of(
            list, [this](const history::Content& content) -> Result<std::string> { return texts.at(content.hash); });
    }
    // The numbers of those that are this customer's.
    [[nodiscard]] std::vector<std::uint64_t> of(const std::string& customer) const {
        std::vector<std::uint64_t> out;
        for (const ipc::WebRevision& revision : shown()) {
            for (const std::string& owner : revision.owners) {
                if (owner == customer) out.push_back(revision.number);
            }
        }
        return out;
    }
};

using Numbers = std::vector<std::uint64_t>;

std::string file_of(const std::string& key, const std::string& rest) {
    return "schema = 1\nname = \"Company of " + key + "\"\n" + rest + "\n[[wireguard.peer]]\npublic_key = \"" + key +
           "\"\n";
}

const std::string kAcme = "customers/acme.toml";
const std::string kGlobex = "customers/globex.toml";

TEST_CASE("a revision says who, when and what, the newest first") {
    Past past;
    past.add({{"warren.toml", "workers = 1\n"}, {kAcme, file_of("k1", "mtu = 1420")}}, {},
             {Origin::Kind::kStart, 0, "", ""});
    past.add({{"warren.toml", "workers = 1\n"}, {kAcme, file_of("k1", "mtu = 1380")}},
             {{"acme", "stack.mtu: 1420 -> 1380"}}, {Origin::Kind::kRequest, 0, "ada", "smaller"});
    const auto shown = past.shown();
    REQUIRE(shown.size() == 2);
    CHECK(shown[0].number == 2);
    CHECK(shown[0].time == WallTime{2});
    CHECK(shown[0].origin == "request");
    CHECK(shown[0].uid == 0U);
    CHECK(shown[0].claimed_user == "ada");
    CHECK(shown[0].comment == "smaller");
    REQUIRE(shown[0].files.size() == 1);
    CHECK(shown[0].files[0].name == kAcme);
    CHECK(shown[0].files[0].fate == ipc::WebFileFate::kChanged);
    CHECK(shown[0].files[0].lines == std::vector<std::string>{" schema = 1", " name = \"Company of k1\"", "-mtu = 1420",
                                                              "+mtu = 1380", " [[wireguard.peer]]",
                                                              " public_key = \"k1\""});
    CHECK(shown[1].files.size() == 2);
    CHECK_FALSE(shown[1].uid);
}

TEST_CASE("neither keys nor what follows a host in an address are shown") {
    Past past;
    const std::string key(43, 'A');
    past.add({{"warren.toml",
               "[alerts.webhook]\nurl = \"https://user:word@hooks.example/T0KEN?x=1\"\nkey = \"" + key + "=\"\n"},
              {"secrets/uplink", key}},
             {{"", "alerts.webhook.url: + https://hooks.example/T0KEN"}});
    const auto shown = past.shown();
    std::string all;
    for (const auto& file : shown.at(0).files)
        for (const std::string& line : file.lines) all += line + '\n';
    for (const auto& [customer, text] : shown.at(0).details) all += text;
    CHECK(all.find("T0KEN") == std::string::npos);
    CHECK(all.find("word") == std::string::npos);
    CHECK(all.find("AAAAAAAAAA") == std::string::npos);
    CHECK(all.find("https://hooks.example/(hidden)") != std::string::npos);
    CHECK(shown.at(0).files.at(0).name == "secrets/uplink");
    CHECK(shown.at(0).files.at(0).lines.empty());
}

TEST_CASE("a customer's own revisions are those of its file, and of its secrets") {
    Past past;
    past.add({{kAcme, file_of("k1", "")}, {kGlobex, file_of("k2", "")}}, {});
    past.add({{kAcme, file_of("k1", "a = 1")}, {kGlobex, file_of("k2", "")}}, {{"acme", "a"}});
    past.add({{kAcme, file_of("k1", "a = 1")}, {kGlobex, file_of("k2", "b = 1")}}, {{"globex", "b"}});
    past.add({{kAcme, file_of("k1", "a = 1")}, {kGlobex, file_of("k2", "b = 1")}, {"secrets/x", "1"}},
             {{"acme", "peer x preshared_key: the key in the file changed"}});
    CHECK(past.of("acme") == Numbers{4, 2, 1});
    CHECK(past.of("globex") == Numbers{3, 1});
}

TEST_CASE("nobody owns what was before its id was given away, whether by a new file, a rename or an exchange") {
    Past past;
    past.add({{kAcme, file_of("k1", "")}, {kGlobex, file_of("k2", "")}}, {});
    past.add({{kAcme, file_of("k1", "a = 1")}, {kGlobex, file_of("k2", "")}}, {{"acme", "a"}});
    SUBCASE("they change places") {
        past.add({{kAcme, file_of("k2", "")}, {kGlobex, file_of("k1", "a = 1")}},
                 {{"acme", "customer globex is renamed to acme"}, {"globex", "customer acme is renamed to globex"}});
        past.add({{kAcme, file_of("k2", "c = 1")}, {kGlobex, file_of("k1", "a = 1")}}, {{"acme", "c"}});
        CHECK(past.of("acme") == Numbers{4});
        CHECK(past.of("globex").empty());
    }
    SUBCASE("without a word of it") {
        past.add({{kAcme, file_of("k2", "")}, {kGlobex, file_of("k1", "a = 1")}}, {{"acme", "name: x -> y"}});
        CHECK(past.of("acme").empty());
        CHECK(past.of("globex").empty());
    }
    SUBCASE("one leaves, and another one gets its id") {
        past.add({{kGlobex, file_of("k2", "")}}, {{"acme", "remove the customer"}});
        CHECK(past.of("acme").empty());
        past.add({{kAcme, file_of("k3", "")}, {kGlobex, file_of("k2", "")}},
                 {{"acme", "add the customer with 1 peer"}});
        CHECK(past.of("acme") == Numbers{4});
    }
    SUBCASE("another one at once, with the same id") {
        past.add({{kAcme, file_of("k3", "")}, {kGlobex, file_of("k2", "")}}, {{"acme", "peer x: - k1"}});
        past.add({{kAcme, file_of("k3", "d = 1")}, {kGlobex, file_of("k2", "")}}, {{"acme", "d"}});
        CHECK(past.of("acme") == Numbers{4});
    }
    SUBCASE("that it was renamed may be among what was left out") {
        std::vector<Detail> many(20, Detail{"globex", "b"});
        past.add({{kAcme, file_of("k1", "a = 2")}, {kGlobex, file_of("k2", "b = 1")}}, many);
        CHECK(past.of("acme").empty());
        CHECK(past.of("globex").empty());
    }
}

TEST_CASE("of many files of a revision the first are shown, and the others counted") {
    Past past;
    std::map<std::string, std::string> files;
    for (int i = 0; i < 80; ++i)
        files["customers/c" + std::to_string(i) + ".toml"] = file_of("k" + std::to_string(i), "");
    past.add(files, {});
    const auto shown = past.shown();
    CHECK(shown.at(0).files.size() == ipc::WebRevision::kMaxFiles);
    CHECK(shown.at(0).more_files == 30);
}

}  // namespace
}  // namespace warren::stacks
