#include "stacks/kernel/firewall_netlink.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "stacks/kernel/nftables.h"
#include "stacks/kernel/policy_netlink.h"
#include "stacks/plan/neighbours.h"

namespace warren::stacks {

namespace {

constexpr std::uint32_t kBehindDevice = NFT_REG32_01;  // the four bytes behind the first four of kRegister
constexpr std::uint8_t kIcmpv6 = 58;                   // RFC 4443 §1
constexpr std::uint8_t kTcp = 6;                       // RFC 9293 §3.1, also for the flag and the option
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kIcmpEchoRequest = 8;  // RFC 792
constexpr std::uint8_t kMaximumSegmentSize = 2;
// nft's numbers of types, by which it prints a set's elements.
constexpr std::uint32_t kDeviceIndexType = 20;
constexpr std::uint32_t kTypeBits = 6;  // of each part of a joined type, the last part lowest
constexpr std::uint64_t kNeighbourMilliseconds = kNeighbourSeconds * std::uint64_t{1000};

constexpr Field kIcmpType{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1};
constexpr Field kIcmpv6Type{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1};
constexpr Field kIpv6Source{NFT_PAYLOAD_NETWORK_HEADER, 8, 16};
constexpr Field kIpv6DestinationStart{NFT_PAYLOAD_NETWORK_HEADER, 24, 1};
constexpr Field kTcpFlags{NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1};
constexpr Field kArpOperation{NFT_PAYLOAD_NETWORK_HEADER, 6, 2};
constexpr Field kArpSenderAddress{NFT_PAYLOAD_NETWORK_HEADER, 14, 4};  // with hardware addresses of six bytes
constexpr Field kArpTargetAddress{NFT_PAYLOAD_NETWORK_HEADER, 24, 4};
constexpr std::array<std::uint8_t, 2> kArpRequest{0, 1};
constexpr std::uint8_t kMulticast = 0xff;  // RFC 4291 §2.4

NetlinkRequest table_request(std::uint8_t family, int message, int flags) {
    NetlinkRequest out = nftables_request(family, message, flags);
    out.put(NFTA_TABLE_NAME, std::string_view(kFirewallTable));
    return out;
}

template <typename T>
std::uint8_t family_of(const T& chain_or_set) {
    return is_arp(chain_or_set) ? std::uint8_t{NFPROTO_ARP} : std::uint8_t{NFPROTO_INET};
}

// Writes the expressions of one rule.
class RuleWriter : private Expressions {
  public:
    using Expressions::Expressions;

    void write(const FirewallRule& rule) {
        if (rule.ipv6_source_unrouted) {
            load_meta(NFT_META_NFPROTO);
            compare(Bytes(&kNfprotoIpv6, 1));
            load_whether_source_is_routed_back();
            compare(std::array<std::uint8_t, 4>{});  // missing
        }
        if (!rule.in_device.empty()) compare_device(NFT_META_IIFNAME, rule.in_device);
        if (!rule.out_device.empty()) compare_device(NFT_META_OIFNAME, rule.out_device);
        if (rule.icmpv6_type) {
            load_meta(NFT_META_NFPROTO);
            compare(Bytes(&kNfprotoIpv6, 1));
            load_meta(NFT_META_L4PROTO);
            compare(Bytes(&kIcmpv6, 1));
            load_field(kIcmpv6Type);
            compare(Bytes(&*rule.icmpv6_type, 1));
        }
        if (rule.ipv6_multicast) {
            load_meta(NFT_META_NFPROTO);
            compare(Bytes(&kNfprotoIpv6, 1));
            load_field(kIpv6DestinationStart);
            compare(Bytes(&kMulticast, 1));
        }
        if (rule.arp_request_for) {
            load_field(kArpOperation);
            compare(kArpRequest);
            load_field(kArpTargetAddress);
            compare(rule.arp_request_for->bytes());
        }
        if (rule.arp_request) {
            load_field(kArpOperation);
            compare(kArpRequest);
        }
        if (rule.untracked) {
            load_ct(NFT_CT_STATE);
            mask(bits(kCtInvalid));
            compare(bits(0), NFT_CMP_NEQ);
        }
        if (rule.echo_request) {
            load_meta(NFT_META_NFPROTO);
            compare(Bytes(&kNfprotoIpv4, 1));
            load_meta(NFT_META_L4PROTO);
            compare(Bytes(&kProtocolIcmp, 1));
            load_field(kIcmpType);
            compare(Bytes(&kIcmpEchoRequest, 1));
        }
        if (!rule.calls.empty()) return give(static_cast<std::uint32_t>(NFT_JUMP), rule.calls);
        if (rule.clamps_mss) return clamp_mss();
        if (rule.fits) put_into_set(*rule.fits);
        decide(rule.verdict);
    }

