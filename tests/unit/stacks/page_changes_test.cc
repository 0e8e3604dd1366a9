// What users of the page may change: who asks, what it may, how often, and what comes of it.
#include "stacks/page_changes.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "access/secrets.h"
#include "page_room.h"

using namespace warren;
using namespace warren::stacks;
using namespace warren::stacks::page_room;

TEST_CASE_FIXTURE(Room, "a ticket is given for the right password, to whom may change something") {
    CHECK(unlock("ada").verdict == WebVerdict::kDone);
    CHECK(unlock("ada").ticket.size() == 43);
    CHECK(unlock("ada", "wrong").verdict == WebVerdict::kLocked);
    CHECK(unlock("ada", "wrong").ticket.empty());
    CHECK(unlock("nobody").verdict == WebVerdict::kLocked);
    CHECK(unlock("vic").verdict == WebVerdict::kForbidden);
}

TEST_CASE_FIXTURE(Room, "passwords of one user are bounded, and of one user alone") {
    for (int i = 0; i < PageChanges::kPasswordBurst; ++i) CHECK(unlock("own", "wrong").verdict == WebVerdict::kLocked);
    CHECK(unlock("own").verdict == WebVerdict::kBusy);
    CHECK(unlock("ada").verdict == WebVerdict::kDone);
    now = now + seconds(31);
    CHECK(unlock("own").verdict == WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Room, "without a ticket of this stackd nothing changes, whatever is claimed") {
    const std::string before = text();
    for (const char* ticket : {"", "x", "ada", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})
        for (const WebAction action :
             {WebAction::kAddDevice, WebAction::kEnablePeer, WebAction::kDisablePeer, WebAction::kSuspend,
              WebAction::kResume, WebAction::kConfirm, WebAction::kGoBack})
            CHECK(change(ticket, action).verdict == WebVerdict::kLocked);
    CHECK(text() == before);
    CHECK(origins.empty());
}

TEST_CASE_FIXTURE(Room, "a ticket ends with time, with another password, and with another role") {
    const std::string ticket = unlock("ada").ticket;
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    SUBCASE("unused") {
        now = now + Tickets::kIdle;
        CHECK(change(ticket, WebAction::kEnablePeer).verdict == WebVerdict::kLocked);
    }
    SUBCASE("in the end") {
        for (Duration age{}; age < Tickets::kAbsolute; age += minutes(10)) {
            now = now + minutes(10);
            (void)change(ticket, WebAction::kEnablePeer);
        }
        CHECK(change(ticket, WebAction::kEnablePeer).verdict == WebVerdict::kLocked);
    }
    SUBCASE("another password") {
        put("users.toml", "schema = 1\n[[user]]\nname = \"ada\"\nrole = \"operator\"\npassword = \"" +
                              *access::hash_password("another") + "\"\n");
        CHECK(change(ticket, WebAction::kEnablePeer).verdict == WebVerdict::kLocked);
    }
    SUBCASE("no users") {
        fs::remove(directory + "/users.toml");
        CHECK(change(ticket, WebAction::kEnablePeer).verdict == WebVerdict::kLocked);
    }
    SUBCASE("a file that others may write") {
        REQUIRE(::chmod((directory + "/users.toml").c_str(), 0622) == 0);
        CHECK(change(ticket, WebAction::kEnablePeer).verdict == WebVerdict::kLocked);
    }
}

TEST_CASE_FIXTURE(Room, "another statusd has no ticket, and gets no answer to what the one before it asked") {
    const std::string ticket = unlock("ada").ticket;
    CHECK_FALSE(page.unlock(now, {1, "ada", kPassword}));
    CHECK_FALSE(page.unlock(now, {2, "ada", kPassword}));
    page.begin_anew();
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kLocked);
    CHECK(unlock("own").verdict == WebVerdict::kDone);  // with its own number
    CHECK_FALSE(page.take_unlocked(now));
}

