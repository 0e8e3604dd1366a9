#include "stacks/kernel/policy_netlink.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "stacks/kernel/nftables.h"
#include "stacks/plan/firewall.h"

namespace warren::stacks {

namespace {

constexpr std::uint8_t kInet = NFPROTO_INET;
constexpr std::size_t kMembersPerMessage = 500;
constexpr int kBeforeFilters = -100;  // NF_IP_PRI_NAT_DST
constexpr int kBehindFilters = 100;   // NF_IP_PRI_NAT_SRC
constexpr std::size_t kMostUserData = 255;
constexpr Field kIpv4Destination{NFT_PAYLOAD_NETWORK_HEADER, 16, 4};
constexpr Field kIpv6Destination{NFT_PAYLOAD_NETWORK_HEADER, 24, 16};
constexpr Field kDestinationPort{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2};
constexpr Field kIcmpType{NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1};

std::array<std::uint8_t, 2> port_bytes(std::uint16_t port) {
    std::array<std::uint8_t, 2> out{};
    store_be(out.data(), port);
    return out;
}

// --- rules ---------------------------------------------------------------------------------------

class PolicyWriter : private Expressions {
  public:
    using Expressions::Expressions;

    void write(const PolicyRule& rule, const RuleCount& count) {
        if (rule.kind == PolicyRule::Kind::kPing) {
            match_echo(*rule.protocol);
        } else if (rule.protocol) {
            load_ct(NFT_CT_PROTOCOL, kOriginal);
            compare(Bytes(&*rule.protocol, 1));
        }
        if (rule.kind == PolicyRule::Kind::kForward) match_bits(NFT_CT_STATUS, IPS_DST_NAT);
        // The reply comes from where the connection leads to, after all translation.
        if (rule.from) match(*rule.from, kOriginal);
        if (rule.to) match(*rule.to, kReply);
        if (rule.ports) match(*rule.ports, kReply);
        if (rule.action == PolicyAction::kLog) return write_log(rule.name);
        count_from(count);
        decide(rule.action);
    }

