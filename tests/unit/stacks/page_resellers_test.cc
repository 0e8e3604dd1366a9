// What resellers' users of the page may change: whose customers, how much, and how often.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "page_room.h"

using namespace warren;
using namespace warren::stacks;
using namespace warren::stacks::page_room;

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
        for (const auto& [name, of] : {std::pair{"res", "acme"}, {"south", "acme.south"}})
            users += fmt::format(
                "[[user]]\nname = \"{}\"\nrole = \"reseller\"\ncustomers = [\"{}\"]\n"
                "password = \"{}\"\n",
                name, of, hash);
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

TEST_CASE_FIXTURE(Market, "a reseller of a reseller has a part of its own, and the smallest bound counts") {
    fs::create_directories(directory + "/customers/acme/south");
    put("customers/acme/south.toml",
        "schema = 1\nname = \"S\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[reseller]\nmax_peers = 1\n");
    const std::string none = "schema = 1\nname = \"L\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[wireguard]\n";
    put("customers/acme/south/lab.toml", none);
    put("customers/acme.toml",
        "schema = 1\nname = \"R\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n[reseller]\nmax_peers = 9\n");
    apply();
    const std::string own = unlock("south").ticket;
    CHECK(add(own, "one", "GUGWqGUvgIi1iDTlHtLlJ1Cxs2rgYYLtnvRLbSU7VXA=", "acme.south.lab").verdict ==
          WebVerdict::kDone);
    const auto refused = add(own, "two", "Xv9Ly9JrJcV5FkJv0nqX1jY0mO0S6vN3hXQ9mHhJ0Gw=", "acme.south.lab");
    CHECK(refused.text == "there are 1 of 1 devices");
    for (int i = 0; i < 30; ++i)
        (void)change(own, i % 2 == 0 ? WebAction::kSuspend : WebAction::kResume, "acme.south.lab");
    CHECK(change(own, WebAction::kSuspend, "acme.south.lab").verdict == WebVerdict::kBusy);
    CHECK(change(ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kDone);
}

TEST_CASE_FIXTURE(Market, "who resumes a customer of a suspended reseller is told that it stays off") {
    CHECK(change(ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kDone);
    const std::string acme = text_of("acme.toml");
    put("customers/acme.toml", "state = \"suspended\"\n" + acme);
    apply();
    const auto off = change(ticket, WebAction::kResume, "acme.north");
    CHECK(off.verdict == WebVerdict::kDone);
    CHECK(off.text == "acme.north: resume; it stays off while its reseller is suspended");
    put("customers/acme.toml", acme);
    apply();
    CHECK(change(ticket, WebAction::kSuspend, "acme.north").verdict == WebVerdict::kDone);
    CHECK(change(ticket, WebAction::kResume, "acme.north").text == "acme.north: resume");
}
