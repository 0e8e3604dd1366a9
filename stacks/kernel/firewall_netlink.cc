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

namespace warren::stacks {

namespace {

constexpr std::uint8_t kCommentType = 0;  // NFTNL_UDATA_TABLE_COMMENT, the first type of a table's user data
constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint8_t kNfprotoIpv6 = NFPROTO_IPV6;
constexpr std::uint8_t kIcmpv6 = 58;  // RFC 4443 §1
constexpr std::uint8_t kTcp = 6;      // RFC 9293 §3.1, also for the flag and the option
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kMaximumSegmentSize = 2;
constexpr std::size_t kNameSpace = 16;  // IFNAMSIZ: what `meta iifname` loads
// nft's numbers of types, by which it prints a set's elements.
constexpr std::uint32_t kIpv4AddressType = 7;
constexpr std::uint32_t kIpv6AddressType = 8;
constexpr std::uint64_t kNeighbourMilliseconds = kNeighbourSeconds * std::uint64_t{1000};

// A field of a packet.
struct Field {
    std::uint32_t base;  // NFT_PAYLOAD_*
    std::uint32_t offset;
    std::uint32_t size;
};
constexpr Field kIcmpv6Type{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1};
constexpr Field kIpv6Source{NFT_PAYLOAD_NETWORK_HEADER, 8, 16};
constexpr Field kIpv6DestinationStart{NFT_PAYLOAD_NETWORK_HEADER, 24, 1};
constexpr Field kTcpFlags{NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1};
constexpr Field kArpOperation{NFT_PAYLOAD_NETWORK_HEADER, 6, 2};
constexpr Field kArpSenderAddress{NFT_PAYLOAD_NETWORK_HEADER, 14, 4};  // with hardware addresses of six bytes
constexpr Field kArpTargetAddress{NFT_PAYLOAD_NETWORK_HEADER, 24, 4};
constexpr std::array<std::uint8_t, 2> kArpRequest{0, 1};
constexpr std::uint8_t kMulticast = 0xff;  // RFC 4291 §2.4

constexpr std::uint16_t message_type(int message) {
    return static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message);
}

nfgenmsg header(std::uint8_t family, std::uint16_t resource = 0) {
    nfgenmsg out{};
    out.nfgen_family = family;
    out.version = NFNETLINK_V0;
    out.res_id = byte_swap(resource);
    return out;
}

NetlinkRequest request(std::uint8_t family, int message, int flags) {
    return {message_type(message), static_cast<std::uint16_t>(NLM_F_ACK | flags), header(family)};
}

NetlinkRequest table_request(std::uint8_t family, int message, int flags) {
    NetlinkRequest out = request(family, message, flags);
    out.put(NFTA_TABLE_NAME, std::string_view(kFirewallTable));
    return out;
}

template <typename T>
std::uint8_t family_of(const T& chain_or_set) {
    return is_arp(chain_or_set) ? std::uint8_t{NFPROTO_ARP} : std::uint8_t{NFPROTO_INET};
}

// A text that is the table's comment for `nft`: type, length, text with its zero.
std::vector<std::uint8_t> comment(const std::string& text) {
    std::vector<std::uint8_t> out{kCommentType, static_cast<std::uint8_t>(text.size() + 1)};
    out.insert(out.end(), text.begin(), text.end());
    out.push_back(0);
    return out;
}

// Writes the expressions of one rule.
class RuleWriter {
  public:
    explicit RuleWriter(NetlinkRequest& request) : request_(request) {}

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
        if (rule.clamps_mss) return clamp_mss();
        if (rule.fits) put_into_set(*rule.fits);
        decide(rule.verdict);
    }

  private:
    template <typename Inside>
    void expression(std::string_view name, Inside inside) {
        request_.nest(NLA_F_NESTED | NFTA_LIST_ELEM, [&] {
            request_.put(NFTA_EXPR_NAME, name);
            request_.nest(NLA_F_NESTED | NFTA_EXPR_DATA, inside);
        });
    }

    void load_meta(std::uint32_t key) {
        expression("meta", [&] {
            request_.put_be32(NFTA_META_KEY, key);
            request_.put_be32(NFTA_META_DREG, kRegister);
        });
    }

    void load_field(const Field& field) {
        expression("payload", [&] {
            request_.put_be32(NFTA_PAYLOAD_DREG, kRegister);
            request_.put_be32(NFTA_PAYLOAD_BASE, field.base);
            request_.put_be32(NFTA_PAYLOAD_OFFSET, field.offset);
            request_.put_be32(NFTA_PAYLOAD_LEN, field.size);
        });
    }

    void load_route(std::uint32_t key) {
        expression("rt", [&] {
            request_.put_be32(NFTA_RT_DREG, kRegister);
            request_.put_be32(NFTA_RT_KEY, key);
        });
    }