TEST_CASE_FIXTURE(Room, "nothing changes unless the configuration lets it") {
    const std::string ticket = unlock("ada").ticket;
    appliance(false);
    (void)apply();
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kForbidden);
    CHECK(unlock("ada").verdict == WebVerdict::kForbidden);
}

TEST_CASE_FIXTURE(Room, "a customer's user changes devices of its own and nothing else") {
    const std::string ticket = unlock("own").ticket;
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    for (const WebAction action :
         {WebAction::kEnablePeer, WebAction::kSuspend, WebAction::kResume, WebAction::kConfirm, WebAction::kGoBack})
        CHECK(change(ticket, action).verdict == WebVerdict::kForbidden);
    const auto foreign = change(ticket, WebAction::kDisablePeer, "globex");
    CHECK(foreign.verdict == WebVerdict::kForbidden);
    CHECK(foreign.text == change(ticket, WebAction::kDisablePeer, "absent").text);
    CHECK(add(ticket, "x", kOther, "globex").verdict == WebVerdict::kForbidden);
    CHECK(text("globex").find("enabled") == std::string::npos);
    CHECK(text().find("enabled = false") != std::string::npos);
}

TEST_CASE_FIXTURE(Room, "a device gets the next address, its profile has no key of it, and the history has the user") {
    const std::string ticket = unlock("own").ticket;
    const std::string key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
    const auto added = add(ticket, "phone", key);
    CHECK(added.verdict == WebVerdict::kDone);
    CHECK(added.id == 9);
    CHECK(text().find("name = \"phone\"\ndescription = \"of Ada\"\npublic_key = \"" + key +
                      "\"\nallowed_ips = [\"10.0.0.3/32\"]\n") != std::string::npos);
    CHECK(added.profile.find("PrivateKey = REPLACE_WITH_THE_PRIVATE_KEY_OF_THIS_DEVICE") != std::string::npos);
    CHECK(added.profile.find("Address = 10.0.0.3/32") != std::string::npos);
    CHECK(added.profile.find(kServer) == std::string::npos);
    REQUIRE(origins.size() == 1);
    CHECK(origins[0].kind == history::Origin::Kind::kPage);
    CHECK(origins[0].claimed_user == "own");
    // Two of two.
    CHECK(add(ticket, "tablet", key).verdict == WebVerdict::kConflict);
    CHECK(change(ticket, WebAction::kDisablePeer, "acme", "phone").verdict == WebVerdict::kDone);
    CHECK(add(ticket, "phone", key).verdict == WebVerdict::kConflict);
}

