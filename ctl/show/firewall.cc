#include "ctl/show/firewall.h"

#include <endian.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>

#include "base/kernel_names.h"
#include "ctl/ask/netns.h"
#include "ctl/show/json.h"
#include "ctl/show/table.h"
#include "ctl/show/units.h"

namespace warren::ctl {

namespace {

constexpr std::string_view kOwn = "rule ";
constexpr std::string_view kRefused = "refused";
constexpr std::size_t kDumpSpace = 32768;  // what the kernel fills at most in one piece of a dump
constexpr const char* kConnectionCount = "/proc/sys/net/netfilter/nf_conntrack_count";

std::string_view text_of(const nlattr* attribute) {
    if (attribute == nullptr) return {};
    const std::string_view whole(static_cast<const char*>(mnl_attr_get_payload(attribute)),
                                 mnl_attr_get_payload_len(attribute));
    return whole.substr(0, whole.find('\0'));
}

// Each attribute in a nest.
std::vector<const nlattr*> all_in(const nlattr* nest) {
    std::vector<const nlattr*> out;
    const auto keep = [](const nlattr* attribute, void* all) {
        static_cast<std::vector<const nlattr*>*>(all)->push_back(attribute);
        return MNL_CB_OK;
    };
    if (nest != nullptr) (void)mnl_attr_parse_nested(nest, keep, &out);
    return out;
}

// The first attribute of this type in a nest; nullptr when there is none.
const nlattr* find(const nlattr* nest, int type) {
    for (const nlattr* attribute : all_in(nest)) {
        if (mnl_attr_get_type(attribute) == type) return attribute;
    }
    return nullptr;
}

std::uint64_t number_of(const nlattr* attribute) {
    if (attribute == nullptr) return 0;
    if (mnl_attr_get_payload_len(attribute) == 4) return be32toh(mnl_attr_get_u32(attribute));
    return mnl_attr_get_payload_len(attribute) == 8 ? be64toh(mnl_attr_get_u64(attribute)) : 0;
}

// What Warren wrote into a rule's user data: types, lengths and values of bytes.
std::string_view rule_text(const nlattr* user_data) {
    if (user_data == nullptr) return {};
    std::string_view rest(static_cast<const char*>(mnl_attr_get_payload(user_data)),
                          mnl_attr_get_payload_len(user_data));
    while (rest.size() >= 2) {
        const auto type = static_cast<std::uint8_t>(rest[0]);
        const std::string_view value = rest.substr(2, static_cast<std::uint8_t>(rest[1]));
        if (type == kRuleText) return value.substr(0, value.find('\0'));
        rest.remove_prefix(2 + value.size());
    }
    return {};
}

int collect(const nlmsghdr* message, void* firewall) {
    if (auto rule = parse_rule(*message)) add_rule(*static_cast<ShownFirewall*>(firewall), std::move(*rule));
    return MNL_CB_OK;
}

// False: the rules changed meanwhile.
Result<bool> dump(const char* chain, ShownFirewall& out) {
    const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(mnl_socket_open(NETLINK_NETFILTER),
                                                                   &mnl_socket_close);
    if (socket == nullptr) return fail_errno("netlink socket", errno);
    if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno("netlink bind", errno);
    std::vector<char> space(kDumpSpace);
    nlmsghdr* request = mnl_nlmsg_put_header(space.data());
    request->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE);
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = 1;
    auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
    header->nfgen_family = NFPROTO_INET;
    header->version = NFNETLINK_V0;
    mnl_attr_put_strz(request, NFTA_RULE_TABLE, kFirewallTable);
    mnl_attr_put_strz(request, NFTA_RULE_CHAIN, chain);
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) return fail_errno("request rules", errno);
    const unsigned port = mnl_socket_get_portid(socket.get());
    while (true) {
        const ssize_t got = mnl_socket_recvfrom(socket.get(), space.data(), space.size());
        if (got < 0) return fail_errno("receive rules", errno);
        const int more = mnl_cb_run(space.data(), static_cast<std::size_t>(got), 1, port, collect, &out);
        if (more < 0 && errno == EINTR) return false;
        if (more < 0 && errno == ENOENT) return true;  // no such chain
        if (more < 0) return fail_errno("receive rules", errno);
        if (more == 0) return true;
    }
}

Result<ShownFirewall> dump_all() {
    constexpr int kAttempts = 5;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        ShownFirewall out;
        auto whole = dump(kAdmitChain, out);
        if (whole && *whole) whole = dump(kPolicyChain, out);
        if (!whole) return tl::unexpected<Error>(whole.error());
        if (!*whole) continue;
        if (!out.refused) return out;
        std::uint64_t count = 0;
        if (std::ifstream(kConnectionCount) >> count) out.connections = count;
        return out;
    }
    return fail(ErrorCode::kUnavailable, "the rules change too fast to list; try again");
}

std::string since_text(const std::optional<std::uint64_t>& milliseconds) {
    if (!milliseconds) return short_age(std::nullopt);
    return short_age(static_cast<std::uint32_t>(std::min<std::uint64_t>(*milliseconds / 1000, UINT32_MAX)));
}