    // Fails the rule when the set is full.
    void put_into_set(Neighbour neighbour) {
        switch (neighbour) {
            case Neighbour::kNextHopV4: load_route(NFT_RT_NEXTHOP4); break;
            case Neighbour::kNextHopV6: load_route(NFT_RT_NEXTHOP6); break;
            case Neighbour::kSourceV6: load_field(kIpv6Source); break;
            case Neighbour::kArpSender: load_field(kArpSenderAddress); break;
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
        expression("bitwise", [&] {
            request_.put_be32(NFTA_BITWISE_SREG, kRegister);
            request_.put_be32(NFTA_BITWISE_DREG, kRegister);
            request_.put_be32(NFTA_BITWISE_LEN, 1);
            request_.nest(NLA_F_NESTED | NFTA_BITWISE_MASK, [&] { request_.put(NFTA_DATA_VALUE, Bytes(&kSyn, 1)); });
            request_.nest(NLA_F_NESTED | NFTA_BITWISE_XOR, [&] { request_.put(NFTA_DATA_VALUE, Bytes(&kNone, 1)); });
        });
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

    void compare(Bytes value, std::uint32_t operation = NFT_CMP_EQ) {
        expression("cmp", [&] {
            request_.put_be32(NFTA_CMP_SREG, kRegister);
            request_.put_be32(NFTA_CMP_OP, operation);
            request_.nest(NLA_F_NESTED | NFTA_CMP_DATA, [&] { request_.put(NFTA_DATA_VALUE, value); });
        });
    }

    void compare_device(std::uint32_t key, const std::string& device) {
        load_meta(key);
        std::array<std::uint8_t, kNameSpace> name{};
        std::copy(device.begin(), device.end(), name.begin());
        compare(name);
    }

    void decide(Verdict verdict) {
        expression("immediate", [&] {
            request_.put_be32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
            request_.nest(NLA_F_NESTED | NFTA_IMMEDIATE_DATA, [&] {
                request_.nest(NLA_F_NESTED | NFTA_DATA_VERDICT, [&] {
                    request_.put_be32(NFTA_VERDICT_CODE, verdict == Verdict::kAccept ? NF_ACCEPT : NF_DROP);
                });
            });
        });
    }

    NetlinkRequest& request_;
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

NetlinkRequest set_request(const NeighbourSet& set, std::uint32_t number) {
    const bool is_v6 = set.of == Neighbour::kNextHopV6;
    NetlinkRequest out = request(family_of(set), NFT_MSG_NEWSET, NLM_F_CREATE);
    out.put(NFTA_SET_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_SET_NAME, std::string_view(set.name));
    out.put_be32(NFTA_SET_ID, number);
    out.put_be32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT | NFT_SET_EVAL);
    out.put_be32(NFTA_SET_KEY_TYPE, is_v6 ? kIpv6AddressType : kIpv4AddressType);
    out.put_be32(NFTA_SET_KEY_LEN, is_v6 ? 16 : 4);
    out.put_be64(NFTA_SET_TIMEOUT, kNeighbourMilliseconds);
    out.nest(NLA_F_NESTED | NFTA_SET_DESC, [&] { out.put_be32(NFTA_SET_DESC_SIZE, set.size); });
    return out;
}

NetlinkRequest chain_request(const FirewallChain& chain) {
    NetlinkRequest out = request(family_of(chain), NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    out.put(NFTA_CHAIN_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_CHAIN_NAME, std::string_view(name_of(chain.hook)));
    out.nest(NLA_F_NESTED | NFTA_CHAIN_HOOK, [&] {
        out.put_be32(NFTA_HOOK_HOOKNUM, hook_number(chain.hook));
        out.put_be32(NFTA_HOOK_PRIORITY, 0);
    });
    out.put_be32(NFTA_CHAIN_POLICY, chain.policy == Verdict::kAccept ? NF_ACCEPT : NF_DROP);
    out.put(NFTA_CHAIN_TYPE, std::string_view("filter"));
    return out;
}

NetlinkRequest rule_request(const FirewallChain& chain, const FirewallRule& rule) {
    NetlinkRequest out = request(family_of(chain), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_RULE_CHAIN, std::string_view(name_of(chain.hook)));
    out.nest(NLA_F_NESTED | NFTA_RULE_EXPRESSIONS, [&] { RuleWriter(out).write(rule); });
    return out;
}

std::string comment_in(Bytes user_data) {
    ByteReader reader(user_data);
    while (reader.ok() && !reader.rest().empty()) {
        const std::uint8_t type = reader.u8();
        const Bytes value = reader.take(reader.u8());
        if (type == kCommentType) return NetlinkAttribute{0, value}.text();
    }
    return {};
}

struct TableName {
    std::uint8_t family = 0;
    std::string name;
    std::string comment;
};

// Name and comment of a table; the name of the table of a rule. Both have it as attribute 1.
TableName parse_table(Bytes payload) {
    TableName out;
    ByteReader reader(payload);
    out.family = reader.u8();
    reader.take(sizeof(nfgenmsg) - 1);
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_TABLE_NAME) out.name = attribute.text();
        if (attribute.type == NFTA_TABLE_USERDATA) out.comment = comment_in(attribute.value);
    }
    return out;
}

bool is_ours(const TableName& table) {
    return table.name == kFirewallTable && (table.family == NFPROTO_INET || table.family == NFPROTO_ARP);
}

static_assert(static_cast<int>(NFTA_TABLE_NAME) == static_cast<int>(NFTA_RULE_TABLE));
static_assert(static_cast<int>(NFTA_TABLE_NAME) == static_cast<int>(NFTA_CHAIN_TABLE));

// "NAME POLICY"; "NAME" of one that is at no hook.
std::string parse_chain(Bytes payload) {
    std::string name;
    std::string policy;
    ByteReader reader(payload);
    reader.take(sizeof(nfgenmsg));
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_CHAIN_NAME) name = attribute.text();
        if (attribute.type == NFTA_CHAIN_POLICY && attribute.value.size() == 4)
            policy = std::string(" ") + name_of(load_be<std::uint32_t>(attribute.value.data()) == NF_ACCEPT
                                                    ? Verdict::kAccept
                                                    : Verdict::kDrop);
    }
    return name + policy;
}

}  // namespace

