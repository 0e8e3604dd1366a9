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
#include "config/load.h"
#include "stacks/one_customer.h"

using namespace warren;
using namespace warren::stacks;
using ipc::WebAction;
using ipc::WebVerdict;

namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kServer = "cFEPk3wuqPzDmKPFfHnCHHhYXTHGCWjKSvcfFBKQ3Xs=";
const std::string kKey = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
const std::string kOther = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const std::string kPassword = "correct horse";

std::string customer_text(const std::string& key, const std::string& more = "") {
    return "schema = 1\nname = \"Somebody\"\n\n[stack]\naddresses = [\"10.0.0.1/24\"]\n\n[wireguard]\n" + more +
           "\n[[wireguard.peer]]\nname = \"graz\"\npublic_key = \"" + key + "\"\nallowed_ips = [\"10.0.0.2/32\"]\n";
}

std::string new_directory() {
    std::string path = (fs::temp_directory_path() / "warren-page-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    return path;
}

// A configuration in a directory, in force, with three users.
struct Room {
    Room() {
        fs::create_directories(directory + "/customers");
        fs::create_directories(directory + "/secrets");
        REQUIRE(::chmod((directory + "/secrets").c_str(), 0700) == 0);
        put("secrets/uplink", kServer + "\n");
        appliance();
        put("customers/acme.toml", customer_text(kKey, "max_peers = 2\n"));
        put("customers/globex.toml", customer_text(kOther));
        REQUIRE(access::start_libsodium());
        static const std::string hash = *access::hash_password(kPassword);
        const auto user = [](const std::string& name, const std::string& grant) {
            return "[[user]]\nname = \"" + name + "\"\n" + grant + "\npassword = \"" + hash + "\"\n";
        };
        users = "schema = 1\n" + user("ada", "role = \"operator\"") + user("vic", "role = \"viewer\"") +
                user("own", "role = \"customer\"\ncustomers = [\"acme\"]");
        put("users.toml", users);
        apply();
    }
    ~Room() {
        std::error_code ignored;
        fs::remove_all(directory, ignored);
    }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    void put(const std::string& name, const std::string& text) const {
        std::ofstream(directory + "/" + name) << text;
        REQUIRE(::chmod((directory + "/" + name).c_str(), 0600) == 0);
    }
    void appliance(bool changes = true) const {
        put("warren.toml", std::string("schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n"
                                       "endpoint = \"vpn.example.net:51820\"\n"
                                       "[status]\nlisten = \"127.0.0.1:8443\"\nchanges = ") +
                               (changes ? "true\n" : "false\n"));
    }
    [[nodiscard]] std::string text(const std::string& id = "acme") const {
        std::ifstream in(directory + "/customers/" + id + ".toml");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    Report apply() {
        config::Succession next = config::succeed(in_force, config::load(directory));
        REQUIRE(next.accepted);
        in_force = std::move(next.next);
        return {{}, true, 0, "applied"};
    }

    // As the reconciler does it: the text that was checked, whatever the file says by now.
    Report apply_one(const std::string& id, const std::string& wanted) {
        if (!meanwhile.empty()) put("customers/acme.toml", meanwhile);
        if (fails) return {report.texts, false, 4, "refused"};
        config::Succession next = config::succeed(in_force, load_one(directory, in_force, id, wanted));
        REQUIRE(next.accepted);
        in_force = std::move(next.next);
        return report;
    }

    ipc::WebUnlocked unlock(const std::string& user, const std::string& password = kPassword) {
        auto answer = page.unlock(now, {7, user, password});
        for (int i = 0; i < 200 && !answer; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            answer = page.take_unlocked(now);
        }
        REQUIRE(answer);
        CHECK(answer->id == 7);
        return *answer;
    }
    ipc::WebChanged change(const std::string& ticket, WebAction action, const std::string& customer = "acme",
                           const std::string& peer = "graz") {
        return page.change(now, {9, ticket, action, customer, peer, "", "", pending});
    }
    ipc::WebChanged add(const std::string& ticket, const std::string& name, const std::string& key,
                        const std::string& customer = "acme") {
        return page.change(now, {9, ticket, WebAction::kAddDevice, customer, name, "of Ada", key, 0});
    }

    std::string directory = new_directory();
    std::string users;
    config::Generation in_force;
    std::string wait;
    std::uint64_t pending = 0;
    std::vector<history::Origin> origins;
    bool fails = false;
    std::string meanwhile;  // what somebody writes into acme's file during an apply
    Report report{{}, true, 0, "applied"};
    Report back{{}, true, 0, "back"};
    Instant now{Instant{} + minutes(1000)};
    PageChanges page{directory,
                     {[this]() -> const config::Generation& { return in_force; }, [this] { return wait; },
                      [this] { return pending; },
                      [this](const std::string& id, const std::string& wanted, const history::Origin& origin) {
                          origins.push_back(origin);
                          return apply_one(id, wanted);
                      },
                      [this] {
                          pending = 0;
                          return Report{{}, false, 0, "confirmed"};
                      },
                      [this](const history::Origin& origin) {
                          origins.push_back(origin);
                          return back;
                      }}};
};

}  // namespace

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

namespace {

// Resellers acme and globex, each with a customer `north`, and a user of acme's.
struct Market : Room {
    Market() {
        for (const char* id : {"acme", "globex"}) {
            fs::create_directories(directory + "/customers/" + id);
            const std::string caps = id == std::string("acme") ? "max_peers = 2\n" : "";
            put("customers/" + std::string(id) + ".toml",
                "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[reseller]\n" + caps);
        }
        put("customers/acme/north.toml", customer_text(kKey));
        put("customers/globex/north.toml", customer_text(kOther));
        const std::string hash = *access::hash_password(kPassword);
        users += "[[user]]\nname = \"res\"\nrole = \"reseller\"\ncustomers = [\"acme\"]\npassword = \"" + hash + "\"\n";
        put("users.toml", users);
        apply();
        ticket = unlock("res").ticket;
    }
    [[nodiscard]] std::string text_of(const std::string& path) const {
        std::ifstream in(directory + "/customers/" + path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string ticket;
};

}  // namespace

TEST_CASE_FIXTURE(Market, "a reseller's user changes its customers and nobody else's") {
    const std::vector<std::string> others{"acme", "globex", "globex.north", "north", "acme.unknown.x", "acm.north"};
    for (const std::string& other : others) {
        for (const WebAction action :
             {WebAction::kSuspend, WebAction::kResume, WebAction::kDisablePeer, WebAction::kEnablePeer}) {
            CAPTURE(other);
            CHECK(change(ticket, action, other).verdict != WebVerdict::kDone);
        }
        CHECK(add(ticket, "phone", kServer, other).verdict != WebVerdict::kDone);
    }
    // The same for another's and for none.
    CHECK(change(ticket, WebAction::kSuspend, "globex.north").text == change(ticket, WebAction::kSuspend, "no").text);
    CHECK(origins.empty());
    pending = 5;
    for (const WebAction action : {WebAction::kConfirm, WebAction::kGoBack})
        CHECK(change(ticket, action, "acme.north").verdict == WebVerdict::kForbidden);
    pending = 0;
    CHECK(change(ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kDone);
    CHECK(in_force.find("acme.north")->customer.state == config::CustomerState::kSuspended);
    CHECK(in_force.find("globex.north")->customer.state == config::CustomerState::kActive);
    CHECK(text_of("acme/north.toml").find("suspended") != std::string::npos);
    CHECK(text_of("globex/north.toml").find("suspended") == std::string::npos);
    CHECK(change(ticket, WebAction::kResume, "acme.north").verdict == WebVerdict::kDone);
    CHECK(change(ticket, WebAction::kDisablePeer, "acme.north").verdict == WebVerdict::kDone);
    CHECK(change(ticket, WebAction::kEnablePeer, "acme.north").verdict == WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Market, "a reseller's user stays within the reseller's bounds, and its users share a part") {
    const std::string keys[] = {"GUGWqGUvgIi1iDTlHtLlJ1Cxs2rgYYLtnvRLbSU7VXA=",
                                "Xv9Ly9JrJcV5FkJv0nqX1jY0mO0S6vN3hXQ9mHhJ0Gw="};
    CHECK(add(ticket, "one", keys[0], "acme.north").verdict == WebVerdict::kDone);
    const auto refused = add(ticket, "two", keys[1], "acme.north");
    CHECK(refused.verdict == WebVerdict::kConflict);
    CHECK(in_force.find("acme.north")->customer.peers.size() == 2);
    int done = 1;
    for (int i = 0; i < 30; ++i)
        done += change(ticket, i % 2 == 0 ? WebAction::kSuspend : WebAction::kResume, "acme.north").verdict ==
                        WebVerdict::kDone
                    ? 1
                    : 0;
    CHECK(done < PageChanges::kBurst + 1);
    CHECK(change(ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kBusy);
    // Others' parts are their own.
    const std::string own = unlock("own").ticket;
    CHECK(change(unlock("ada").ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kDone);
    CHECK_FALSE(own.empty());
}
