// What comes into force when not the directory as it is counts: earlier texts, or one customer's file.
#include <doctest/doctest.h>

#include <string>

#include "config/texts.h"
#include "room.h"
#include "stacks/reconciler.h"

namespace warren::stacks {
namespace {

Report apply(Room& room, const Reconciler::Source& source) {
    return room.reconciler.apply(room.link, Reconciler::Removals::kAllowed, {}, "", source);
}

TEST_CASE("earlier texts come back, and customers that they do not change are not told to vpnd") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.adopt();
    REQUIRE(room.apply().accepted);
    const config::Texts before = config::texts_of(room.reconciler.current());
    room.write_customer("acme", 'C');
    room.write_customer("initech", 'D');
    REQUIRE(room.apply().accepted);
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");  // the files do not count
    (void)room.received();
    const Report report = apply(room, {&before, ""});
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK(joined(room.received()) ==
          joined(Lines{"begin", "customer acme", "peer acme-site", "remove customer initech", "commit"}));
    CHECK(config::texts_of(room.reconciler.current()) == before);
    CHECK_FALSE(room.has_stack("initech"));
}

TEST_CASE("who returns to earlier texts, and who applies one customer, gets no other secret of anybody") {
    constexpr const char* kFirst = "QMVQJKVHw0MRfGgZyvFoBEEtCyQkDKvBhJ3mLWdkdGE=\n";
    constexpr const char* kSecond = "CMVQJKVHw0MRfGgZyvFoBEEtCyQkDKvBhJ3mLWdkdGE=\n";
    const std::string preshared = "preshared_key = { secret = \"psk\" }\n";
    Room room;
    room.write("secrets/psk", kFirst);
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B', "", "", preshared);
    room.adopt();
    REQUIRE(room.apply().accepted);
    const config::Texts before = config::texts_of(room.reconciler.current());
    room.write_customer("acme", 'C');
    REQUIRE(room.apply().accepted);
    const auto globex = room.reconciler.current().share("globex");
    const config::SecretRef uplink{"uplink"};
    const auto key = room.reconciler.current().secrets.public_key(uplink);
    for (const char* name : {"secrets/psk", "secrets/uplink"}) {
        std::filesystem::remove(room.directory_ + "/" + name);
        room.write(name, kSecond);
    }
    for (const bool returns : {true, false}) {
        const Report report = returns ? apply(room, {&before, ""}) : apply(room, {nullptr, "acme"});
        REQUIRE_MESSAGE(report.accepted, report.summary);
        CHECK(room.reconciler.current().share("globex") == globex);
        CHECK(room.reconciler.current().secrets.public_key(uplink) == key);
    }
    // Also where a secret is gone.
    std::filesystem::remove(room.directory_ + "/secrets/uplink");
    std::filesystem::remove(room.directory_ + "/secrets/psk");
    CHECK(apply(room, {&before, ""}).exit_status == 0);
    CHECK(room.reconciler.current().share("globex") == globex);
}

TEST_CASE("nor do the certificate of the gateway and its key change then") {
    Room room;
    std::filesystem::create_directories(room.directory_ + "/certs");
    const auto write = [&room](const std::string& what) {
        room.write("certs/hub.pem", what);
        room.write("secrets/hub.key", "-----BEGIN PRIVATE KEY-----" + what);
    };
    write("first");
    room.write("warren.toml", Room::appliance() +
                                  "[ipsec]\n[ipsec.gateway]\nidentity = \"vpn.example.net\"\n"
                                  "certificate = \"hub.pem\"\nprivate_key = { secret = \"hub.key\" }\n");
    room.write_customer("acme", 'A');
    room.adopt();
    REQUIRE(room.apply().accepted);
    const config::Texts before = config::texts_of(room.reconciler.current());
    const auto held = [&room](const char* name, config::FileForm form) {
        const auto* content = room.reconciler.current().secrets.content(config::SecretRef{name}, form);
        REQUIRE(content != nullptr);
        return std::string(content->reveal().begin(), content->reveal().end());
    };
    write("second");
    room.write_customer("acme", 'B');
    for (const bool returns : {false, true}) {
        REQUIRE(apply(room, returns ? Reconciler::Source{&before, ""} : Reconciler::Source{nullptr, "acme"}).accepted);
        CHECK(held("hub.pem", config::FileForm::kCertificate) == "first");
        CHECK(held("hub.key", config::FileForm::kPrivateKey) == "-----BEGIN PRIVATE KEY-----first");
    }
}

TEST_CASE("texts that cannot come into force change nothing") {
    Room room;
    room.write_customer("acme", 'A');
    room.adopt();
    REQUIRE(room.apply().accepted);
    const config::Texts before = config::texts_of(room.reconciler.current());
    const config::Texts bad{"schema = 1\nlisten_prt = 1\n", {}};
    CHECK_FALSE(apply(room, {&bad, ""}).accepted);
    CHECK(config::texts_of(room.reconciler.current()) == before);
}

TEST_CASE("only one customer's file comes into force, whatever else the directory says") {
    Room room;
    for (const char* id : {"acme", "globex", "initech"})
        room.write_customer(id, id[0] == 'a' ? 'A' : id[0] == 'g' ? 'B' : 'C');
    room.adopt();
    REQUIRE(room.apply().accepted);
    const std::string globex = config::texts_of(room.reconciler.current()).customers.at("globex");
    (void)room.received();
    room.write_customer("acme", 'D');
    room.write_customer("globex", 'E');
    room.remove_customer("initech");
    room.write("warren.toml", "schema = 1\nlisten_prt = 1\n");
    const Report report = apply(room, {nullptr, "acme"});
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK(joined(room.received()) == joined(Lines{"begin", "customer acme", "peer acme-site", "commit"}));
    CHECK(config::texts_of(room.reconciler.current()).customers.at("globex") == globex);
    CHECK(room.has_stack("initech"));
}

TEST_CASE("a customer whose own file is gone leaves when it is named, and no other") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("globex", 'B');
    room.write_customer("initech", 'C');
    room.adopt();
    REQUIRE(room.apply().accepted);
    room.remove_customer("acme");
    room.remove_customer("globex");
    const Report report =
        room.reconciler.apply(room.link, Reconciler::Removals::kAsk, {}, "", Reconciler::Source{nullptr, "acme"});
    REQUIRE_MESSAGE(report.accepted, report.summary);
    CHECK_FALSE(room.has_stack("acme"));
    CHECK(room.has_stack("globex"));
}

TEST_CASE("a customer that only vpnd serves, because its file is broken, stays when another is applied alone") {
    Room room;
    room.write_customer("acme", 'A');
    room.write_customer("broken", 'B');
    room.adopt();
    REQUIRE(room.apply().accepted);
    room.break_customer("broken");
    room.write_customer("acme", 'C');
    REQUIRE(apply(room, {nullptr, "acme"}).accepted);
    CHECK(room.has_stack("broken"));
    const config::Texts now = config::texts_of(room.reconciler.current());
    CHECK(now.customers.contains("broken"));
    // A new file with an error is that customer's problem alone.
    room.write("customers/new.toml", "schema = 1\nunknown = 2\n");
    const Report report = apply(room, {nullptr, "new"});
    CHECK(report.accepted);
    CHECK(report.exit_status == 1);
    REQUIRE_FALSE(report.texts.empty());
    CHECK(report.texts.front().customer == "new");
}

}  // namespace
}  // namespace warren::stacks
