#include "stacks/kernel/rtnetlink.h"

#include "scenery.h"
#include "stacks/kernel/stack_events.h"

namespace warren::stacks {
namespace {

std::string hex(Bytes bytes) {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i > 0 && i % 4 == 0) text += ' ';
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

// Every message starts with nlmsghdr: length, type, flags, sequence number, port. Written by hand from rtnetlink(7).
TEST_CASE("set_up: RTM_SETLINK with IFF_UP in flags and mask") {
    CHECK(hex(rtnetlink::set_up(3, true).bytes()) ==
          "20000000 13000500 00000000 00000000 "
          "00000000 03000000 01000000 01000000");
    CHECK(hex(rtnetlink::set_up(3, false).bytes()) ==
          "20000000 13000500 00000000 00000000 "
          "00000000 03000000 00000000 01000000");
}

TEST_CASE("set_multicast_off: IFF_MULTICAST in the mask, not in the flags") {
    CHECK(hex(rtnetlink::set_multicast_off(3).bytes()) ==
          "20000000 13000500 00000000 00000000 "
          "00000000 03000000 00000000 00100000");
}

TEST_CASE("set_mtu and set_queue_length: one attribute each") {
    CHECK(hex(rtnetlink::set_mtu(2, 1420).bytes()) ==
          "28000000 13000500 00000000 00000000 "
          "00000000 02000000 00000000 00000000 08000400 8c050000");
    CHECK(hex(rtnetlink::set_queue_length(2, 1000).bytes()) ==
          "28000000 13000500 00000000 00000000 "
          "00000000 02000000 00000000 00000000 08000d00 e8030000");
}

TEST_CASE("set_alias: IFLA_IFALIAS, padded, without a zero of its own") {
    CHECK(hex(rtnetlink::set_alias(1, "abcde").bytes()) ==
          "2c000000 13000500 00000000 00000000 "
          "00000000 01000000 00000000 00000000 09001400 61626364 65000000");
}

TEST_CASE("set_no_queue: RTM_NEWQDISC at the root, created or replaced") {
    CHECK(hex(rtnetlink::set_no_queue(2).bytes()) ==
          "30000000 24000505 00000000 00000000 "
          "00000000 02000000 00000000 ffffffff 00000000 0c000100 6e6f7175 65756500");
}

TEST_CASE("put_route: an AllowedIP to vpn0") {
    const Route route{prefix("10.43.0.0/16"), RouteType::kUnicast, "vpn0", std::nullopt, 512};
    CHECK(hex(rtnetlink::put_route(route, 2).bytes()) ==
          "34000000 18000505 00000000 00000000 "
          "02100000 fe57fd01 00000000 "
          "08000100 0a2b0000 08000600 00020000 08000400 02000000");
}

TEST_CASE("put_route: a gateway makes the scope universal, an unreachable route has no device") {
    const Route via{prefix("fd00:50::/64"), RouteType::kUnicast, "lan0", ip("fd00:24::fe"), 512};
    CHECK(hex(rtnetlink::put_route(via, 3).bytes()) ==
          "54000000 18000505 00000000 00000000 "
          "0a400000 fe570001 00000000 "
          "14000100 fd000050 00000000 00000000 00000000 08000600 00020000 "
          "14000500 fd000024 00000000 00000000 000000fe 08000400 03000000");
    const Route guard{prefix("0.0.0.0/0"), RouteType::kUnreachable, "", std::nullopt, kGuardMetric};
    CHECK(hex(rtnetlink::put_route(guard, 0).bytes()) ==
          "2c000000 18000505 00000000 00000000 "
          "02000000 fe570007 00000000 08000100 00000000 08000600 002000ff");
}

TEST_CASE("create_veth: the peer's name is three attributes deep, behind a header of its own") {
    CHECK(hex(rtnetlink::create_veth("wr-a", "lan0").bytes()) ==
          "60000000 10000506 00000000 00000000 "
          "00000000 00000000 00000000 00000000 "
          "09000300 77722d61 00000000"
          " 34001200 09000100 76657468 00000000"
          " 24000200 20000100 00000000 00000000 00000000 00000000"
          " 09000300 6c616e30 00000000");
}

TEST_CASE("move_link: namespace, name and alias in one message") {
    const auto bytes = rtnetlink::move_link(7, 5, "eth7", "x");
    CHECK(hex(bytes.bytes()) ==
          "3c000000 13000500 00000000 00000000 "
          "00000000 07000000 00000000 00000000 "
          "08001c00 05000000 09000300 65746837 00000000 05001400 78000000");
}

TEST_CASE("a link as the kernel sends it") {
    NetlinkRequest message = rtnetlink::set_up(4, true);
    message.put(3, std::string_view("vpn0")).put_host(4, 1420U).put_host(13, 1000U).put(6, std::string_view("noqueue"));
    message.nest(18 | 0x8000, [&] { message.put(1, std::string_view("tun")); });
    message.put(20, std::string_view("warren run-dir=/run/warren customer=acme")).put_host(5, 7U);
    std::vector<std::uint8_t> bytes(message.bytes().begin(), message.bytes().end());
    bytes[4] = 16;  // RTM_NEWLINK
    const auto links = rtnetlink::parse_links(bytes);
    REQUIRE(links.size() == 1);
    CHECK(links[0] == Link{"vpn0", 4, "tun", "warren run-dir=/run/warren customer=acme", "noqueue", 1420, 1000, 0, true,
                           false, 0, 7});
}

std::vector<Route> parsed_back(const Route& route, std::uint32_t index, const std::vector<Link>& links) {
    const auto request = rtnetlink::put_route(route, index);
    return rtnetlink::parse_routes(request.bytes(), links);
}

TEST_CASE("a route that is put is the route that is read") {
    const std::vector<Link> links{{"lo", 1, "", "", "", 0, 0, 0, true}, {"vpn0", 2, "tun", "", "", 0, 0, 0, true}};
    for (const Route& route : {Route{prefix("10.43.0.0/16"), RouteType::kUnicast, "vpn0", std::nullopt, 512},
                               Route{prefix("fd00:50::/64"), RouteType::kUnicast, "vpn0", ip("fd00::1"), 512},
                               Route{prefix("::/0"), RouteType::kUnreachable, "", std::nullopt, kGuardMetric}}) {
        const auto read = parsed_back(route, route.device.empty() ? 0 : 2, links);
        REQUIRE(read.size() == 1);
        CHECK(read[0] == route);
    }
}

TEST_CASE("a route of another protocol or table is not ours") {
    const std::vector<Link> links{{"vpn0", 2, "tun", "", "", 0, 0, 0, true}};
    const auto request =
        rtnetlink::put_route({prefix("10.43.0.0/16"), RouteType::kUnicast, "vpn0", std::nullopt, 512}, 2);
    std::vector<std::uint8_t> bytes(request.bytes().begin(), request.bytes().end());
    CHECK(rtnetlink::parse_routes(bytes, links).size() == 1);
    bytes[16 + 5] = 4;  // RTPROT_STATIC
    CHECK(rtnetlink::parse_routes(bytes, links).empty());
    bytes[16 + 5] = 87;
    bytes[16 + 4] = 100;  // another table
    CHECK(rtnetlink::parse_routes(bytes, links).empty());
}

TEST_CASE("a route of BIRD over vpn0 is a learned one, and no other is") {
    NetlinkRequest request =
        rtnetlink::put_route({prefix("10.60.0.0/24"), RouteType::kUnicast, "vpn0", ip("10.0.0.2"), 1024}, 2);
    std::vector<std::uint8_t> bytes(request.bytes().begin(), request.bytes().end());
    const auto learned = [&bytes](std::uint32_t tunnel) {
        std::vector<LearnedRoute> out;
        rtnetlink::parse_learned(bytes, tunnel, out);
        return out;
    };
    CHECK(learned(2).empty());
    CHECK_FALSE(is_learned_change(bytes));
    CHECK(is_change(bytes));
    bytes[16 + 5] = 12;  // RTPROT_BIRD
    CHECK(learned(2) == std::vector<LearnedRoute>{{prefix("10.60.0.0/24"), ip("10.0.0.2"), true, 1024}});
    CHECK(learned(3) == std::vector<LearnedRoute>{{prefix("10.60.0.0/24"), ip("10.0.0.2"), false, 1024}});
    CHECK(is_learned_change(bytes));
    CHECK_FALSE(is_change(bytes));
    for (const auto& [at, value] : {std::pair{4, 100}, {7, 7}, {1, 33}, {3, 8}}) {  // table, type, length, service
        const std::uint8_t before = bytes[16 + static_cast<std::size_t>(at)];
        bytes[16 + static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
        CHECK(learned(2).empty());
        bytes[16 + static_cast<std::size_t>(at)] = before;
    }
    CHECK(learned(2).size() == 1);
    request = rtnetlink::put_route({prefix("fd00:60::/48"), RouteType::kUnicast, "vpn0", std::nullopt, 1024}, 2);
    bytes.assign(request.bytes().begin(), request.bytes().end());
    bytes[16 + 5] = 12;
    CHECK(learned(2) == std::vector<LearnedRoute>{{prefix("fd00:60::/48"), std::nullopt, true, 1024}});
    CHECK_FALSE(is_learned_change(Bytes(bytes).first(16)));
}

TEST_CASE("addresses: IPv6 link-local ones are the kernel's, with a peer ours is IFA_LOCAL") {
    const std::vector<Link> links{{"lan0", 3, "veth", "", "", 0, 0, 0, true}};
    NetlinkRequest pointed = rtnetlink::add_address(3, prefix("10.0.0.1/24"), false);
    std::vector<std::uint8_t> bytes(pointed.bytes().begin(), pointed.bytes().end());
    bytes[16 + 8 + 8 + 4 + 3] = 9;  // the peer's address
    CHECK(rtnetlink::parse_addresses(bytes, links) == std::vector<DeviceAddress>{{"lan0", prefix("10.0.0.1/24")}});
    const NetlinkRequest local = rtnetlink::add_address(3, prefix("fe80::1/64"), false);
    bytes.assign(local.bytes().begin(), local.bytes().end());
    CHECK(rtnetlink::parse_addresses(bytes, links).size() == 1);
    bytes[16 + 3] = 253;  // RT_SCOPE_LINK
    CHECK(rtnetlink::parse_addresses(bytes, links).empty());
}

TEST_CASE("an error comes with the kernel's words, with and without the request before them") {
    NetlinkRequest request = rtnetlink::set_up(3, true);
    const Bytes sent = request.bytes();
    std::vector<std::uint8_t> payload{0xea, 0xff, 0xff, 0xff};  // -22
    payload.insert(payload.end(), sent.begin(), sent.begin() + 16);
    std::vector<std::uint8_t> capped = payload;
    payload.insert(payload.end(), sent.begin() + 16, sent.end());
    for (std::vector<std::uint8_t>* each : {&payload, &capped})
        each->insert(each->end(), {8, 0, 1, 0, 'b', 'a', 'd', 0});
    NetlinkAnswer answer = parse_answer({2, 0x200, 0, payload});
    CHECK(answer.error == 22);
    CHECK(answer.text == "bad");
    answer = parse_answer({2, 0x300, 0, capped});
    CHECK(answer.text == "bad");
    CHECK(parse_answer({2, 0x100, 0, capped}).text.empty());
    CHECK(parse_answer({2, 0, 0, {}}).error == 0);
}

TEST_CASE("messages and attributes that lie about their length end the walk") {
    std::vector<std::uint8_t> bytes{0xff, 0xff, 0xff, 0xff, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    Bytes stream = bytes;
    NetlinkMessage message;
    CHECK_FALSE(next_message(stream, message));
    bytes[0] = 4;
    bytes[1] = bytes[2] = bytes[3] = 0;
    stream = bytes;
    CHECK_FALSE(next_message(stream, message));
    const std::vector<std::uint8_t> short_attribute{3, 0, 1, 0};
    stream = short_attribute;
    NetlinkAttribute attribute;
    CHECK_FALSE(next_attribute(stream, attribute));
}

}  // namespace
}  // namespace warren::stacks
