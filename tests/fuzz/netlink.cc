// Netlink messages from the kernel or an attacker: every parser of stacks/ reads the same bytes.
#include <cstdint>

#include "stacks/kernel/firewall_netlink.h"
#include "stacks/kernel/policy_netlink.h"
#include "stacks/kernel/rtnetlink.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace warren;
    const Bytes input(data, size);
    const std::vector<stacks::Link> links = stacks::rtnetlink::parse_links(input);
    (void)stacks::rtnetlink::parse_addresses(input, links);
    (void)stacks::rtnetlink::parse_routes(input, links);
    // Devices for addresses and routes, in addition to the links in the input.
    const std::vector<stacks::Link> known{{"lo", 1, "", "", "", 0, 0, 0, true},
                                          {"vpn0", 2, "tun", "", "", 0, 0, 0, true}};
    for (const stacks::DeviceAddress& address : stacks::rtnetlink::parse_addresses(input, known)) {
        if (address.prefix.length > address.prefix.address.bits()) __builtin_trap();
    }
    for (const stacks::Route& route : stacks::rtnetlink::parse_routes(input, known)) {
        if (route.to.length > route.to.address.bits()) __builtin_trap();
    }
    std::vector<stacks::LearnedRoute> learned;
    stacks::rtnetlink::parse_learned(input, 2, learned);
    for (const stacks::LearnedRoute& route : learned) {
        if (route.to.length > route.to.address.bits()) __builtin_trap();
    }
    (void)stacks::parse_firewall(input, input, input);
    for (const stacks::KeyList& list : stacks::parse_lists(input)) {
        if (!stacks::is_policy_list(list.name)) __builtin_trap();
    }
    for (const auto key : {stacks::KeyList::Key::kV4, stacks::KeyList::Key::kV6, stacks::KeyList::Key::kPort})
        (void)stacks::parse_members(input, key);
    Bytes stream = input;
    stacks::NetlinkMessage message;
    while (stacks::next_message(stream, message)) (void)stacks::parse_answer(message);
    return 0;
}