    void write_rate(const ConnectionLimit& limit, const RuleCount& count) {
        match_bits(NFT_CT_STATE, kCtNew);
        expression("limit", [&] {
            request_.put_be64(NFTA_LIMIT_RATE, limit.faster);
            request_.put_be64(NFTA_LIMIT_UNIT, 1);
            request_.put_be32(NFTA_LIMIT_BURST, limit.faster);
            request_.put_be32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
            request_.put_be32(NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
        });
        count_from(count);
        give(NF_DROP);
    }

    void write_limit(const ConnectionLimit& limit, const std::string& set) {
        match_bits(NFT_CT_STATE, kCtNew);
        load_ct(NFT_CT_ID);
        expression("hash", [&] {
            request_.put_be32(NFTA_HASH_SREG, kRegister);
            request_.put_be32(NFTA_HASH_DREG, kRegister);
            request_.put_be32(NFTA_HASH_LEN, 4);
            request_.put_be32(NFTA_HASH_MODULUS, limit.lists);
            request_.put_be32(NFTA_HASH_TYPE, NFT_HASH_JENKINS);
        });
        expression("dynset", [&] {
            request_.put(NFTA_DYNSET_SET_NAME, std::string_view(set));
            request_.put_be32(NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
            request_.put_be32(NFTA_DYNSET_SREG_KEY, kRegister);
            request_.nest(NLA_F_NESTED | NFTA_DYNSET_EXPR, [&] {
                request_.put(NFTA_EXPR_NAME, std::string_view("connlimit"));
                request_.nest(NLA_F_NESTED | NFTA_EXPR_DATA, [&] {
                    request_.put_be32(NFTA_CONNLIMIT_COUNT, limit.each);
                    request_.put_be32(NFTA_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
                });
            });
        });
        count_from({});
        give(NF_DROP);
    }

    void write(const Redirection& one) {
        const bool is_v4 = one.at.is_v4();
        compare_device(NFT_META_IIFNAME, one.in_device);
        match_family(is_v4);
        load_field(is_v4 ? kIpv4Destination : kIpv6Destination);
        compare(one.at.bytes());
        load_meta(NFT_META_L4PROTO);
        compare(Bytes(&one.protocol, 1));
        load_field(kDestinationPort);
        compare(port_bytes(one.port));
        load(one.to.address.bytes(), kRegister);
        load(port_bytes(one.to.port), NFT_REG_2);
        expression("nat", [&] {
            request_.put_be32(NFTA_NAT_TYPE, NFT_NAT_DNAT);
            request_.put_be32(NFTA_NAT_FAMILY, is_v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
            request_.put_be32(NFTA_NAT_REG_ADDR_MIN, kRegister);
            request_.put_be32(NFTA_NAT_REG_PROTO_MIN, NFT_REG_2);
        });
    }

    void write(const Masquerade& one) {
        compare_device(NFT_META_OIFNAME, one.out_device);
        match_family(one.family == Family::kV4);
        expression("masq", [] {});
    }

    void accept() { give(NF_ACCEPT); }

  private:
    void write_log(const std::string& name) {
        match_bits(NFT_CT_STATE, kCtNew);
        expression("limit", [&] {
            request_.put_be64(NFTA_LIMIT_RATE, kLoggedPerSecond);
            request_.put_be64(NFTA_LIMIT_UNIT, 1);
            request_.put_be32(NFTA_LIMIT_BURST, kLoggedAtOnce);
            request_.put_be32(NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
        });
        expression("log", [&] {
            const std::array group{static_cast<std::uint8_t>(kLogGroup >> 8),
                                   static_cast<std::uint8_t>(kLogGroup & 0xff)};
            request_.put(NFTA_LOG_GROUP, group);
            request_.put(NFTA_LOG_PREFIX, std::string_view(name));
        });
    }

    void match_family(bool is_v4) {
        load_meta(NFT_META_NFPROTO);
        compare(Bytes(is_v4 ? &kNfprotoIpv4 : &kNfprotoIpv6, 1));
    }

    void match_bits(std::uint32_t key, std::uint32_t any_of) {
        load_ct(key);
        mask(bits(any_of));
        compare(bits(0), NFT_CMP_NEQ);
    }

    // RFC 792: 8 and 0; RFC 4443: 128 and 129.
    void match_echo(std::uint8_t protocol) {
        const bool is_v4 = protocol == kProtocolIcmp;
        match_family(is_v4);
        load_meta(NFT_META_L4PROTO);
        compare(Bytes(&protocol, 1));
        load_field(kIcmpType);
        const std::uint8_t common = is_v4 ? 0xf7 : 0xfe;
        const std::uint8_t value = is_v4 ? 0 : 128;
        mask(Bytes(&common, 1));
        compare(Bytes(&value, 1));
    }

    void match(const Selector& selector, std::uint8_t direction) {
        constexpr std::array<std::uint32_t, 3> kKeys{NFT_CT_SRC_IP, NFT_CT_SRC_IP6, NFT_CT_PROTO_SRC};
        load_ct(kKeys.at(static_cast<std::size_t>(selector.key)), direction);
        if (!selector.list.empty()) return look_up(selector.list);
        const std::size_t size = size_of(selector.key);
        const Bytes first = Bytes(selector.range.first).first(size);
        const Bytes last = Bytes(selector.range.last).first(size);
        if (selector.range.first == selector.range.last) return compare(first);
        expression("range", [&] {
            request_.put_be32(NFTA_RANGE_SREG, kRegister);
            request_.put_be32(NFTA_RANGE_OP, NFT_RANGE_EQ);
            request_.nest(NLA_F_NESTED | NFTA_RANGE_FROM_DATA, [&] { request_.put(NFTA_DATA_VALUE, first); });
            request_.nest(NLA_F_NESTED | NFTA_RANGE_TO_DATA, [&] { request_.put(NFTA_DATA_VALUE, last); });
        });
    }

    void look_up(const std::string& list) {
        expression("lookup", [&] {
            request_.put(NFTA_LOOKUP_SET, std::string_view(list));
            request_.put_be32(NFTA_LOOKUP_SREG, kRegister);
        });
    }

    void load(Bytes value, std::uint32_t into) {
        expression("immediate", [&] {
            request_.put_be32(NFTA_IMMEDIATE_DREG, into);
            request_.nest(NLA_F_NESTED | NFTA_IMMEDIATE_DATA, [&] { request_.put(NFTA_DATA_VALUE, value); });
        });
    }

    void count_from(const RuleCount& count) {
        expression("counter", [&] {
            request_.put_be64(NFTA_COUNTER_BYTES, count.bytes);
            request_.put_be64(NFTA_COUNTER_PACKETS, count.packets);
        });
        expression("last", [&] {
            if (!count.milliseconds_since) return;
            request_.put_be32(NFTA_LAST_SET, 1);
            request_.put_be64(NFTA_LAST_MSECS, *count.milliseconds_since);
        });
    }

    void decide(PolicyAction action) {
        switch (action) {
            case PolicyAction::kAdmit: return give(static_cast<std::uint32_t>(NFT_GOTO), kAdmitChain);
            case PolicyAction::kAccept: return give(NF_ACCEPT);
            case PolicyAction::kDrop: return give(NF_DROP);
            case PolicyAction::kReset:
                return expression("reject", [&] { request_.put_be32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST); });
            case PolicyAction::kUnwelcome:
                return expression("reject", [&] {
                    constexpr std::uint8_t kCode = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
                    request_.put_be32(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
                    request_.put(NFTA_REJECT_ICMP_CODE, Bytes(&kCode, 1));
                });
            case PolicyAction::kLog: return;  // decides nothing
        }
    }
};

// Without an acknowledgement: there may be thousands, and an error comes all the same.
NetlinkRequest quiet_request(int message, int flags) {
    return {nftables_type(message), static_cast<std::uint16_t>(flags), nftables_header(kInet)};
}

NetlinkRequest chain_request(const char* name, int message, int flags) {
    NetlinkRequest out = quiet_request(message, flags);
    out.put(NFTA_CHAIN_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_CHAIN_NAME, std::string_view(name));
    return out;
}

NetlinkRequest nat_chain_request(const char* name, std::uint32_t hook, int priority) {
    NetlinkRequest out = chain_request(name, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    out.nest(NLA_F_NESTED | NFTA_CHAIN_HOOK, [&] {
        out.put_be32(NFTA_HOOK_HOOKNUM, hook);
        out.put_be32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(priority));
    });
    out.put_be32(NFTA_CHAIN_POLICY, NF_ACCEPT);
    out.put(NFTA_CHAIN_TYPE, std::string_view("nat"));
    return out;
}

template <typename Write>
NetlinkRequest rule_request(const char* chain, Write write) {
    NetlinkRequest out = quiet_request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_RULE_CHAIN, std::string_view(chain));
    out.nest(NLA_F_NESTED | NFTA_RULE_EXPRESSIONS, [&] {
        PolicyWriter writer(out);
        write(writer);
    });
    return out;
}

// What people see, and what we know it by.
void name_rule(NetlinkRequest& request, const PolicyRule& rule) {
    const std::string name = counter_name(rule);
    std::vector<std::uint8_t> data = comment_data(name);
    std::string text = name + "\n" + rule.summary;
    const std::size_t room = kMostUserData - data.size() - 3;
    if (text.size() > room) {
        std::size_t cut = room - 3;
        while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0U) == 0x80) --cut;
        text = text.substr(0, cut) + "...";
    }
    data.push_back(kRuleText);
    data.push_back(static_cast<std::uint8_t>(text.size() + 1));
    data.insert(data.end(), text.begin(), text.end());
    data.push_back(0);
    request.put(NFTA_RULE_USERDATA, data);
}

// --- sets ----------------------------------------------------------------------------------------

NetlinkRequest set_name_request(const std::string& name, int message, int flags) {
    NetlinkRequest out = quiet_request(message, flags);
    out.put(NFTA_SET_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_SET_NAME, std::string_view(name));
    return out;
}

NetlinkRequest list_request(const KeyList& list, std::uint32_t number) {
    constexpr std::array<std::uint32_t, 3> kTypes{kIpv4AddressType, kIpv6AddressType, kServiceType};
    NetlinkRequest out = set_name_request(list.name, NFT_MSG_NEWSET, NLM_F_CREATE);
    out.put_be32(NFTA_SET_ID, number);
    out.put_be32(NFTA_SET_FLAGS, NFT_SET_INTERVAL);
    out.put_be32(NFTA_SET_KEY_TYPE, kTypes.at(static_cast<std::size_t>(list.key)));
    out.put_be32(NFTA_SET_KEY_LEN, static_cast<std::uint32_t>(size_of(list.key)));
    return out;
}

NetlinkRequest connections_request(const std::string& set, std::uint32_t lists, std::uint32_t number) {
    NetlinkRequest out = set_name_request(set, NFT_MSG_NEWSET, NLM_F_CREATE);
    out.put_be32(NFTA_SET_ID, number);
    out.put_be32(NFTA_SET_FLAGS, NFT_SET_EVAL);
    out.put_be32(NFTA_SET_KEY_TYPE, kMarkType);
    out.put_be32(NFTA_SET_KEY_LEN, 4);
    out.nest(NLA_F_NESTED | NFTA_SET_DESC, [&] { out.put_be32(NFTA_SET_DESC_SIZE, lists); });
    return out;
}

NetlinkRequest members_request(const std::string& list, int message, int flags) {
    NetlinkRequest out = quiet_request(message, flags);
    out.put(NFTA_SET_ELEM_LIST_TABLE, std::string_view(kFirewallTable));
    out.put(NFTA_SET_ELEM_LIST_SET, std::string_view(list));
    return out;
}

void put_member(NetlinkRequest& to, Bytes key, bool is_end) {
    to.nest(NLA_F_NESTED | NFTA_LIST_ELEM, [&] {
        to.nest(NLA_F_NESTED | NFTA_SET_ELEM_KEY, [&] { to.put(NFTA_DATA_VALUE, key); });
        if (is_end) to.put_be32(NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
    });
}

// One more; false: it was the last one.
bool step(std::array<std::uint8_t, 16>& key, std::size_t size) {
    for (std::size_t at = size; at > 0; --at) {
        if (++key.at(at - 1) != 0) return true;
    }
    return false;
}

// One less than a key that is not the first one.
void step_back(std::array<std::uint8_t, 16>& key, std::size_t size) {
    for (std::size_t at = size; at > 0; --at) {
        if (key.at(at - 1)-- != 0) return;
    }
}

void append_members(const KeyList& list, std::vector<NetlinkRequest>& batch) {
    const std::size_t size = size_of(list.key);
    for (std::size_t done = 0; done < list.members.size(); done += kMembersPerMessage) {
        NetlinkRequest out = members_request(list.name, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
        out.nest(NLA_F_NESTED | NFTA_SET_ELEM_LIST_ELEMENTS, [&] {
            for (std::size_t i = done; i < std::min(list.members.size(), done + kMembersPerMessage); ++i) {
                put_member(out, Bytes(list.members[i].first).first(size), false);
                std::array<std::uint8_t, 16> end = list.members[i].last;
                if (step(end, size)) put_member(out, Bytes(end).first(size), true);
            }
        });
        batch.push_back(std::move(out));
    }
}

std::uint32_t number_in(Bytes value) {
    return value.size() == 4 ? load_be<std::uint32_t>(value.data()) : 0;
}
std::uint64_t long_in(Bytes value) {
    return value.size() == 8 ? load_be<std::uint64_t>(value.data()) : 0;
}

Bytes attributes_of(const NetlinkMessage& message) {
    return message.payload.size() < sizeof(nfgenmsg) ? Bytes() : message.payload.subspan(sizeof(nfgenmsg));
}

// The first attribute of this type; empty when there is none.
Bytes find(Bytes attributes, std::uint16_t type) {
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == type) return attribute.value;
    }
    return {};
}

}  // namespace

void append_policy(const Policy& policy, const std::map<std::string, RuleCount>& counts, std::uint32_t& set_number,
                   std::vector<NetlinkRequest>& batch) {
    for (const KeyList& list : policy.lists) {
        batch.push_back(list_request(list, ++set_number));
        append_members(list, batch);
    }
    std::map<std::string, RuleCount> left = counts;
    // The first nftables rule of a rule goes on where the counters were.
    const auto take = [&left](const PolicyRule& rule) {
        const auto found = left.find(counter_name(rule));
        if (found == left.end()) return RuleCount{};
        const RuleCount count = found->second;
        left.erase(found);
        return count;
    };
    if (policy.is_stateful()) {
        const ConnectionLimit limit = limit_of(policy.max_connections);
        const std::string set = connection_set(policy.max_connections);
        batch.push_back(connections_request(set, limit.lists, ++set_number));
        batch.push_back(chain_request(kAdmitChain, NFT_MSG_NEWCHAIN, NLM_F_CREATE));
        PolicyRule refused;
        refused.kind = PolicyRule::Kind::kRefused;
        refused.summary = std::to_string(policy.max_connections);
        const auto add = [&](const auto& write) {
            NetlinkRequest out = rule_request(kAdmitChain, write);
            name_rule(out, refused);
            batch.push_back(std::move(out));
        };
        add([&](PolicyWriter& writer) { writer.write_rate(limit, take(refused)); });
        add([&](PolicyWriter& writer) { writer.write_limit(limit, set); });
        batch.push_back(rule_request(kAdmitChain, [](PolicyWriter& writer) { writer.accept(); }));
    }
    if (!policy.rules.empty()) batch.push_back(chain_request(kPolicyChain, NFT_MSG_NEWCHAIN, NLM_F_CREATE));
    for (const PolicyRule& rule : policy.rules) {
        NetlinkRequest out = rule_request(kPolicyChain, [&](PolicyWriter& writer) {
            writer.write(rule, rule.action == PolicyAction::kLog ? RuleCount{} : take(rule));
        });
        name_rule(out, rule);
        batch.push_back(std::move(out));
    }
    if (!policy.redirections.empty())
        batch.push_back(nat_chain_request(kRedirectChain, NF_INET_PRE_ROUTING, kBeforeFilters));
    for (const Redirection& one : policy.redirections)
        batch.push_back(rule_request(kRedirectChain, [&](PolicyWriter& writer) { writer.write(one); }));
    if (!policy.masquerades.empty())
        batch.push_back(nat_chain_request(kMasqueradeChain, NF_INET_POST_ROUTING, kBehindFilters));
    for (const Masquerade& one : policy.masquerades)
        batch.push_back(rule_request(kMasqueradeChain, [&](PolicyWriter& writer) { writer.write(one); }));
}

void remove_policy(const ObservedPolicy& present, const std::string& kept, std::vector<NetlinkRequest>& batch) {
    // The first of them calls the second.
    for (const char* name : {kPolicyChain, kAdmitChain, kRedirectChain, kMasqueradeChain}) {
        const bool is_there = std::find(present.chains.begin(), present.chains.end(), name) != present.chains.end();
        if (is_there) batch.push_back(chain_request(name, NFT_MSG_DELCHAIN, 0));
    }
    for (const KeyList& list : present.lists) batch.push_back(set_name_request(list.name, NFT_MSG_DELSET, 0));
    for (const std::string& set : present.counting) {
        if (set != kept) batch.push_back(set_name_request(set, NFT_MSG_DELSET, 0));
    }
}

std::vector<NetlinkRequest> encode_members(const std::vector<KeyList>& lists) {
    std::vector<NetlinkRequest> batch;
    batch.emplace_back(NFNL_MSG_BATCH_BEGIN, std::uint16_t{0}, nftables_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    for (const KeyList& list : lists) {
        batch.push_back(members_request(list.name, NFT_MSG_DELSETELEM, 0));
        append_members(list, batch);
    }
    // The last one is acknowledged when all are done.
    NetlinkRequest table = nftables_request(kInet, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    table.put(NFTA_TABLE_NAME, std::string_view(kFirewallTable));
    table.put_be32(NFTA_TABLE_FLAGS, 0);
    batch.push_back(std::move(table));
    batch.emplace_back(NFNL_MSG_BATCH_END, std::uint16_t{0}, nftables_header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return batch;
}

NetlinkRequest dump_sets() {
    NetlinkRequest out(nftables_type(NFT_MSG_GETSET), NLM_F_DUMP, nftables_header(kInet));
    out.put(NFTA_SET_TABLE, std::string_view(kFirewallTable));
    return out;
}

NetlinkRequest dump_members(const std::string& list) {
    return members_request(list, NFT_MSG_GETSETELEM, NLM_F_DUMP);
}

std::vector<KeyList> parse_lists(Bytes sets) {
    std::vector<KeyList> out;
    NetlinkMessage message;
    while (next_message(sets, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWSET)) continue;
        const Bytes attributes = attributes_of(message);
        const std::string name = NetlinkAttribute{0, find(attributes, NFTA_SET_NAME)}.text();
        const std::uint32_t size = number_in(find(attributes, NFTA_SET_KEY_LEN));
        if (!is_policy_list(name)) continue;
        for (const KeyList::Key key : {KeyList::Key::kV4, KeyList::Key::kV6, KeyList::Key::kPort}) {
            if (size == size_of(key)) out.push_back({name, key, {}});
        }
    }
    std::sort(out.begin(), out.end(), [](const KeyList& a, const KeyList& b) { return a.name < b.name; });
    return out;
}

std::vector<std::string> parse_counting(Bytes sets) {
    std::vector<std::string> out;
    NetlinkMessage message;
    while (next_message(sets, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWSET)) continue;
        std::string name = NetlinkAttribute{0, find(attributes_of(message), NFTA_SET_NAME)}.text();
        if (name.starts_with(kConnectionSet)) out.push_back(std::move(name));
    }
    return out;
}

std::vector<KeyRange> parse_members(Bytes members, KeyList::Key key) {
    const std::size_t size = size_of(key);
    // An end is the first key that is not in it any more.
    std::vector<std::pair<std::array<std::uint8_t, 16>, bool>> marks;
    NetlinkMessage message;
    while (next_message(members, message)) {
        if (message.type != nftables_type(NFT_MSG_NEWSETELEM)) continue;
        Bytes elements = find(attributes_of(message), NFTA_SET_ELEM_LIST_ELEMENTS);
        NetlinkAttribute element;
        while (next_attribute(elements, element)) {
            const Bytes value = find(find(element.value, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
            if (value.size() != size) continue;
            const std::uint32_t flags = number_in(find(element.value, NFTA_SET_ELEM_FLAGS));
            auto& [mark, begins] = marks.emplace_back();
            std::copy(value.begin(), value.end(), mark.begin());
            begins = (flags & NFT_SET_ELEM_INTERVAL_END) == 0;
        }
    }
    std::sort(marks.begin(), marks.end());
    std::vector<KeyRange> out;
    bool is_open = false;
    for (const auto& [mark, begins] : marks) {
        if (begins) {
            KeyRange range{mark, {}};
            std::fill_n(range.last.begin(), size, 0xff);  // unless an end follows
            out.push_back(range);
        } else if (is_open) {
            out.back().last = mark;
            step_back(out.back().last, size);
        }
        is_open = begins;
    }
    return out;
}

void add_counts(Bytes attributes, std::map<std::string, RuleCount>& counts) {
    const std::string text = text_in_data(find(attributes, NFTA_RULE_USERDATA), kRuleText);
    if (text.empty()) return;
    RuleCount& count = counts[text.substr(0, text.find('\n'))];
    Bytes expressions = find(attributes, NFTA_RULE_EXPRESSIONS);
    NetlinkAttribute expression;
    while (next_attribute(expressions, expression)) {
        const std::string name = NetlinkAttribute{0, find(expression.value, NFTA_EXPR_NAME)}.text();
        const Bytes data = find(expression.value, NFTA_EXPR_DATA);
        if (name == "counter") {
            count.packets += long_in(find(data, NFTA_COUNTER_PACKETS));
            count.bytes += long_in(find(data, NFTA_COUNTER_BYTES));
        }
        if (name != "last" || number_in(find(data, NFTA_LAST_SET)) == 0) continue;
        const std::uint64_t since = long_in(find(data, NFTA_LAST_MSECS));
        count.milliseconds_since = std::min(count.milliseconds_since.value_or(since), since);
    }
}

}  // namespace warren::stacks
