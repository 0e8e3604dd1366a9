// What of an earlier process does not go on: another configuration, damage, half-open IKE_SAs.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/ike_engine/lives.h"

namespace warren::ike::testing {
namespace {

struct Different {
    const char* what;
    Change change;
};

TEST_CASE("KL13: an IKE_SA of a connection that was changed meanwhile ends with a Delete") {
    const std::vector<Different> all{
        {"secret", [](Connection& c) { c.psk = 77; }},
        {"way to prove it", [](Connection& c) { c.auth = Auth::kCertificate; }},
        {"our identity", [](Connection& c) { c.local_identity = identity("other.example.net"); }},
        {"its identity", [](Connection& c) { c.remote_identity = expected("other.example.net"); }},
        {"its address", [](Connection& c) { c.remote_address = *parse_ip("192.0.2.77"); }},
        {"postquantum key", [](Connection& c) { c.ppk = 5; }},
        {"name", [](Connection& c) { c.name = "other"; }},
        {"algorithms",
         [](Connection& c) {
             for (Acceptable& line : c.ike.lines) line.prf = {find_algorithm(TransformType::kPrf, "prfsha512")};
         }},
        {"customer", [](Connection& c) { c.customer = kBeta; }},
    };
    for (const Different& one : all) {
        CAPTURE(one.what);
        Lives lives;
        lives.connect();
        lives.begin();
        lives.right->call([&] {
            lives.right->engine.put_customer(lives.right->now, {kBeta, "beta", identity("beta.example.net"), {}},
                                             lives.right->out);
        });
        lives.put(one.change);
        CHECK(lives.keepers->ended == 1);
        CHECK(lives.right->sessions.entries.empty());
        lives.settle();
        lives.advance(10s);
        CHECK(lives.left.sessions.entries.empty());
        CHECK(lives.right->engine.sizes().ike_sas == 0);
        CHECK(lives.keepers->sas.kept() == 0);
        for (const KeptSa& kept : lives.memory.sas) CHECK((&kept == lives.memory.sas.data() || kept.state.load() == 0));
    }
}

TEST_CASE(
    "KL13: an IKE_SA that was to go, whose time is over, or that has nobody's address or session, ends with a Delete") {
    const Instant now = at(0s).instant;
    struct Wrong {
        const char* what;
        std::function<void(SaRecord&)> change;
    };
    const std::vector<Wrong> all{
        {"was to be deleted", [](SaRecord& r) { r.owner.is_going = true; }},
        {"expired", [&](SaRecord& r) { r.sa.expires_at = now; }},
        {"proof is over", [&](SaRecord& r) { r.sa.proven_until = now; }},
        {"of the future", [&](SaRecord& r) { r.sa.created = now + 1h; }},
        {"session", [](SaRecord& r) { r.sa.session = 1; }},
        {"address", [](SaRecord& r) { r.owner.lease.v4 = *parse_ip("10.9.0.1"); }},
        {"somebody else", [](SaRecord& r) { r.sa.peer_identity = identity("mallory.example.net"); }},
    };
    for (const Wrong& one : all) {
        CAPTURE(one.what);
        Lives lives;
        lives.connect();
        lives.tamper(one.change);
        lives.restart();
        CHECK(lives.keepers->ended == 1);
        CHECK(lives.right->sessions.entries.empty());
        lives.settle();
        CHECK(lives.left.sessions.entries.empty());
        CHECK(lives.right->engine.sizes().all == 0);
    }
}

TEST_CASE(
    "KL13: a child that is expired, of the future, wider than its networks, or not that of the counters, is deleted") {
    const Instant now = at(0s).instant;
    struct Wrong {
        const char* what;
        std::function<void(ChildSa&)> change;
    };
    const std::vector<Wrong> all{
        {"expired", [&](ChildSa& child) { child.expires_at = now; }},
        {"of the future", [&](ChildSa& child) { child.created = now + 1h; }},
        {"older than its counters", [&](ChildSa& child) { child.created = child.created - 1s; }},
        {"wider", [](ChildSa& child) { child.selectors.remote = {network("10.0.0.0/8")}; }},
        {"wider here", [](ChildSa& child) { child.selectors.local = {network("0.0.0.0/0")}; }},
        {"nothing", [](ChildSa& child) { child.selectors.local.clear(); }},
        {"another's counters", [](ChildSa& child) { child.theirs += 1; }},
    };
    for (const Wrong& one : all) {
        CAPTURE(one.what);
        Lives lives;
        lives.connect();
        lives.tamper([&](SaRecord& record) { one.change(record.sa.children.at(0)); });
        lives.restart();
        CHECK(lives.right->sessions.entries.empty());
        CHECK(lives.right->engine.sizes().ike_sas == 1);
        lives.settle();
        CHECK(lives.left.sessions.entries.empty());
    }
}

TEST_CASE("KL13: two IKE_SAs of one session are one peer's, and no child is in two of them") {
    for (const bool is_another : {true, false}) {
        Lives lives([](Connection& connection, bool is_left) {
            if (!is_left) connection.remote_identity = expected("any");
        });
        lives.connect();
        lives.tamper([](SaRecord&) {});
        SaKeeper keeper(lives.memory.sas);
        auto record = keeper.read(keeper.rest().at(0));
        record->sa.spis.responder += 1;
        record->sa.created = record->sa.created - 1ns;
        if (is_another) record->sa.peer_identity = identity("mallory.example.net");
        const auto place = keeper.allocate(kAcme);
        REQUIRE(keeper.write(*place, record->owner, record->sa));
        lives.restart();
        CHECK(lives.keepers->ended == (is_another ? 1 : 0));
        CHECK(lives.right->engine.sizes().children == 1);
        lives.right->sent.clear();
        lives.check_agree();
    }
}

TEST_CASE("KL13: the IKE_SA of a connection that is gone ends with a Delete") {
    Lives lives;
    lives.connect();
    lives.begin();
    lives.keepers->end_succession();
    lives.settle();
    CHECK(lives.left.sessions.entries.empty());
    lives.put();
    CHECK_FALSE(lives.is_up());
}

TEST_CASE("KL13: a child whose networks or algorithms were changed is deleted, and the IKE_SA goes on") {
    const std::vector<Different> all{
        {"local", [](Connection& c) { c.children[0].local = {network("10.2.0.0/17")}; }},
        {"remote", [](Connection& c) { c.children[0].remote = {network("10.1.0.0/15")}; }},
        {"name", [](Connection& c) { c.children[0].name = "voice"; }},
        {"esn",
         [](Connection& c) {
             for (Acceptable& line : c.child.lines) line.esn = {EsnId::kNo};
         }},
        {"cipher",
         [](Connection& c) {
             for (Acceptable& line : c.child.lines)
                 line.encryption = {find_algorithm(TransformType::kEncryption, "chacha20poly1305")};
         }},
    };
    for (const Different& one : all) {
        CAPTURE(one.what);
        Lives lives;
        lives.connect();
        const IkeSpis spis = lives.right->spis();
        lives.restart(one.change);
        lives.settle();
        CHECK(lives.right->spis() == spis);
        CHECK(lives.right->sessions.entries.empty());
        CHECK(lives.left.sessions.entries.empty());
    }
}

TEST_CASE("KL13: a customer's IKE_SA is never another's, whatever indexes the next process hands out") {
    // Both are the same but for the customer, which has the other's index in the next process.
    Lives lives([](Connection& connection, bool is_left) {
        if (is_left) connection.remote_identity = expected("acme.example.net");
        if (!is_left) connection.local_identity.reset();
    });
    lives.connect();
    lives.begin();
    const auto put = [&](CustomerIndex customer, const char* name, ConnectionIndex index, std::uint32_t peer) {
        lives.right->call([&] {
            lives.right->engine.put_customer(
                lives.right->now, {customer, name, identity((std::string(name) + ".example.net").c_str()), {}},
                lives.right->out);
        });
        Connection connection = connection_of(false);
        connection.local_identity.reset();
        connection.customer = customer;
        connection.index = index;
        connection.psk = psk_of(kFirst);
        connection.children[0].peer = PeerIndex{peer};
        lives.right->put(std::move(connection));
    };
    put(kBeta, "spare", ConnectionIndex{7}, 7);
    put(kAcme, "beta", kFirst, 0);
    CHECK(lives.right->sessions.entries.empty());
    CHECK(lives.right->status().state != ConnectionState::kUp);
    put(kBeta, "acme", ConnectionIndex{1}, 1);
    CHECK(lives.right->status(ConnectionIndex{1}).state == ConnectionState::kUp);
    CHECK(lives.right->sessions.sending(PeerIndex{1}) != nullptr);
    CHECK(lives.right->sessions.sending(PeerIndex{0}) == nullptr);
}

TEST_CASE("KL13: an IKE_SA follows its customer's other name") {
    Lives lives;
    lives.connect();
    const auto rename = [&] {
        lives.right->call([&] {
            lives.right->engine.put_customer(lives.right->now, {kAcme, "acme-2", identity("acme.example.net"), {}},
                                             lives.right->out);
        });
    };
    rename();
    lives.begin();
    rename();
    lives.put();
    CHECK(lives.is_up());
}

TEST_CASE("KL13: a damaged record is no IKE_SA, and what of counters is damaged is no child") {
    Lives lives;
    lives.connect();
    for (KeptSa& kept : lives.memory.sas) kept.record[100] ^= 1;
    lives.restart();
    CHECK_FALSE(lives.is_up());

    Lives other;
    other.connect();
    for (dataplane::KeptSession& kept : other.memory.sessions) kept.record[100] ^= 1;
    other.restart();
    other.settle();
    CHECK(other.right->engine.sizes().ike_sas == 1);
    CHECK(other.right->sessions.entries.empty());
    CHECK(other.left.sessions.entries.empty());
}

TEST_CASE("KL13: half-open, closed and deleted IKE_SAs leave nothing") {
    Lives lives;
    lives.left.initiate();
    lives.right->deliver(lives.left.sent.front());
    CHECK(lives.keepers->sas.kept() == 0);
    lives.right->sent.clear();
    lives.left.sent.clear();
    lives.restart();
    CHECK(lives.right->engine.sizes().all == 0);
    lives.advance(120s);
    REQUIRE(lives.is_up());
    lives.right->terminate();
    CHECK(lives.keepers->sas.kept() == 0);
    lives.settle();
    lives.restart();
    CHECK(lives.right->engine.sizes().all == 0);
}

TEST_CASE("KL13: where there is no room IKE_SAs end with the process") {
    Lives lives;
    lives.connect();
    std::size_t taken = 0;
    while (lives.keepers->sas.allocate(CustomerIndex{static_cast<std::uint32_t>(100 + taken)})) ++taken;
    CHECK(taken == lives.memory.sas.size() - 2);
    Lives alone;
    SaKeeper keeper(alone.memory.sas);
    std::size_t of_one = 0;
    while (keeper.allocate(kAcme)) ++of_one;
    CHECK(of_one == (alone.memory.sas.size()) / 2);  // as many as are left then
}

}  // namespace
}  // namespace warren::ike::testing