std::vector<NetlinkRequest> encode(const Firewall& firewall, bool replaces) {
    std::vector<NetlinkRequest> batch;
    batch.emplace_back(NFNL_MSG_BATCH_BEGIN, std::uint16_t{0}, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    const bool has_arp = std::any_of(firewall.chains.begin(), firewall.chains.end(),
                                     [](const FirewallChain& chain) { return is_arp(chain); });
    for (const std::uint8_t family : {std::uint8_t{NFPROTO_INET}, std::uint8_t{NFPROTO_ARP}}) {
        if (replaces) {
            // One that may be missing can only be removed after it was added.
            batch.push_back(table_request(family, NFT_MSG_NEWTABLE, NLM_F_CREATE));
            batch.push_back(table_request(family, NFT_MSG_DELTABLE, 0));
        }
        if (family == NFPROTO_ARP && !has_arp) continue;
        NetlinkRequest table = table_request(family, NFT_MSG_NEWTABLE, NLM_F_CREATE);
        table.put_be32(NFTA_TABLE_FLAGS, 0);
        table.put(NFTA_TABLE_USERDATA, comment(identity(firewall)));
        batch.push_back(std::move(table));
    }
    std::uint32_t number = 0;
    for (const NeighbourSet& set : firewall.sets) batch.push_back(set_request(set, ++number));
    for (const FirewallChain& chain : firewall.chains) {
        batch.push_back(chain_request(chain));
        for (const FirewallRule& rule : chain.rules) batch.push_back(rule_request(chain, rule));
    }
    batch.emplace_back(NFNL_MSG_BATCH_END, std::uint16_t{0}, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return batch;
}

NetlinkRequest dump_firewall_tables() {
    return {message_type(NFT_MSG_GETTABLE), NLM_F_DUMP, header(NFPROTO_UNSPEC)};
}

std::array<NetlinkRequest, 2> dump_firewall_rules() {
    const auto of_family = [](std::uint8_t family) {
        NetlinkRequest out(message_type(NFT_MSG_GETRULE), NLM_F_DUMP, header(family));
        out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
        return out;
    };
    return {of_family(NFPROTO_INET), of_family(NFPROTO_ARP)};
}

NetlinkRequest dump_firewall_chains() {
    return {message_type(NFT_MSG_GETCHAIN), NLM_F_DUMP, header(NFPROTO_UNSPEC)};
}

std::optional<ObservedFirewall> parse_firewall(Bytes tables, Bytes rules, Bytes chains) {
    std::optional<ObservedFirewall> observed;
    NetlinkMessage message;
    while (next_message(tables, message)) {
        if (message.type != message_type(NFT_MSG_NEWTABLE)) continue;
        TableName table = parse_table(message.payload);
        if (!is_ours(table)) continue;
        if (!observed) observed.emplace();
        if (table.family == NFPROTO_INET) observed->identity = std::move(table.comment);
    }
    if (!observed) return observed;
    while (next_message(rules, message)) {
        if (message.type == message_type(NFT_MSG_NEWRULE) && is_ours(parse_table(message.payload))) ++observed->rules;
    }
    std::vector<std::string> names;
    while (next_message(chains, message)) {
        if (message.type == message_type(NFT_MSG_NEWCHAIN) && is_ours(parse_table(message.payload)))
            names.push_back(parse_chain(message.payload));
    }
    observed->chains = chain_summary(std::move(names));
    return observed;
}

}  // namespace warren::stacks
