// What the kernel's trace says of a packet, as why reads it.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <array>
#include <cstdint>
#include <vector>

#include "ctl/ask/ruleset.h"

namespace warren::ctl {
namespace {

TEST_CASE("a step of the trace says of which packet it is") {
    std::vector<char> space(4'096);
    nlmsghdr* const message = mnl_nlmsg_put_header(space.data());
    message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE;
    (void)mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg));
    mnl_attr_put_strz(message, NFTA_TRACE_TABLE, "warren");
    mnl_attr_put_strz(message, NFTA_TRACE_CHAIN, "forward");
    mnl_attr_put_u32(message, NFTA_TRACE_ID, htonl(0xdeadbeef));
    nlattr* const verdict = mnl_attr_nest_start(message, NFTA_TRACE_VERDICT);
    mnl_attr_put_u32(message, NFTA_VERDICT_CODE, htonl(NF_DROP));
    mnl_attr_nest_end(message, verdict);
    const auto later = parse_trace(*message);
    REQUIRE(later);
    CHECK(later->id == 0xdeadbeef);
    CHECK(later->network.empty());
    CHECK(later->chain == "forward");
    CHECK(later->verdict == NF_DROP);

    const std::array<std::uint8_t, 20> header{0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 42, 0, 10};
    mnl_attr_put(message, NFTA_TRACE_NETWORK_HEADER, header.size(), header.data());
    const auto first = parse_trace(*message);
    REQUIRE(first);
    CHECK(first->network == std::vector<std::uint8_t>(header.begin(), header.end()));

    message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE;
    CHECK_FALSE(parse_trace(*message));
}

}  // namespace
}  // namespace warren::ctl
