// Resellers: ids and files, who may have what, and what customers have from those above them.
#include "config/resellers.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/customer_files.h"
#include "config/customer_id.h"
#include "config/generation.h"
#include "config/load.h"
#include "samples.h"

using namespace warren::config;
using samples::customer_text;
using samples::kApplianceText;
using samples::peer_text;

namespace {

class Directory {
  public:
    Directory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "warren-resellers-XXXXXX").string();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
        std::filesystem::create_directories(root + "/customers");
        std::filesystem::create_directories(root + "/secrets");
        write("warren.toml", kApplianceText);
        write("secrets/uplink", "aLcLWRK5KKe54BlK4Nqz8AXF9WCLZDBjxJMIKYqE0kI=\n");
        std::filesystem::permissions(root + "/secrets/uplink", std::filesystem::perms(0600));
    }
    ~Directory() { std::filesystem::remove_all(root); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(root + "/" + name).parent_path());
        std::ofstream(root + "/" + name, std::ios::binary) << text;
    }
    void put(const std::string& id, const std::string& text) const { write(customer_file(id), text); }
    [[nodiscard]] Succession next(const Generation& before = {}) const {
        return succeed(before, load(root, {.previous = &before}));
    }
    std::string root;
};

std::string ids(const Generation& generation) {
    std::string out;
    for (const auto& accepted : generation.customers) out += (out.empty() ? "" : " ") + accepted->customer.id;
    return out;
}

std::string messages(const std::vector<Diagnostic>& diagnostics) {
    std::string out;
    for (const Diagnostic& one : diagnostics) out += format(one) + "\n";
    return out;
}

const std::string kReseller = customer_text("[reseller]\n");

std::string with_traffic(const std::string& text) {
    return customer_text("[traffic]\n" + text);
}

TEST_CASE("an id says the file, and the file the id") {
    for (const char* id : {"acme", "acme.north", "a-1.b.c"}) {
        CHECK(is_customer_id(id));
        CHECK(customer_of_file(customer_file(id)) == id);
    }
    CHECK(customer_file("acme.north.x") == "customers/acme/north/x.toml");
    for (const char* id : {"", ".", "acme.", ".acme", "acme..x", "a.b.c.d", "acme.North", "acme/x", "acme.1", "..",
                           "acme.new", "a.b.new", "abcdefghijklmnop.abcdefghijklmnop"})
        CHECK_FALSE(is_customer_id(id));
    CHECK(is_customer_id("new"));  // as before
    for (const char* name : {"customers/acme.north.toml", "customers/../x.toml", "customers//x.toml", "customers/.toml",
                             "warren.toml", "secrets/acme/x.toml", "customers/a/b/c/d.toml"})
        CHECK(customer_of_file(name).empty());
    CHECK(reseller_of("acme.north.x") == "acme.north");
    CHECK(reseller_of("acme").empty());
    CHECK(resellers_of("a.b.c") == std::vector<std::string>{"a", "a.b"});
    CHECK(is_customer_of("acme.north", "acme"));
    CHECK(is_customer_of("acme.north.x", "acme"));
    for (const char* other : {"acme", "acmex.north", "acme-x", "acm.e"}) CHECK_FALSE(is_customer_of(other, "acme"));
    CHECK_FALSE(is_customer_of("acme", ""));
}

TEST_CASE("files in a reseller's directory are its customers, and ids of two resellers may be the same") {
    const Directory place;
    for (const char* id : {"acme", "globex"}) {
        place.put(id, kReseller);
        place.put(std::string(id) + ".north", customer_text(""));
    }
    place.put("plain", customer_text(""));
    const auto first = place.next();
    CHECK(first.diagnostics.empty());
    CHECK(ids(first.next) == "acme acme.north globex globex.north plain");
    const auto& above = first.next.find("acme.north")->customer.above;
    REQUIRE(above.size() == 1);
    CHECK(above[0].id == "acme");
    CHECK(first.next.find("plain")->customer.above.empty());
    // Nothing is read or made anew when nothing changed.
    const auto second = place.next(first.next);
    for (const auto& accepted : second.next.customers)
        CHECK(accepted->customer == first.next.find(accepted->customer.id)->customer);
}

