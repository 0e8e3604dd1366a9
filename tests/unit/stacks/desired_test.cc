#include "stacks/plan/desired.h"

#include <algorithm>
#include <set>

#include "scenery.h"

namespace warren::stacks {
namespace {

using config::HandoffType;

std::string printed(const Route& route) {
    std::string text = to_string(route.to);
    if (route.type == RouteType::kUnreachable) return "unreachable " + text;
    if (route.via) text += " via " + to_string(*route.via);
    return text + " dev " + route.device;
}

std::vector<std::string> printed(const std::vector<Route>& routes) {
    std::vector<std::string> out;
    for (const Route& route : routes) out.push_back(printed(route));
    return out;
}

bool contains(const std::vector<Route>& routes, const std::string& wanted) {
    const auto all = printed(routes);
    return std::find(all.begin(), all.end(), wanted) != all.end();
}

TEST_CASE("AllowedIPs of enabled peers lead to vpn0; whatever has no route is unreachable, in both families") {
    config::Customer customer = acme();
    customer.peers.push_back(peer("off", {"10.99.0.0/16"}, false));
    const auto routes = printed(desired_stack(customer, kTestRunDir).routes);
    CHECK(routes == std::vector<std::string>{"unreachable 0.0.0.0/0", "unreachable ::/0", "10.43.0.0/16 dev vpn0",
                                             "fd00:43::/64 dev vpn0"});
}

TEST_CASE("a static route leaves on the device behind which its gateway is, and comes after the route to the gateway") {
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kVeth, "", {"10.42.0.1/24"});
    customer.stack.routes = {{prefix("10.50.0.0/16"), ip("10.42.0.254")},
                             {prefix("10.51.0.0/16"), ip("10.0.0.254")},
                             {prefix("10.1.0.0/16"), ip("10.43.0.9")}};
    const auto routes = desired_stack(customer, kTestRunDir).routes;
    CHECK(contains(routes, "10.50.0.0/16 via 10.42.0.254 dev lan0"));
    CHECK(contains(routes, "10.51.0.0/16 via 10.0.0.254 dev vpn0"));
    CHECK(contains(routes, "10.1.0.0/16 via 10.43.0.9 dev vpn0"));
    const auto all = printed(routes);
    const auto gateway = std::find(all.begin(), all.end(), "10.43.0.0/16 dev vpn0");
    CHECK(gateway < std::find(all.begin(), all.end(), "10.1.0.0/16 via 10.43.0.9 dev vpn0"));
}

TEST_CASE("of a standby customer lan0 is down, and no route needs it; everything else is made") {
    config::Customer customer = acme();
    customer.handoff.emplace();
    customer.handoff->addresses = {*parse_prefix("10.50.0.1/24")};
    customer.stack.routes.push_back({*parse_prefix("10.60.0.0/16"), *parse_ip("10.50.0.2")});
    const DesiredStack served = desired_stack(customer, kTestRunDir);
    customer.state = config::CustomerState::kStandby;
    const DesiredStack standby = desired_stack(customer, kTestRunDir);
    CHECK_FALSE(served.handoff->is_down);
    CHECK(standby.handoff->is_down);
    const auto needs_lan = [](const Route& route) { return route.device == kHandoffDevice; };
    CHECK(std::any_of(served.routes.begin(), served.routes.end(), needs_lan));
    CHECK(std::none_of(standby.routes.begin(), standby.routes.end(), needs_lan));
    CHECK(standby.addresses == served.addresses);
    CHECK(standby.firewall == served.firewall);
}

TEST_CASE("a static route wins over the same AllowedIP") {
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kVeth, "", {"10.42.0.1/24"});
    customer.stack.routes = {{prefix("10.43.0.0/16"), ip("10.42.0.254")}};
    const auto routes = desired_stack(customer, kTestRunDir).routes;
    CHECK(contains(routes, "10.43.0.0/16 via 10.42.0.254 dev lan0"));
    CHECK_FALSE(contains(routes, "10.43.0.0/16 dev vpn0"));
}

TEST_CASE(
    "a tunnel's network does not leak to the LAN's default route while vpn0 is down, nor the LAN's into a tunnel's") {
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kVeth, "", {"10.42.0.1/24"});
    CHECK_FALSE(contains(desired_stack(customer, kTestRunDir).routes, "unreachable 10.43.0.0/16"));
    customer.stack.routes = {{prefix("0.0.0.0/0"), ip("10.42.0.254")}};
    auto routes = desired_stack(customer, kTestRunDir).routes;
    CHECK(contains(routes, "unreachable 10.43.0.0/16"));
    CHECK(contains(routes, "unreachable 10.0.0.0/24"));
    CHECK_FALSE(contains(routes, "unreachable 10.42.0.0/24"));
    customer.stack.routes.clear();
    customer.peers.push_back(peer("exit", {"0.0.0.0/0"}));
    routes = desired_stack(customer, kTestRunDir).routes;
    CHECK(contains(routes, "unreachable 10.42.0.0/24"));
    CHECK_FALSE(contains(routes, "unreachable 10.43.0.0/16"));
}

TEST_CASE("guards lose against every real route") {
    for (const Route& route : desired_stack(acme(), kTestRunDir).routes)
        CHECK(route.metric == (route.type == RouteType::kUnreachable ? kGuardMetric : kRouteMetric));
    CHECK(kGuardMetric > kRouteMetric);
}

TEST_CASE("the far end of a veth has a name that fits and differs between customers") {
    const auto outer = [](const std::string& id) {
        config::Customer customer = acme();
        customer.id = id;
        customer.handoff = handoff(HandoffType::kVeth, "br0", {});
        return desired_stack(customer, kTestRunDir).handoff->outer;
    };
    CHECK(outer("acme") == "wr-acme");
    CHECK(outer("twelve-chars") == "wr-twelve-chars");
    std::set<std::string> names;
    for (int i = 0; i < 1000; ++i) {
        const std::string name = outer("a-customer-whose-id-is-" + std::to_string(i));
        CHECK(name.size() <= 15);
        names.insert(name);
    }
    CHECK(names.size() == 1000);
}

TEST_CASE("an owner mark gives back the run-dir it was made with, and nothing else does") {
    CHECK(run_dir_of(owner_mark("/run/warren", "acme")) == "/run/warren");
    CHECK(run_dir_of(owner_mark("/run/with customer=x", "acme")) == "/run/with customer=x");
    CHECK_FALSE(run_dir_of("").has_value());
    CHECK_FALSE(run_dir_of("warren run-dir=/run/warren").has_value());
    CHECK_FALSE(run_dir_of("uplink to the provider").has_value());
    CHECK(owner_mark(std::string(kMaxRunDir, 'x'), std::string(31, 'x')).size() < 255);  // IFALIASZ
}

TEST_CASE("a physical handoff is marked with its home, the others are not") {
    config::Customer customer = acme();
    customer.handoff = handoff(HandoffType::kPhysical, "eth7", {});
    CHECK(home_of(desired_stack(customer, kTestRunDir).handoff->mark) == "eth7");
    customer.handoff->type = HandoffType::kMacvlan;
    CHECK_FALSE(home_of(desired_stack(customer, kTestRunDir).handoff->mark).has_value());
}

}  // namespace
}  // namespace warren::stacks