Json counters_of(const ShownRule& rule) {
    Json out;
    out["packets"] = rule.packets;
    out["bytes"] = rule.bytes;
    out["last_hit_seconds"] = rule.milliseconds_since ? Json(*rule.milliseconds_since / 1000) : Json();
    return out;
}

}  // namespace

std::optional<ShownRule> parse_rule(const nlmsghdr& message) {
    if (message.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return std::nullopt;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return std::nullopt;
    std::array<const nlattr*, NFTA_RULE_MAX + 1> attributes{};
    const auto keep = [](const nlattr* attribute, void* all) {
        const auto type = mnl_attr_get_type(attribute);
        if (type <= NFTA_RULE_MAX)
            static_cast<std::array<const nlattr*, NFTA_RULE_MAX + 1>*>(all)->at(type) = attribute;
        return MNL_CB_OK;
    };
    if (mnl_attr_parse(&message, sizeof(nfgenmsg), keep, &attributes) < 0) return std::nullopt;
    const std::string_view text = rule_text(attributes[NFTA_RULE_USERDATA]);
    if (text.empty()) return std::nullopt;
    ShownRule out;
    const std::string_view name = text.substr(0, text.find('\n'));
    out.is_own = name.starts_with(kOwn);
    out.name = out.is_own ? name.substr(kOwn.size()) : name;
    if (name.size() < text.size()) out.summary = text.substr(name.size() + 1);
    for (const nlattr* expression : all_in(attributes[NFTA_RULE_EXPRESSIONS])) {
        const std::string_view kind = text_of(find(expression, NFTA_EXPR_NAME));
        const nlattr* const data = find(expression, NFTA_EXPR_DATA);
        if (kind == "counter") {
            out.packets = number_of(find(data, NFTA_COUNTER_PACKETS));
            out.bytes = number_of(find(data, NFTA_COUNTER_BYTES));
        }
        if (kind == "last" && number_of(find(data, NFTA_LAST_SET)) != 0)
            out.milliseconds_since = number_of(find(data, NFTA_LAST_MSECS));
    }
    return out;
}

void add_rule(ShownFirewall& firewall, ShownRule rule) {
    const auto join = [&rule](ShownRule& with) {
        with.packets += rule.packets;
        with.bytes += rule.bytes;
        if (!rule.milliseconds_since) return;
        with.milliseconds_since =
            std::min(with.milliseconds_since.value_or(*rule.milliseconds_since), *rule.milliseconds_since);
    };
    if (!rule.is_own && rule.name == kRefused) {
        if (firewall.refused) return join(*firewall.refused);
        std::uint64_t most = 0;
        const auto [end, error] = std::from_chars(rule.summary.data(), rule.summary.data() + rule.summary.size(), most);
        if (error == std::errc()) firewall.most = most;
        firewall.refused = std::move(rule);
        return;
    }
    // What one rule became stands together.
    const bool is_same = !firewall.rules.empty() && firewall.rules.back().name == rule.name &&
                         firewall.rules.back().is_own == rule.is_own;
    if (is_same) return join(firewall.rules.back());
    firewall.rules.push_back(std::move(rule));
}

Result<ShownFirewall> firewall_of(const std::string& customer) {
    const auto stack = open_stack(customer);
    if (!stack) return tl::unexpected<Error>(stack.error());
    Result<ShownFirewall> out;
    // A separate thread enters the stack and ends there; the caller stays in its own namespace.
    std::thread([&] {
        const auto entered = enter(*stack, customer);
        out = entered ? dump_all() : tl::unexpected<Error>(entered.error());
    }).join();
    return out;
}

std::string connections_line(const ShownFirewall& firewall) {
    if (!firewall.refused || !firewall.connections || !firewall.most) return {};
    return fmt::format("connections {} of {} tracked, {} packet{} refused\n", *firewall.connections, *firewall.most,
                       firewall.refused->packets, firewall.refused->packets == 1 ? "" : "s");
}

std::string firewall_text(const ShownFirewall& firewall) {
    if (firewall.rules.empty() && !firewall.refused) return "no rules of its own: peers and handoff reach each other\n";
    Table table({{"RULE"}, {"WHAT"}, {"PACKETS", Align::kRight}, {"BYTES", Align::kRight}, {"LAST"}});
    const auto add = [&table](const ShownRule& rule, const std::string& what) {
        table.add({rule.name, what, fmt::format("{}", rule.packets), bytes_text(rule.bytes),
                   since_text(rule.milliseconds_since)});
    };
    for (const ShownRule& rule : firewall.rules) add(rule, rule.is_own ? rule.summary : "-");
    return table.text() + connections_line(firewall);
}

std::string firewall_json(const std::string& customer, const ShownFirewall& firewall) {
    Json out;
    out["customer"] = customer;
    out["rules"] = Json::array();
    const auto add = [&out](const ShownRule& rule) {
        Json entry{{"name", rule.name}, {"own", rule.is_own}, {"summary", rule.is_own ? Json(rule.summary) : Json()}};
        entry.update(counters_of(rule));
        out["rules"].push_back(std::move(entry));
    };
    for (const ShownRule& rule : firewall.rules) add(rule);
    out["connections"] = number_or_null(firewall.connections);
    out["max_connections"] = number_or_null(firewall.most);
    out["refused"] = firewall.refused ? counters_of(*firewall.refused) : Json();
    return dump(out);
}

}  // namespace warren::ctl