TEST_CASE("without its reseller a customer is gone, and said to be; below a plain customer it is an error") {
    const Directory place;
    place.put("acme", kReseller);
    place.put("acme.north", customer_text(""));
    place.put("plain.x", customer_text(""));
    place.put("other", customer_text(""));
    place.put("other.x", customer_text(""));
    const auto first = place.next();
    CHECK(ids(first.next) == "acme acme.north other");
    CHECK(messages(first.diagnostics).find("plain/x.toml:1:1: warning: is not used") != std::string::npos);
    CHECK(messages(first.diagnostics).find("customers/plain") != std::string::npos);
    CHECK(messages(first.diagnostics).find("there is no reseller customers/plain.toml") != std::string::npos);
    CHECK(messages(first.diagnostics).find("customers/other.toml has no [reseller]") != std::string::npos);
    std::filesystem::remove(place.root + "/customers/acme.toml");
    CHECK(ids(place.next(first.next).next) == "other");
}

TEST_CASE("a reseller whose file has errors stays as it was, and its customers do") {
    const Directory place;
    place.put("acme", customer_text("[reseller]\nmax_customers = 1\n"));
    place.put("acme.north", customer_text(""));
    const auto first = place.next();
    place.put("acme", "typo = 1\n");
    place.put("acme.south", customer_text(""));
    const auto second = place.next(first.next);
    CHECK(second.accepted);
    CHECK(ids(second.next) == "acme acme.north");  // its cap as it was, too
    CHECK(messages(second.diagnostics).find("max_customers") != std::string::npos);
    // A new one with errors has nothing that its customers could be of.
    place.put("globex", "typo = 1\n");
    place.put("globex.x", customer_text(""));
    const auto third = place.next(second.next);
    CHECK(ids(third.next) == "acme acme.north");
    CHECK(messages(third.diagnostics).find("its reseller globex is not served") != std::string::npos);
}

TEST_CASE("below a cap that is exceeded a customer may have less or as much, and not more") {
    const Directory place;
    const auto peers = [](std::uint8_t first, std::uint8_t second) {
        std::string out;
        if (first != 0) out += peer_text("p", first);
        if (second != 0) out += peer_text("q", second, "allowed_ips = [\"10.44.0.0/16\"]\n");
        return customer_text(out);
    };
    place.put("acme", kReseller);
    place.put("acme.m", peers(1, 2));
    place.put("acme.n", peers(3, 4));
    const auto first = place.next();
    REQUIRE(first.diagnostics.empty());
    place.put("acme", customer_text("[reseller]\nmax_customers = 1\nmax_peers = 3\n"));
    auto now = place.next(first.next);
    CHECK(ids(now.next) == "acme acme.m acme.n");
    // Less.
    place.put("acme.n", peers(3, 0));
    now = place.next(now.next);
    CHECK(now.next.find("acme.n")->customer.peers.size() == 1);
    // As much.
    place.put("acme.m", peers(1, 5));
    now = place.next(now.next);
    CHECK(now.next.find("acme.m")->customer.peers.size() == 2);
    // More.
    place.put("acme.n", peers(3, 6));
    now = place.next(now.next);
    CHECK(now.next.find("acme.n")->customer.peers.size() == 1);
    CHECK(messages(now.diagnostics).find("2 enabled peers and connections, with the 2 of other") != std::string::npos);
    // One changes places with another one's device in one step: the one that takes it is not held to what it had.
    place.put("acme.m", peers(1, 0));
    now = place.next(now.next);
    CHECK(now.next.find("acme.n")->customer.peers.size() == 2);
    // A new one.
    place.put("acme.o", customer_text(""));
    now = place.next(now.next);
    CHECK(ids(now.next) == "acme acme.m acme.n");
    CHECK(messages(now.diagnostics).find("max_customers") != std::string::npos);
}

