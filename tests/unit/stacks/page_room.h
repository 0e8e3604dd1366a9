// A configuration in a directory, users of the page, and PageChanges over both.
#pragma once

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
#include "stacks/page_changes.h"

namespace warren::stacks::page_room {

using ipc::WebAction;
using ipc::WebVerdict;

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;

inline const std::string kServer = "cFEPk3wuqPzDmKPFfHnCHHhYXTHGCWjKSvcfFBKQ3Xs=";
inline const std::string kKey = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";
inline const std::string kOther = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
inline const std::string kPassword = "correct horse";

inline std::string customer_text(const std::string& key, const std::string& more = "") {
    return "schema = 1\nname = \"Somebody\"\n\n[stack]\naddresses = [\"10.0.0.1/24\"]\n\n[wireguard]\n" + more +
           "\n[[wireguard.peer]]\nname = \"graz\"\npublic_key = \"" + key + "\"\nallowed_ips = [\"10.0.0.2/32\"]\n";
}

inline std::string new_directory() {
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

}  // namespace warren::stacks::page_room