  private:
    void load_route(std::uint32_t key, std::uint32_t into = kRegister) {
        expression("rt", [&] {
            request_.put_be32(NFTA_RT_DREG, into);
            request_.put_be32(NFTA_RT_KEY, key);
        });
    }

    // Fails the rule when the set is full. The key is the device's index and, behind it, the address.
    void put_into_set(Neighbour neighbour) {
        const bool is_next_hop = neighbour == Neighbour::kNextHopV4 || neighbour == Neighbour::kNextHopV6;
        load_meta(is_next_hop ? NFT_META_OIF : NFT_META_IIF);
        switch (neighbour) {
            case Neighbour::kNextHopV4: load_route(NFT_RT_NEXTHOP4, kBehindDevice); break;
            case Neighbour::kNextHopV6: load_route(NFT_RT_NEXTHOP6, kBehindDevice); break;
            case Neighbour::kSourceV6: load_field(kIpv6Source, kBehindDevice); break;
            case Neighbour::kArpSender: load_field(kArpSenderAddress, kBehindDevice); break;
        }
        expression("dynset", [&] {
            request_.put(NFTA_DYNSET_SET_NAME, std::string_view(set_of(neighbour)));
            request_.put_be32(NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
            request_.put_be32(NFTA_DYNSET_SREG_KEY, kRegister);
        });
    }

    // As nft writes `tcp flags syn tcp option maxseg size set rt mtu`. The kernel only ever lowers the option.
    void clamp_mss() {
        load_meta(NFT_META_L4PROTO);
        compare(Bytes(&kTcp, 1));
        load_field(kTcpFlags);
        constexpr std::uint8_t kNone = 0;
        mask(Bytes(&kSyn, 1));
        compare(Bytes(&kNone, 1), NFT_CMP_NEQ);
        load_route(NFT_RT_TCPMSS);
        expression("byteorder", [&] {
            request_.put_be32(NFTA_BYTEORDER_SREG, kRegister);
            request_.put_be32(NFTA_BYTEORDER_DREG, kRegister);
            request_.put_be32(NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
            request_.put_be32(NFTA_BYTEORDER_LEN, 2);
            request_.put_be32(NFTA_BYTEORDER_SIZE, 2);
        });
        expression("exthdr", [&] {
            request_.put_be32(NFTA_EXTHDR_SREG, kRegister);
            request_.put(NFTA_EXTHDR_TYPE, Bytes(&kMaximumSegmentSize, 1));
            request_.put_be32(NFTA_EXTHDR_OFFSET, 2);  // behind the option's kind and length
            request_.put_be32(NFTA_EXTHDR_LEN, 2);
            request_.put_be32(NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
        });
    }

    void load_whether_source_is_routed_back() {
        expression("fib", [&] {
            request_.put_be32(NFTA_FIB_DREG, kRegister);
            request_.put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIF);
            request_.put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT);
        });
    }

    void decide(Verdict verdict) { give(verdict == Verdict::kAccept ? NF_ACCEPT : NF_DROP); }
};

std::uint32_t hook_number(FirewallChain::Hook hook) {
    switch (hook) {
        case FirewallChain::Hook::kInput: return NF_INET_LOCAL_IN;
        case FirewallChain::Hook::kForward: return NF_INET_FORWARD;
        case FirewallChain::Hook::kOutput: return NF_INET_LOCAL_OUT;
        case FirewallChain::Hook::kPostrouting: return NF_INET_POST_ROUTING;
        case FirewallChain::Hook::kArpInput: return NF_ARP_IN;
    }
    return NF_INET_LOCAL_IN;
}

NetlinkRequest set_name_request(const NeighbourSet& set, int message, int flags) {
    NetlinkRequest out = nftables_request(family_of(set), message, flags);
    out.put(NFTA_SET_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_SET_NAME, std::string_view(set.name));
    return out;
}

NetlinkRequest set_request(const NeighbourSet& set, std::uint32_t number) {
    const bool is_v6 = set.of == Neighbour::kNextHopV6;
    NetlinkRequest out = set_name_request(set, NFT_MSG_NEWSET, NLM_F_CREATE);
    out.put_be32(NFTA_SET_ID, number);
    out.put_be32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT | NFT_SET_EVAL);
    out.put_be32(NFTA_SET_KEY_TYPE, kDeviceIndexType << kTypeBits | (is_v6 ? kIpv6AddressType : kIpv4AddressType));
    out.put_be32(NFTA_SET_KEY_LEN, 4 + (is_v6 ? 16 : 4));
    out.put_be64(NFTA_SET_TIMEOUT, kNeighbourMilliseconds);
    out.nest(NLA_F_NESTED | NFTA_SET_DESC, [&] { out.put_be32(NFTA_SET_DESC_SIZE, set.size); });
    return out;
}

NetlinkRequest chain_name_request(std::uint8_t family, const char* name, int message, int flags) {
    NetlinkRequest out = nftables_request(family, message, flags);
    out.put(NFTA_CHAIN_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_CHAIN_NAME, std::string_view(name));
    return out;
}

// `text`: the comment, "" = none.
NetlinkRequest chain_request(const FirewallChain& chain, const std::string& text) {
    NetlinkRequest out = chain_name_request(family_of(chain), name_of(chain.hook), NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    out.nest(NLA_F_NESTED | NFTA_CHAIN_HOOK, [&] {
        out.put_be32(NFTA_HOOK_HOOKNUM, hook_number(chain.hook));
        out.put_be32(NFTA_HOOK_PRIORITY, 0);
    });
    out.put_be32(NFTA_CHAIN_POLICY, chain.policy == Verdict::kAccept ? NF_ACCEPT : NF_DROP);
    out.put(NFTA_CHAIN_TYPE, std::string_view("filter"));
    if (!text.empty()) out.put(NFTA_CHAIN_USERDATA, comment_data(text));
    return out;
}

NetlinkRequest rule_request(const FirewallChain& chain, const FirewallRule& rule) {
    NetlinkRequest out = nftables_request(family_of(chain), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_RULE_CHAIN, std::string_view(name_of(chain.hook)));
    out.nest(NLA_F_NESTED | NFTA_RULE_EXPRESSIONS, [&] { RuleWriter(out).write(rule); });
    return out;
}

// Of a table, a chain or a rule: where it is. All have the table's name as attribute 1.
struct Place {
    std::uint8_t family = 0;
    std::string table;
    Bytes attributes;

    [[nodiscard]] bool is_ours() const {
        return table == kFirewallTable && (family == NFPROTO_INET || family == NFPROTO_ARP);
    }
    [[nodiscard]] bool has_our_chain(std::string_view name) const {
        return is_ours() && is_our_chain(family == NFPROTO_ARP, name);
    }
};

static_assert(static_cast<int>(NFTA_TABLE_NAME) == static_cast<int>(NFTA_RULE_TABLE));
static_assert(static_cast<int>(NFTA_TABLE_NAME) == static_cast<int>(NFTA_CHAIN_TABLE));

Place parse_place(Bytes payload) {
    Place out;
    ByteReader reader(payload);
    out.family = reader.u8();
    reader.take(sizeof(nfgenmsg) - 1);
    out.attributes = reader.rest();
    Bytes attributes = out.attributes;
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_TABLE_NAME) out.table = attribute.text();
    }
    return out;
}

std::string chain_of_rule(const Place& rule) {
    Bytes attributes = rule.attributes;
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_RULE_CHAIN) return attribute.text();
    }
    return {};
}