TEST_CASE("below a cap of rates that is exceeded a rate may be lowered, and not raised") {
    const Directory place;
    place.put("acme", kReseller);
    place.put("acme.m", with_traffic("rate_up = \"60 Mbit/s\"\n"));
    place.put("acme.n", with_traffic("rate_up = \"60 Mbit/s\"\n"));
    place.put("acme.o", customer_text(""));
    auto now = place.next();
    REQUIRE(now.diagnostics.empty());
    place.put("acme", customer_text("[reseller]\nrate_up = \"50 Mbit/s\"\n"));
    now = place.next(now.next);
    const auto rate_of = [&](const char* id) { return now.next.find(id)->customer.traffic.limits.rate_up; };
    const auto before = rate_of("acme.n");
    place.put("acme.n", with_traffic("rate_up = \"55 Mbit/s\"\n"));
    now = place.next(now.next);
    REQUIRE(rate_of("acme.n"));
    CHECK(*rate_of("acme.n") < *before);
    const auto lowered = rate_of("acme.n");
    for (const char* text : {"rate_up = \"56 Mbit/s\"\n", "share = 2\n"}) {  // no rate has no end
        place.put("acme.n", with_traffic(text));
        now = place.next(now.next);
        CHECK(rate_of("acme.n") == lowered);
    }
    // Without one as before.
    place.put("acme.o", with_traffic("share = 2\n"));
    now = place.next(now.next);
    CHECK(now.next.find("acme.o")->text == with_traffic("share = 2\n"));
}

TEST_CASE("caps count customers, peers and rates at every level, and the newest exceed them") {
    const Directory place;
    place.put("acme", customer_text("[reseller]\nmax_customers = 2\nmax_peers = 2\n"));
    place.put("acme.m", customer_text(peer_text("p", 1)));
    const auto first = place.next();
    CHECK(first.diagnostics.empty());
    SUBCASE("customers") {
        place.put("acme.m", customer_text("[reseller]\n" + peer_text("p", 1)));
        place.put("acme.m.x", customer_text(""));
        place.put("acme.a", customer_text(""));
        const auto second = place.next(first.next);
        // In the order of their ids among those that are new.
        CHECK(ids(second.next) == "acme acme.a acme.m");
        CHECK(messages(second.diagnostics)
                  .find("the reseller acme has 2 customers without this one; accepted: up to 2 "
                        "(reseller.max_customers of customers/acme.toml)") != std::string::npos);
    }
    SUBCASE("peers") {
        place.put("acme.a", customer_text(peer_text("q", 2) + peer_text("r", 3, "allowed_ips = [\"10.44.0.0/16\"]\n")));
        const auto second = place.next(first.next);
        CHECK(ids(second.next) == "acme acme.m");
        CHECK(messages(second.diagnostics).find("up to 2 together (reseller.max_peers") != std::string::npos);
        place.put("acme.a", customer_text(peer_text("q", 2) + peer_text("r", 3, "allowed_ips = [\"10.44.0.0/16\"]\n") +
                                          "enabled = false\n"));
        CHECK(ids(place.next(first.next).next) == "acme acme.a acme.m");
    }
    SUBCASE("a cap that is lowered leaves what there is, with an error") {
        place.put("acme.a", customer_text(""));
        const auto second = place.next(first.next);
        CHECK(ids(second.next) == "acme acme.a acme.m");
        place.put("acme", customer_text("[reseller]\nmax_customers = 1\n"));
        const auto third = place.next(second.next);
        CHECK(third.accepted);
        CHECK(ids(third.next) == "acme acme.a acme.m");
        CHECK(has_errors(third.diagnostics));
    }
}

TEST_CASE("rates of a reseller's customers are added up, and each needs one") {
    const Directory place;
    place.put("acme", customer_text("[reseller]\nrate_up = \"100 Mbit/s\"\n"));
    place.put("acme.a", with_traffic("rate_up = \"60 Mbit/s\"\n"));
    const auto first = place.next();
    CHECK(first.diagnostics.empty());
    place.put("acme.b", with_traffic("rate_up = \"41 Mbit/s\"\n"));
    place.put("acme.c", customer_text(""));
    const auto second = place.next(first.next);
    CHECK(ids(second.next) == "acme acme.a");
    CHECK(messages(second.diagnostics).find("traffic.rate_up is missing") != std::string::npos);
    CHECK(messages(second.diagnostics).find("up to 100 Mbit/s together (reseller.rate_up") != std::string::npos);
    place.put("acme.b", with_traffic("rate_up = \"40 Mbit/s\"\n"));
    std::filesystem::remove(place.root + "/customers/acme/c.toml");
    CHECK(ids(place.next(first.next).next) == "acme acme.a acme.b");
}