TEST_CASE_FIXTURE(Room, "a customer's user adds nothing where nobody has said how many, and learns of no other's key") {
    const std::string ticket = unlock("own").ticket;
    const auto taken = add(ticket, "phone", kKey);
    CHECK(taken.verdict == WebVerdict::kInvalid);
    CHECK(taken.text == "this name or key cannot be used");
    CHECK(add(ticket, "phone", "no key").text == taken.text);
    put("customers/acme.toml", customer_text(kKey));
    (void)apply();
    CHECK(add(ticket, "phone", kServer).verdict == WebVerdict::kForbidden);
    CHECK(add(unlock("ada").ticket, "phone", "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=").verdict ==
          WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Room, "an operator learns what is wrong with a file") {
    const auto clash = add(unlock("ada").ticket, "phone", kOther);
    CHECK(clash.verdict == WebVerdict::kInvalid);
    CHECK(clash.text.find("is also used by peer \"graz\" of customer globex") != std::string::npos);
    CHECK(text().find("phone") == std::string::npos);
}

TEST_CASE_FIXTURE(Room, "what is not in force yet, waits or fails is left as it is") {
    const std::string ticket = unlock("ada").ticket;
    const std::string before = text();
    SUBCASE("half a change by hand") {
        put("customers/acme.toml", before + "# soon more\n");
        CHECK(change(ticket, WebAction::kSuspend).verdict == WebVerdict::kConflict);
        CHECK(text() == before + "# soon more\n");
    }
    SUBCASE("a confirmation") {
        wait = "revision 3 comes back";
        CHECK(change(ticket, WebAction::kSuspend).verdict == WebVerdict::kConflict);
    }
    SUBCASE("it does not come into force") {
        fails = true;
        CHECK(change(ticket, WebAction::kSuspend).verdict == WebVerdict::kFailed);
        CHECK(text() == before);
    }
    SUBCASE("no such peer") {
        CHECK(change(ticket, WebAction::kDisablePeer, "acme", "linz").verdict == WebVerdict::kNotFound);
    }
    SUBCASE("no such customer") {
        CHECK(change(ticket, WebAction::kSuspend, "absent").verdict == WebVerdict::kNotFound);
        CHECK(change(ticket, WebAction::kSuspend, "../warren").verdict == WebVerdict::kNotFound);
    }
}

TEST_CASE_FIXTURE(Room, "a change that is in force is done, whatever is wrong with others") {
    using Kind = ipc::ControlText::Kind;
    const std::string key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
    report.exit_status = 4;
    report.summary = "generation 12: 431 customers; some changes failed";
    report.texts = {{Kind::kIncomplete, "globex", "there is no eth7"},
                    {Kind::kNote, "", "the files of globex are gone"}};
    SUBCASE("another one") {
        const auto added = add(unlock("own").ticket, "phone", key);
        CHECK(added.verdict == WebVerdict::kDone);
        CHECK(added.profile.find("Address = 10.0.0.3/32") != std::string::npos);
        CHECK(added.text == "acme: add a device");
    }
    SUBCASE("its own stack lacks something") {
        report.texts.push_back({Kind::kIncomplete, "acme", "there is no eth8"});
        CHECK(add(unlock("own").ticket, "phone", key).text ==
              "acme: add a device; the stack lacks something, and Warren retries");
    }
    SUBCASE("vpnd gets it later") {
        report.is_owed = true;
        const auto added = add(unlock("own").ticket, "phone", key);
        CHECK(added.verdict == WebVerdict::kDone);
        CHECK(added.text == "acme: add a device; its tunnels follow when vpnd runs again");
    }
    SUBCASE("an earlier configuration comes back") {
        pending = 12;
        back = report;
        CHECK(change(unlock("ada").ticket, WebAction::kGoBack).verdict == WebVerdict::kDone);
        back.accepted = false;
        CHECK(change(unlock("ada").ticket, WebAction::kGoBack).verdict == WebVerdict::kFailed);
    }
}

TEST_CASE_FIXTURE(Room, "a customer's user reads nothing of others, also when something fails") {
    using Kind = ipc::ControlText::Kind;
    fails = true;
    report.texts = {{Kind::kNote, "globex", "not removed: globex"},
                    {Kind::kNote, "", "2 of 431 customers (initech, globex) stay"},
                    {Kind::kDiagnostic, "acme", "is also used by globex"}};
    const auto own = change(unlock("own").ticket, WebAction::kDisablePeer);
    CHECK(own.verdict == WebVerdict::kFailed);
    CHECK(own.text == "this did not come into force, and nothing has changed; ask the operator");
    const auto all = change(unlock("ada").ticket, WebAction::kDisablePeer);
    CHECK(all.text.find("2 of 431 customers (initech, globex) stay") != std::string::npos);
    wait = "revision 3 comes back";
    CHECK(change(unlock("own").ticket, WebAction::kDisablePeer).text ==
          "the operator is changing something; try again later");
}

TEST_CASE_FIXTURE(Room, "what somebody else writes during a change stays, and does not come into force with it") {
    const std::string before = text();
    meanwhile = before + "# by hand\n";
    fails = true;
    SUBCASE("that fails") {
        CHECK(change(unlock("ada").ticket, WebAction::kSuspend).verdict == WebVerdict::kFailed);
        CHECK(in_force.find("acme")->text == before);
    }
    SUBCASE("that comes into force") {
        fails = false;
        CHECK(change(unlock("ada").ticket, WebAction::kSuspend).verdict == WebVerdict::kDone);
        CHECK(in_force.find("acme")->text.find("suspended") != std::string::npos);
        CHECK(in_force.find("acme")->text.find("by hand") == std::string::npos);
    }
    CHECK(text() == meanwhile);
}

TEST_CASE_FIXTURE(Room, "what else the directory has by now does not come into force with a change") {
    const std::string key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
    const std::string used = kKey;  // of 32 bytes, like any
    put("secrets/graz-psk", used + "\n");
    std::string with_psk = customer_text(kKey, "max_peers = 2\n");
    put("customers/acme.toml", with_psk + "preshared_key = { secret = \"graz-psk\" }\n");
    (void)apply();
    const std::string before = text();
    SUBCASE("a secret of the customer") {
        put("secrets/graz-psk", kOther + "\n");
        const auto refused = change(unlock("own").ticket, WebAction::kDisablePeer);
        CHECK(refused.verdict == WebVerdict::kConflict);
        CHECK(refused.text.find("secrets have changes that are not in force") != std::string::npos);
        CHECK(text() == before);
        put("secrets/graz-psk", used + "\n");
        CHECK(change(unlock("own").ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    }
    SUBCASE("the server's key and where it is") {
        const std::string ticket = unlock("own").ticket;
        put("secrets/uplink", kOther + "\n");
        put("warren.toml",
            "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n"
            "endpoint = \"new.example.net:1\"\n[status]\nlisten = \"127.0.0.1:8443\"\n");
        const auto in_force_key = in_force.secrets.public_key({"uplink"});
        REQUIRE(in_force_key);
        const auto added = add(ticket, "phone", key);
        CHECK(added.verdict == WebVerdict::kDone);
        CHECK(added.profile.find("vpn.example.net:51820") != std::string::npos);
        CHECK(added.profile.find(crypto::to_base64(*in_force_key)) != std::string::npos);
    }
    SUBCASE("errors of others") {
        put("customers/globex.toml", "no file of a customer");
        put("warren.toml", "no file of an appliance");
        CHECK(add(unlock("own").ticket, "phone", key).verdict == WebVerdict::kDone);
    }
}

TEST_CASE_FIXTURE(Room, "who adds the same device again gets its profile again") {
    const std::string ticket = unlock("own").ticket;
    const std::string key = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";
    const auto added = add(ticket, "phone", key);
    REQUIRE(added.verdict == WebVerdict::kDone);
    const std::string before = text();
    const auto again = add(ticket, "phone", key);
    CHECK(again.verdict == WebVerdict::kDone);
    CHECK(again.profile == added.profile);
    CHECK(text() == before);
    CHECK(origins.size() == 1);
    CHECK(add(ticket, "phone", kServer).verdict != WebVerdict::kDone);
    SUBCASE("unless it is disabled") {
        CHECK(change(ticket, WebAction::kDisablePeer, "acme", "phone").verdict == WebVerdict::kDone);
        CHECK(add(ticket, "phone", key).profile.empty());
    }
    SUBCASE("unless it has a preshared key, which is not for the page") {
        put("secrets/psk", kOther + "\n");
        put("customers/acme.toml", before + "preshared_key = { secret = \"psk\" }\n");
        (void)apply();
        CHECK(add(ticket, "phone", key).profile.empty());
    }
}

TEST_CASE_FIXTURE(Room, "a ticket lives on by what it changes, and not by what is refused") {
    const std::string ticket = unlock("own").ticket;
    now = now + minutes(14);
    CHECK(change(ticket, WebAction::kSuspend).verdict == WebVerdict::kForbidden);
    now = now + minutes(1);
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kLocked);
    const std::string another = unlock("own").ticket;
    now = now + minutes(14);
    CHECK(change(another, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    now = now + minutes(14);
    CHECK(change(another, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Room, "requests of nobody are bounded for a statusd") {
    const auto ask = [this](int i) {
        if (i % 3 == 0) return change("forged", WebAction::kSuspend).verdict == WebVerdict::kLocked;
        return page.unlock(now, {1, i % 3 == 1 ? "nobody" : "vic", "guess"}).has_value();
    };
    for (int i = 0; i < PageChanges::kRefusalBurst; ++i) CHECK(ask(i));
    CHECK_FALSE(page.is_flooded());
    // Users' own troubles do not count.
    CHECK(unlock("ada", "wrong").verdict == WebVerdict::kLocked);
    CHECK_FALSE(page.is_flooded());
    SUBCASE("one a second stays") {
        now = now + PageChanges::kRefusalPrice;
        CHECK(ask(0));
        CHECK_FALSE(page.is_flooded());
    }
    SUBCASE("at once") {
        CHECK(ask(0));
        CHECK(page.is_flooded());
        page.begin_anew();
        CHECK_FALSE(page.is_flooded());
    }
}

TEST_CASE_FIXTURE(Room, "a customer's disabled devices are bounded, too") {
    const std::string ticket = unlock("ada").ticket;
    for (const char* name : {"B", "C", "D"}) {
        REQUIRE(add(ticket, name, std::string(42, *name) + "A=").verdict != WebVerdict::kFailed);
        (void)change(ticket, WebAction::kDisablePeer, "acme", name);
        now = now + minutes(1);
    }
    CHECK(in_force.find("acme")->customer.peers.size() == 4);
    (void)change(ticket, WebAction::kDisablePeer);
    const auto most = add(unlock("own").ticket, "five", kServer);
    CHECK(most.verdict == WebVerdict::kConflict);
    CHECK(most.text.find("disabled devices") != std::string::npos);
}

TEST_CASE_FIXTURE(Room, "an operator's changes are bounded, too") {
    const std::string ticket = unlock("ada").ticket;
    for (int i = 0; i < PageChanges::kBurst; ++i)
        CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kBusy);
    now = now + PageChanges::kOperatorPrice;
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Room, "passwords that wait are bounded, whoever's they are") {
    for (std::size_t i = 0; i < PageChanges::kMostWaiting; ++i)
        CHECK_FALSE(page.unlock(now, {1, i % 2 == 0 ? "ada" : "own", "guess"}));
    const auto refused = page.unlock(now, {1, "own", "guess"});
    REQUIRE(refused);
    CHECK(refused->verdict == WebVerdict::kBusy);
}

TEST_CASE_FIXTURE(Room, "an operator confirms or undoes what it saw, and nothing else") {
    const std::string ticket = unlock("ada").ticket;
    CHECK(change(ticket, WebAction::kConfirm).verdict == WebVerdict::kConflict);
    pending = 12;
    CHECK(page.change(now, {9, ticket, WebAction::kConfirm, "", "", "", "", 11}).verdict == WebVerdict::kConflict);
    CHECK(change(ticket, WebAction::kGoBack).verdict == WebVerdict::kDone);
    CHECK(origins.back().claimed_user == "ada");
    CHECK(change(ticket, WebAction::kConfirm).verdict == WebVerdict::kDone);
    CHECK(pending == 0);
}

TEST_CASE_FIXTURE(Room, "changes are bounded: all users of a customer share a part") {
    const std::string ticket = unlock("own").ticket;
    int done = 0;
    while (done < 100 && change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone) ++done;
    CHECK(done == PageChanges::kBurst);
    CHECK(change(unlock("own").ticket, WebAction::kDisablePeer).verdict == WebVerdict::kBusy);
    CHECK(change(unlock("ada").ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
    now = now + PageChanges::kCustomerPrice;
    CHECK(change(ticket, WebAction::kDisablePeer).verdict == WebVerdict::kDone);
}
