#include "stacks/kernel/firewall_netlink.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <optional>

namespace warren::stacks {

namespace {

constexpr std::uint8_t kCommentType = 0;  // NFTNL_UDATA_TABLE_COMMENT, the first type of a table's user data
constexpr std::uint32_t kRegister = NFT_REG_1;
constexpr std::uint8_t kNfprotoIpv6 = NFPROTO_IPV6;
constexpr std::size_t kNameSpace = 16;  // IFNAMSIZ: what `meta iifname` loads

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

NetlinkRequest request(int message, int flags) {
    return {message_type(message), static_cast<std::uint16_t>(NLM_F_ACK | flags), header(NFPROTO_INET)};
}

NetlinkRequest table_request(int message, int flags) {
    NetlinkRequest out = request(message, flags);
    out.put(NFTA_TABLE_NAME, std::string_view(kFirewallTable));
    return out;
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

    void load_whether_source_is_routed_back() {
        expression("fib", [&] {
            request_.put_be32(NFTA_FIB_DREG, kRegister);
            request_.put_be32(NFTA_FIB_RESULT, NFT_FIB_RESULT_OIF);
            request_.put_be32(NFTA_FIB_FLAGS, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT);
        });
    }

    void compare(Bytes value) {
        expression("cmp", [&] {
            request_.put_be32(NFTA_CMP_SREG, kRegister);
            request_.put_be32(NFTA_CMP_OP, NFT_CMP_EQ);
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
    }
    return NF_INET_LOCAL_IN;
}

NetlinkRequest chain_request(const FirewallChain& chain) {
    NetlinkRequest out = request(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
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
    NetlinkRequest out = request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
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
    std::string name;
    std::string comment;
};

// Name and comment of a table; the name of the table of a rule. Both have it as attribute 1.
TableName parse_table(Bytes payload) {
    TableName out;
    ByteReader reader(payload);
    reader.take(sizeof(nfgenmsg));
    Bytes attributes = reader.rest();
    NetlinkAttribute attribute;
    while (next_attribute(attributes, attribute)) {
        if (attribute.type == NFTA_TABLE_NAME) out.name = attribute.text();
        if (attribute.type == NFTA_TABLE_USERDATA) out.comment = comment_in(attribute.value);
    }
    return out;
}

static_assert(static_cast<int>(NFTA_TABLE_NAME) == static_cast<int>(NFTA_RULE_TABLE));

}  // namespace

std::vector<NetlinkRequest> encode(const Firewall& firewall, bool replaces) {
    std::vector<NetlinkRequest> batch;
    batch.emplace_back(NFNL_MSG_BATCH_BEGIN, std::uint16_t{0}, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    if (replaces) batch.push_back(table_request(NFT_MSG_DELTABLE, 0));
    NetlinkRequest table = table_request(NFT_MSG_NEWTABLE, NLM_F_CREATE);
    table.put_be32(NFTA_TABLE_FLAGS, 0);
    table.put(NFTA_TABLE_USERDATA, comment(identity(firewall)));
    batch.push_back(std::move(table));
    for (const FirewallChain& chain : firewall.chains) {
        batch.push_back(chain_request(chain));
        for (const FirewallRule& rule : chain.rules) batch.push_back(rule_request(chain, rule));
    }
    batch.emplace_back(NFNL_MSG_BATCH_END, std::uint16_t{0}, header(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
    return batch;
}

NetlinkRequest dump_firewall_tables() {
    return {message_type(NFT_MSG_GETTABLE), NLM_F_DUMP, header(NFPROTO_INET)};
}

NetlinkRequest dump_firewall_rules() {
    NetlinkRequest out(message_type(NFT_MSG_GETRULE), NLM_F_DUMP, header(NFPROTO_INET));
    out.put(NFTA_RULE_TABLE, std::string_view(kFirewallTable));
    return out;
}

std::optional<ObservedFirewall> parse_firewall(Bytes tables, Bytes rules) {
    std::optional<ObservedFirewall> observed;
    NetlinkMessage message;
    while (next_message(tables, message)) {
        if (message.type != message_type(NFT_MSG_NEWTABLE)) continue;
        TableName table = parse_table(message.payload);
        if (table.name == kFirewallTable) observed = ObservedFirewall{std::move(table.comment), 0};
    }
    if (!observed) return observed;
    while (next_message(rules, message)) {
        if (message.type == message_type(NFT_MSG_NEWRULE) && parse_table(message.payload).name == kFirewallTable)
            ++observed->rules;
    }
    return observed;
}

}  // namespace warren::stacks