TEST_CASE("customers know that a reseller above them is suspended, and when it no longer is") {
    const Directory place;
    place.put("acme", kReseller);
    place.put("acme.m", kReseller);
    place.put("acme.m.x", customer_text(""));
    const auto first = place.next();
    CHECK(ids(first.next) == "acme acme.m acme.m.x");
    const auto suspended = [](const Succession& of) {
        const auto& above = of.next.find("acme.m.x")->customer.above;
        REQUIRE(above.size() == 2);
        return above[0].suspended;
    };
    CHECK_FALSE(suspended(first));
    place.put("acme", "state = \"suspended\"\n" + kReseller);
    const auto second = place.next(first.next);
    CHECK(suspended(second));
    CHECK(second.next.find("acme.m.x")->customer.state == CustomerState::kActive);
    place.put("acme", kReseller);
    CHECK_FALSE(suspended(place.next(second.next)));
}

TEST_CASE("what is too deep, too long or of a fleet is refused; other directories are not looked into") {
    const Directory place;
    place.put("a", kReseller);
    place.put("a.b", kReseller);
    place.put("a.b.c", kReseller);
    place.write("customers/a/b/c/d.toml", customer_text(""));
    place.write("customers/a/abcdefghijklmnopqrstuvwxyzabcd.toml", customer_text(""));
    place.write("customers/a/new.toml", customer_text(""));
    place.put("g", "group = 1\n" + kReseller);
    std::filesystem::create_directory_symlink("a", place.root + "/customers/linked");
    place.write("customers/.hidden/x.toml", "rubbish");
    place.write("customers/Old/x.toml", "rubbish");
    const auto files = list_customer_files(place.root);
    CHECK(files.complete);
    CHECK(files.ids == std::vector<std::string>{"a", "a.b", "a.b.c", "g"});
    const auto first = place.next();
    CHECK(ids(first.next) == "a a.b");
    const std::string said = messages(first.diagnostics);
    CHECK(said.find("at most 3 levels deep") != std::string::npos);
    CHECK(said.find("accepted: at most 31 characters") != std::string::npos);
    CHECK(said.find("can be called \"new\"") != std::string::npos);
    CHECK(said.find("a.b.c is at level 3 itself") != std::string::npos);
    CHECK(said.find("belong to this node alone") != std::string::npos);
}

// Two peers in each of two customers of a reseller with room for one more, as a page changes them: by texts.
TEST_CASE("who takes what a reseller has left is who adds to it, and no sibling, on either side of the alphabet") {
    const Directory place;
    const auto two = [](std::uint8_t one, std::uint8_t other) {
        return peer_text("p", one) + peer_text("q", other, "allowed_ips = [\"10.44.0.0/16\"]\n");
    };
    const std::string more = peer_text("r", 5, "allowed_ips = [\"10.45.0.0/16\"]\n") +
                             peer_text("s", 6, "allowed_ips = [\"10.46.0.0/16\"]\n");
    place.put("acme", customer_text("[reseller]\nmax_peers = 5\n"));
    place.put("acme.aaa", customer_text(two(1, 2)));
    place.put("acme.zzz", customer_text(two(3, 4)));
    const auto first = place.next();
    REQUIRE(first.diagnostics.empty());
    Texts texts{kApplianceText, {}};
    for (const auto& accepted : first.next.customers) texts.customers[accepted->customer.id] = accepted->text;
    // What was loaded from texts has no times of files by which it would be known to be the same.
    for (auto& [id, text] : texts.customers) text += "\n";
    const auto second = succeed(first.next, load(place.root, {.previous = &first.next, .instead = &texts}));
    REQUIRE(second.diagnostics.empty());
    for (const std::string id : {"acme.aaa", "acme.zzz"}) {
        CAPTURE(id);
        Texts changed = texts;
        changed.customers[id] = customer_text((id == "acme.aaa" ? two(1, 2) : two(3, 4)) + more);
        const Loaded loaded = load(place.root, {.previous = &second.next, .instead = &changed});
        for (const LoadedCustomer& each : loaded.customers) CHECK(each.valid == (each.value().id != id));
        const auto third = succeed(second.next, loaded);
        CHECK(third.kept == std::vector<std::string>{id});
        CHECK(third.next.find(id)->customer.peers.size() == 2);
        CHECK(messages(third.diagnostics).find("reseller.max_peers") != std::string::npos);
    }
}

