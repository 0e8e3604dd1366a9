// rtnetlink messages -> routes.
#include "ctl/show/routes.h"

#include <doctest/doctest.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

using namespace warren;
using namespace warren::ctl;

namespace {

// A message in the making.
class Message {
  public:
    Message(unsigned char family, unsigned char length, unsigned char type = RTN_UNICAST,
            unsigned char table = RT_TABLE_MAIN) {
        header_ = mnl_nlmsg_put_header(space_.data());
        header_->nlmsg_type = RTM_NEWROUTE;
        route_ = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(header_, sizeof(rtmsg)));
        route_->rtm_family = family;
        route_->rtm_dst_len = length;
        route_->rtm_type = type;
        route_->rtm_table = table;
        route_->rtm_protocol = RTPROT_STATIC;
    }
    Message& address(std::uint16_t attribute, const char* text) {
        const auto address = parse_ip(text);
        mnl_attr_put(header_, attribute, address->bytes().size(), address->bytes().data());
        return *this;
    }
    Message& number(std::uint16_t attribute, std::uint32_t value) {
        mnl_attr_put_u32(header_, attribute, value);
        return *this;
    }
    Message& bytes(std::uint16_t attribute, const void* data, std::size_t size) {
        mnl_attr_put(header_, attribute, size, data);
        return *this;
    }
    Message& raw(std::uint16_t attribute, std::size_t size) {
        const std::array<char, 64> zeros{};
        mnl_attr_put(header_, attribute, size, zeros.data());
        return *this;
    }
    rtmsg& route() { return *route_; }
    [[nodiscard]] std::optional<StackRoute> parse() const { return parse_route(*header_); }

  private:
    alignas(nlmsghdr) std::array<char, 1024> space_{};
    nlmsghdr* header_;
    rtmsg* route_;
};

}  // namespace

TEST_CASE("a unicast route with gateway, device and metric") {
    const auto route = Message(AF_INET, 16)
                           .address(RTA_DST, "10.43.0.0")
                           .address(RTA_GATEWAY, "10.0.0.2")
                           .number(RTA_OIF, 3)
                           .number(RTA_PRIORITY, 512)
                           .parse();
    REQUIRE(route);
    CHECK(to_string(route->to) == "10.43.0.0/16");
    CHECK(route->type == "unicast");
    CHECK(route->via == parse_ip("10.0.0.2"));
    CHECK(route->interface_index == 3);
    CHECK(route->metric == 512);
    CHECK(route->protocol == "static");
}

TEST_CASE("a route with several next hops has the devices of all, and one that is cut short those that are whole") {
    const auto with = [](std::initializer_list<int> devices, std::size_t cut) {
        std::vector<rtnexthop> hops;
        for (const int device : devices) {
            rtnexthop& hop = hops.emplace_back();
            hop.rtnh_len = sizeof(rtnexthop);
            hop.rtnh_ifindex = device;
        }
        return Message(AF_INET, 0).bytes(RTA_MULTIPATH, hops.data(), hops.size() * sizeof(rtnexthop) - cut).parse();
    };
    const auto route = with({4, 7}, 0);
    REQUIRE(route);
    CHECK(route->interface_index == 4);
    CHECK(route->hops == std::vector<std::uint32_t>{4, 7});
    CHECK(with({4, 7}, 3)->hops == std::vector<std::uint32_t>{4});
    CHECK(with({}, 0)->hops.empty());
    rtnexthop endless{};
    endless.rtnh_ifindex = 4;
    CHECK(Message(AF_INET, 0).bytes(RTA_MULTIPATH, &endless, sizeof(endless)).parse()->hops.empty());
}

TEST_CASE("a default route has no destination attribute, a blackhole no device; protocols have names") {
    const auto route = Message(AF_INET6, 0, RTN_BLACKHOLE).parse();
    REQUIRE(route);
    CHECK(to_string(route->to) == "::/0");
    CHECK(route->type == "blackhole");
    CHECK_FALSE(route->via);
    Message ours(AF_INET, 0);
    ours.route().rtm_protocol = 87;
    CHECK(ours.parse()->protocol == "warren");
    ours.route().rtm_protocol = 250;
    CHECK(ours.parse()->protocol == "250");
}

TEST_CASE("other tables, cloned routes and other families are left out") {
    CHECK_FALSE(Message(AF_INET, 8, RTN_UNICAST, RT_TABLE_LOCAL).parse());
    CHECK_FALSE(Message(AF_INET, 8).number(RTA_TABLE, 1000).parse());
    CHECK(Message(AF_INET, 8, RTN_UNICAST, RT_TABLE_COMPAT).number(RTA_TABLE, RT_TABLE_MAIN).parse());
    Message cloned(AF_INET6, 64);
    cloned.route().rtm_flags = RTM_F_CLONED;
    CHECK_FALSE(cloned.parse());
    CHECK_FALSE(Message(AF_BRIDGE, 8).parse());
    CHECK_FALSE(Message(AF_INET, 33).parse());
}

TEST_CASE("attributes of a wrong size are not read") {
    const auto route =
        Message(AF_INET, 8).raw(RTA_DST, 16).raw(RTA_GATEWAY, 3).raw(RTA_OIF, 2).raw(RTA_PRIORITY, 8).parse();
    REQUIRE(route);
    CHECK(to_string(route->to) == "0.0.0.0/8");
    CHECK_FALSE(route->via);
    CHECK(route->interface_index == 0);
    CHECK(route->metric == 0);
}

TEST_CASE("the routes' table") {
    StackRoute tunnel;
    tunnel.to = *parse_prefix("10.43.0.0/16");
    tunnel.type = "unicast";
    tunnel.device = "vpn0";
    tunnel.metric = 512;
    tunnel.protocol = "warren";
    StackRoute guard = tunnel;
    guard.to = *parse_prefix("0.0.0.0/0");
    guard.type = "unreachable";
    guard.device = "";
    guard.via = parse_ip("10.0.0.254");
    CHECK(routes_text({tunnel, guard}) ==
          "TO            TYPE         VIA         DEVICE  METRIC  MADE BY\n"
          "10.43.0.0/16  unicast      -           vpn0       512  warren\n"
          "0.0.0.0/0     unreachable  10.0.0.254  -          512  warren\n");
}

TEST_CASE("a learned route says whose network it is, or why it is nobody's") {
    StackRoute learned;
    learned.to = *parse_prefix("10.60.0.0/24");
    learned.type = "unicast";
    learned.via = parse_ip("10.0.0.2");
    learned.device = "vpn0";
    learned.metric = 1024;
    learned.protocol = "bird";
    StackRoute other = learned;
    other.to = *parse_prefix("10.61.0.0/24");
    StackRoute ours = learned;
    ours.protocol = "warren";
    std::vector<StackRoute> routes{learned, other, ours};
    note_learned({{learned.to, "graz", "core", ""}, {other.to, "", "", "it is outside"}}, routes);
    CHECK(routes[0].peer == "graz");
    CHECK(routes[0].neighbour == "core");
    CHECK(routes[1].refused == "it is outside");
    CHECK(routes[2] == ours);
    const std::string text = routes_text(routes);
    CHECK(text.find("bird     peer graz, from core\n") != std::string::npos);
    CHECK(text.find("bird     nobody: it is outside\n") != std::string::npos);
    CHECK(text.find("warren   -\n") != std::string::npos);
}
