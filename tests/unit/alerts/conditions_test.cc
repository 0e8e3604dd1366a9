// What is a condition and what is not: a table of situations.
#include "alerts/model/conditions.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "situations.h"

using namespace warren;
using namespace warren::alerts;
using namespace warren::alerts::testing;

namespace {

const Thresholds kBoth{std::chrono::minutes(10), std::chrono::minutes(1)};

std::vector<std::string> found(const Roll& roll, const Facts& facts = {}, Thresholds thresholds = kBoth,
                               Now now = at(0)) {
    std::vector<std::string> out;
    for (const auto& [subject, condition] : conditions_of({now, thresholds, &roll, &facts, true, true}))
        out.push_back(subject.kind + " " + subject.customer + " " + subject.name);
    return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a customer whose peers are up, or that never had one, needs nobody") {
    CHECK(found(roll_of({customer("acme", {up("graz"), never("linz")})})) == Lines{});
    CHECK(found(roll_of({customer("acme", {never("graz")})})) == Lines{});
    CHECK(found(roll_of({customer("acme", {})})) == Lines{});
}

TEST_CASE("a peer that was up and is not is down, and so is a customer when none of its peers is up") {
    CHECK(found(roll_of({customer("acme", {up("graz"), down("linz")})})) == Lines{"peer_down acme linz"});
    CHECK(found(roll_of({customer("acme", {down("graz"), down("linz"), never("wels")})})) ==
          Lines{"customer_down acme ", "peer_down acme graz", "peer_down acme linz"});
    CHECK(found(roll_of({customer("acme", {down("linz")})}), {}, {Duration(0), Duration(0)}) == Lines{});
    CHECK(found(roll_of({customer("acme", {down("linz")})}), {}, {Duration(0), std::chrono::minutes(1)}) ==
          Lines{"customer_down acme "});
}

TEST_CASE("a peer without news of a handshake for 180 s is down, though vpnd said last that it is online") {
    const Roll roll = roll_of({customer("acme", {up("graz", 20)})});
    CHECK(found(roll) == Lines{});
    const auto later = [&roll](Now now) {
        Roll settled = roll;
        settled.settle(now.instant);
        return found(settled, {}, kBoth, now);
    };
    CHECK(later(at(159)) == Lines{});
    CHECK(later(at(161)) == Lines{"customer_down acme ", "peer_down acme graz"});
    CHECK(later({at(20).instant, at(3600).wall}) == Lines{});  // a clock that was set
}

TEST_CASE("peers that are seen first have 180 s to return, or as long as they may be down") {
    Roll roll;
    feed(roll, {customer("acme", {down("graz")})}, true, at(50), 1, 7);
    const auto not_before = [&roll](Thresholds thresholds, const Subject& subject) {
        return conditions_of({at(60), thresholds, &roll, nullptr, true, true}).at(subject).not_before;
    };
    feed(roll, {customer("acme", {down("graz")})}, true, at(55), 1, 8);  // of the next vpnd
    CHECK(not_before(kBoth, {"peer_down", "acme", "graz"}) == at(50 + 180).instant);
    CHECK(not_before(kBoth, {"customer_down", "acme", ""}) == at(50 + 60).instant);
}

TEST_CASE("nobody misses the peers of a suspended customer, nor one that has expired") {
    auto suspended = customer("acme", {down("graz")});
    suspended.customer.settings.suspended = true;
    CHECK(found(roll_of({suspended})) == Lines{});
    auto gone = down("graz");
    gone.activity.is_expired = true;
    gone.settings.expires = {kNow.nanoseconds - kSecond};
    CHECK(found(roll_of({customer("acme", {up("linz"), gone})})) == Lines{"peer_expired acme graz"});
}

TEST_CASE("a peer that expires within 14 days is told") {
    const auto in_days = [](int days) {
        auto peer = up("graz");
        peer.settings.expires = {kNow.nanoseconds + days * 86'400 * kSecond};
        return found(roll_of({customer("acme", {peer})}));
    };
    CHECK(in_days(15) == Lines{});
    CHECK(in_days(13) == Lines{"peer_expires acme graz"});
}

TEST_CASE("a quota is told at 80 and at 100 %, of a customer and of a peer") {
    const auto used = [](std::uint64_t customer_used, std::uint64_t peer_used) {
        auto peer = up("graz");
        peer.settings.limits.quota = 1000;
        peer.activity.month.rx_bytes = peer_used;
        auto of = customer("acme", {peer});
        of.customer.settings.quota = 10'000;
        of.customer.activity.month.rx_bytes = customer_used / 2;
        of.customer.activity.month.tx_bytes = customer_used / 2;
        return found(roll_of({of}));
    };
    CHECK(used(7900, 700) == Lines{});
    CHECK(used(8000, 700) == Lines{"quota_80 acme "});
    CHECK(used(9900, 800) == Lines{"quota_80 acme ", "quota_80 acme graz"});
    CHECK(used(10'000, 1000) == Lines{"quota_100 acme ", "quota_100 acme graz"});
    auto tiny = customer("acme", {});
    tiny.customer.settings.quota = 50;
    CHECK(found(roll_of({tiny})) == Lines{});
    auto spent = customer("acme", {});
    spent.customer.settings.quota = 10'000;
    spent.customer.activity.month.is_spent = true;
    CHECK(found(roll_of({spent})) == Lines{"quota_100 acme "});
}

TEST_CASE("a connection of IPsec is told as a peer is") {
    auto of = site("acme", {connection("branch", ipc::ConnectionState::kDown)});
    CHECK(found(roll_of({of})) == Lines{});
    of.connections[0].activity.latest_handshake = {kNow.nanoseconds - 3600 * kSecond};
    CHECK(found(roll_of({of})) == Lines{"connection_down acme branch", "customer_down acme "});
    of.connections[0].state = ipc::ConnectionState::kUp;
    CHECK(found(roll_of({of})) == Lines{});
}

TEST_CASE("what stackd knows: problems, daemons, a configuration that waits, a failed update, certificates") {
    Facts facts;
    facts.problems = {{ipc::ControlText::Kind::kDiagnostic, "acme", "acme.toml:1:1: error: x\n  line"},
                      {ipc::ControlText::Kind::kUnserved, "globex", "its file has errors"},
                      {ipc::ControlText::Kind::kFact, "", "pid 1"}};
    facts.daemons = {{"authd", "it ended"}};
    facts.pending = 12;
    facts.failed_update = "0.3.0 did not hold";
    facts.certificates = {{"", "soon.pem", {kNow.nanoseconds + 29 * 86'400 * kSecond}},
                          {"acme", "over.pem", {kNow.nanoseconds - kSecond}},
                          {"acme", "later.pem", {kNow.nanoseconds + 31 * 86'400 * kSecond}}};
    CHECK(found(roll_of({}), facts) == Lines{"certificate_expires  soon.pem", "certificate_expires acme over.pem",
                                             "configuration_waits  12", "customer_not_served globex ",
                                             "daemon_down  authd", "file_invalid acme ", "update_failed  "});
}

TEST_CASE("a daemon that does not answer is told, and what it was asked for is not") {
    const Conditions none = conditions_of({at(0), kBoth, nullptr, nullptr, false, false});
    REQUIRE(none.size() == 2);
    CHECK(none.contains({"vpnd_unreachable", "", ""}));
    CHECK(none.contains({"stackd_unreachable", "", ""}));
}

TEST_CASE("what is told of is bounded") {
    std::vector<Given> all;
    for (std::size_t i = 0; i < kMostConditions + 10; ++i)
        all.push_back(customer("c" + std::to_string(i), {down("graz")}));
    CHECK(found(roll_of(all)).size() == kMostConditions);
}

TEST_CASE("a customer has a part of what is told, and one condition says that there is more") {
    std::vector<ipc::PeerSnapshot> peers;
    for (std::size_t i = 0; i < 10 * kMostOfCustomer; ++i) peers.push_back(down("p" + std::to_string(i)));
    const Lines lines = found(roll_of({customer("acme", peers), customer("zeta", {down("graz")})}));
    CHECK(lines.size() == kMostOfCustomer + 3);
    CHECK(std::count(lines.begin(), lines.end(), "more_of_customer acme ") == 1);
    CHECK(std::count(lines.begin(), lines.end(), "customer_down zeta ") == 1);
}

TEST_CASE("what was told is looked at beyond the bounds, so that it is not taken for over") {
    std::vector<ipc::PeerSnapshot> peers;
    for (std::size_t i = 0; i < 10 * kMostOfCustomer; ++i) peers.push_back(down("p" + std::to_string(i)));
    const Subject last{"peer_down", "acme", "p999"};
    const Roll roll = roll_of({customer("acme", peers)});
    Situation situation{at(0), kBoth, &roll, nullptr, true, true};
    CHECK_FALSE(conditions_of(situation).contains(last));
    situation.is_told = [&last](const Subject& subject) { return subject == last; };
    CHECK(conditions_of(situation).contains(last));
}

TEST_CASE("a change without the other peers leaves these as they were, and a whole answer forgets who is gone") {
    Roll roll = roll_of({customer("acme", {up("graz"), down("linz")}), customer("globex", {down("wels")})});
    auto changed = customer("acme", {up("linz")});
    changed.customer.all_peers = false;
    feed(roll, {changed}, false);
    CHECK(found(roll) == Lines{"customer_down globex ", "peer_down globex wels"});
    feed(roll, {customer("acme", {down("linz")})}, true);
    CHECK(found(roll) == Lines{"customer_down acme ", "peer_down acme linz"});
}

TEST_CASE("an answer out of order is an error, and a vpnd without a configuration says nothing") {
    Roll roll;
    CHECK_FALSE(roll.add(at(0), ipc::PeerSnapshot{}).has_value());
    ipc::SnapshotHeader header;
    CHECK(roll.add(at(0), header).value());
    CHECK_FALSE(roll.add(at(0), header).has_value());
    CHECK_FALSE(roll.add(at(0), ipc::SnapshotEnd{}).value());
    CHECK_FALSE(roll.is_known());
}