// The loader says that all is well, as where it looked at one of them only.
TEST_CASE("a customer that changed is not older than those that did not") {
    const Directory place;
    place.put("acme", customer_text("[reseller]\nmax_peers = 2\n"));
    place.put("acme.aaa", customer_text(peer_text("p", 1)));
    place.put("acme.zzz", customer_text(peer_text("q", 2)));
    const auto first = place.next();
    Loaded loaded;
    {
        place.put("acme.aaa",
                  customer_text(peer_text("p", 1) + peer_text("r", 3, "allowed_ips = [\"10.44.0.0/16\"]\n")));
        loaded = load(place.root, {.previous = &first.next});
        for (LoadedCustomer& each : loaded.customers) {
            if (each.value().id == "acme.zzz") each = {{}, true, each.file, {}, first.next.share("acme.zzz"), {}};
            each.valid = true;
        }
    }
    CHECK(succeed(first.next, loaded).kept == std::vector<std::string>{"acme.aaa"});
}

TEST_CASE("at the start more than the caps allow is served, with an error, and is not valid in a check") {
    const Directory place;
    place.put("acme", customer_text("[reseller]\nmax_customers = 1\n"));
    place.put("acme.a", customer_text(""));
    place.put("acme.b", customer_text(""));
    const Loaded loaded = load(place.root);
    CHECK_FALSE(loaded.customers.back().valid);
    const auto first = place.next();
    CHECK(ids(first.next) == "acme acme.a acme.b");
    CHECK(messages(first.diagnostics).find("max_customers") != std::string::npos);
    // Not when something is in force.
    place.put("acme.c", customer_text(""));
    CHECK(ids(place.next(first.next).next) == "acme acme.a acme.b");
}

TEST_CASE("what is suspended with its reseller stays so when the reseller is none any more") {
    const Directory place;
    place.put("acme", "state = \"suspended\"\n" + kReseller);
    place.put("acme.x", customer_text(""));
    const auto first = place.next();
    CHECK(is_suspended(first.next.find("acme.x")->customer));
    place.put("acme", "state = \"suspended\"\n" + customer_text(""));
    const auto second = place.next(first.next);
    CHECK(second.kept == std::vector<std::string>{"acme.x"});
    CHECK(is_suspended(second.next.find("acme.x")->customer));
    place.put("acme", kReseller);
    CHECK_FALSE(is_suspended(place.next(second.next).next.find("acme.x")->customer));
}

}  // namespace

TEST_CASE("where a customer has a file, a link with its name is an error, and nobody is removed because of it") {
    const Directory place;
    place.put("a", kReseller);
    place.put("a.b", customer_text(""));
    const auto before = place.next();
    REQUIRE(ids(before.next) == "a a.b");
    std::filesystem::rename(place.root + "/customers/a", place.root + "/elsewhere");
    std::filesystem::create_directory_symlink("../elsewhere", place.root + "/customers/a");
    const auto files = list_customer_files(place.root);
    CHECK_FALSE(files.complete);
    REQUIRE(files.diagnostics.size() == 1);
    CHECK(files.diagnostics[0].file == place.root + "/customers/a");
    CHECK(files.diagnostics[0].message.find("is a symbolic link, which is not followed") == 0);
    const auto next = place.next(before.next);
    CHECK_FALSE(next.accepted);
    CHECK(messages(next.diagnostics).find("/customers/a:") != std::string::npos);
    // A link that leads nowhere may have led to them.
    std::filesystem::remove_all(place.root + "/elsewhere");
    CHECK_FALSE(list_customer_files(place.root).complete);
}

TEST_CASE("a reseller's directory that cannot be read is an error, and nobody is removed because of it") {
    if (::geteuid() == 0) return;  // root reads all
    const Directory place;
    place.put("a", kReseller);
    place.put("a.b", customer_text(""));
    const std::string path = place.root + "/customers/a";
    std::filesystem::permissions(path, std::filesystem::perms::none);
    const auto files = list_customer_files(place.root);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    CHECK_FALSE(files.complete);
    REQUIRE(files.diagnostics.size() == 1);
    CHECK(files.diagnostics[0].file == path);
}

TEST_CASE("without its reseller's file a customer's own file does not count") {
    const std::vector<std::string> all{"a", "a.b", "a.b.c", "d.e", "d.e.f", "g-h", "g-h.i"};
    CHECK(with_resellers(all) == std::vector<std::string>{"a", "a.b", "a.b.c", "g-h", "g-h.i"});
}