struct Chain {
    std::string name;
    std::string policy;  // "" of one that is at no hook
    std::string comment;
};

Chain parse_chain(const Place& chain) {
    Chain out;
    Bytes attributes = chain.attributes;
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_CHAIN_NAME) out.name = attribute.text();
        if (attribute.type == NFTA_CHAIN_USERDATA) out.comment = text_in_data(attribute.value, kCommentType);
        if (attribute.type == NFTA_CHAIN_POLICY && attribute.value.size() == 4)
            out.policy = name_of(load_be<std::uint32_t>(attribute.value.data()) == NF_ACCEPT ? Verdict::kAccept
                                                                                             : Verdict::kDrop);
    }
    return out;
}

// Removes what has a name of ours from the table inet. What may be missing can only be removed after it was added.
void remove_ours(const ObservedPolicy& present, const Policy& next, std::vector<NetlinkRequest>& batch,
                 std::uint32_t& set_number) {
    using enum FirewallChain::Hook;
    for (const FirewallChain::Hook hook : {kInput, kForward, kOutput, kPostrouting}) {
        batch.push_back(chain_name_request(NFPROTO_INET, name_of(hook), NFT_MSG_NEWCHAIN, NLM_F_CREATE));
        batch.push_back(chain_name_request(NFPROTO_INET, name_of(hook), NFT_MSG_DELCHAIN, 0));
    }
    const std::string kept = next.is_stateful() ? connection_set(next.max_connections) : std::string();
    remove_policy(present, kept, batch);
    for (const Neighbour of : {Neighbour::kNextHopV4, Neighbour::kNextHopV6}) {
        const NeighbourSet set{set_of(of), of, kLeastNeighbours};
        batch.push_back(set_request(set, ++set_number));
        batch.push_back(set_name_request(set, NFT_MSG_DELSET, 0));
    }
}

}  // namespace

std::vector<NetlinkRequest> encode(const Firewall& firewall, bool replaces, bool keeps_customer_chain,
                                   const ObservedPolicy& present) {
    std::vector<NetlinkRequest> batch;
    batch.emplace_back(NFNL_MSG_BATCH_BEGIN, std::uint16_t{0}, nftables_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    const bool has_arp = std::any_of(firewall.chains.begin(), firewall.chains.end(),
                                     [](const FirewallChain& chain) { return is_arp(chain); });
    for (const std::uint8_t family : {std::uint8_t{NFPROTO_INET}, std::uint8_t{NFPROTO_ARP}}) {
        if (replaces && !(keeps_customer_chain && family == NFPROTO_INET)) {
            // One that may be missing can only be removed after it was added.
            batch.push_back(table_request(family, NFT_MSG_NEWTABLE, NLM_F_CREATE));
            batch.push_back(table_request(family, NFT_MSG_DELTABLE, 0));
        }
        if (family == NFPROTO_ARP && !has_arp) continue;
        NetlinkRequest table = table_request(family, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        table.put_be32(NFTA_TABLE_FLAGS, 0);
        batch.push_back(std::move(table));
    }
    std::uint32_t number = 0;
    if (replaces && keeps_customer_chain) remove_ours(present, firewall.policy, batch, number);
    batch.push_back(chain_name_request(NFPROTO_INET, kCustomerChain, NFT_MSG_NEWCHAIN, NLM_F_CREATE));
    for (const NeighbourSet& set : firewall.sets) batch.push_back(set_request(set, ++number));
    append_policy(firewall.policy, present.counts, number, batch);
    for (const FirewallChain& chain : firewall.chains) {
        const bool shows_identity = chain.hook == FirewallChain::Hook::kInput;
        batch.push_back(chain_request(chain, shows_identity ? identity(firewall) : std::string()));
        for (const FirewallRule& rule : chain.rules) batch.push_back(rule_request(chain, rule));
    }
    batch.emplace_back(NFNL_MSG_BATCH_END, std::uint16_t{0}, nftables_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return batch;
}

NetlinkRequest dump_firewall_tables() {
    return {nftables_type(NFT_MSG_GETTABLE), NLM_F_DUMP, nftables_header(NFPROTO_UNSPEC)};
}

std::array<NetlinkRequest, 2> dump_firewall_rules() {
    const auto of_family = [](std::uint8_t family) {
        NetlinkRequest out(nftables_type(NFT_MSG_GETRULE), NLM_F_DUMP, nftables_header(family));
        out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
        return out;
    };
    return {of_family(NFPROTO_INET), of_family(NFPROTO_ARP)};
}

NetlinkRequest dump_firewall_chains() {
    return {nftables_type(NFT_MSG_GETCHAIN), NLM_F_DUMP, nftables_header(NFPROTO_UNSPEC)};
}

std::optional<ObservedFirewall> parse_firewall(Bytes tables, Bytes rules, Bytes chains) {
    std::optional<ObservedFirewall> observed;
    NetlinkMessage message;
    while (next_message(tables, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWTABLE)) continue;
        if (parse_place(message.payload).is_ours()) observed.emplace();
    }
    if (!observed) return observed;
    while (next_message(rules, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWRULE)) continue;
        const Place place = parse_place(message.payload);
        const std::string chain = chain_of_rule(place);
        if (!place.has_our_chain(chain)) continue;
        ++observed->rules;
        if (is_policy_chain(chain)) add_counts(place.attributes, observed->policy.counts);
    }
    std::vector<std::string> names;
    while (next_message(chains, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWCHAIN)) continue;
        const Place place = parse_place(message.payload);
        if (!place.is_ours()) continue;
        const bool is_inet = place.family == NFPROTO_INET;
        Chain chain = parse_chain(place);
        if (is_inet && chain.name == kCustomerChain && chain.policy.empty()) observed->has_customer_chain = true;
        if (!place.has_our_chain(chain.name)) continue;
        if (is_policy_chain(chain.name)) observed->policy.chains.push_back(chain.name);
        if (is_inet && !chain.comment.empty()) observed->identity = std::move(chain.comment);
        names.push_back(chain.policy.empty() ? chain.name : chain.name + " " + chain.policy);
    }
    observed->chains = chain_summary(std::move(names));
    return observed;
}

}  // namespace warren::stacks
