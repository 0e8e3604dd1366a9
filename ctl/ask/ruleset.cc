#include "ctl/ask/ruleset.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>

#include "base/kernel_names.h"

namespace warren::ctl {

namespace {

constexpr std::size_t kDumpSpace = 65'536;
constexpr std::size_t kMessageSpace = 131'072;
constexpr std::int32_t kBefore = -450;  // priority: before connections are tracked
constexpr std::int32_t kLast = 1'000;   // behind all others
constexpr std::uint32_t kTransientFlags = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT;

using Socket = std::unique_ptr<mnl_socket, int (*)(mnl_socket*)>;
using Messages = std::vector<std::vector<char>>;

Result<Socket> open_socket() {
    Socket socket(mnl_socket_open(NETLINK_NETFILTER), &mnl_socket_close);
    if (socket == nullptr) return fail_errno("netlink socket", errno);
    if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail_errno("netlink bind", errno);
    return socket;
}

nlmsghdr* begin(std::vector<char>& space, int type, std::uint8_t family, int flags) {
    nlmsghdr* const message = mnl_nlmsg_put_header(space.data());
    message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type);
    message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    message->nlmsg_seq = 1;
    auto* const header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    header->nfgen_family = family;
    header->version = NFNETLINK_V0;
    return message;
}

using Attributes = std::vector<const nlattr*>;

Attributes attributes_of(const nlmsghdr& message) {
    Attributes out;
    const auto keep = [](const nlattr* one, void* all) {
        static_cast<Attributes*>(all)->push_back(one);
        return MNL_CB_OK;
    };
    (void)mnl_attr_parse(&message, sizeof(nfgenmsg), keep, &out);
    return out;
}

const nlattr* find(const Attributes& all, int type) {
    for (const nlattr* one : all)
        if (mnl_attr_get_type(one) == type) return one;
    return nullptr;
}

const nlattr* find_in(const nlattr* nest, int type) {
    Attributes all;
    const auto keep = [](const nlattr* one, void* to) {
        static_cast<Attributes*>(to)->push_back(one);
        return MNL_CB_OK;
    };
    if (nest != nullptr) (void)mnl_attr_parse_nested(nest, keep, &all);
    return find(all, type);
}

std::string text_of(const nlattr* attribute) {
    if (attribute == nullptr) return {};
    const std::string_view whole(static_cast<const char*>(mnl_attr_get_payload(attribute)),
                                 mnl_attr_get_payload_len(attribute));
    return std::string(whole.substr(0, whole.find('\0')));
}

std::uint64_t number_of(const nlattr* attribute) {
    if (attribute == nullptr) return 0;
    if (mnl_attr_get_payload_len(attribute) == 4) return be32toh(mnl_attr_get_u32(attribute));
    return mnl_attr_get_payload_len(attribute) == 8 ? be64toh(mnl_attr_get_u64(attribute)) : 0;
}

std::uint8_t family_of(const nlmsghdr& message) {
    return static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&message))->nfgen_family;
}

// Sends a request and hands each answer to `use`, until the dump or the acknowledgements are over.
Status dump(nlmsghdr* request, const std::function<void(const nlmsghdr&)>& use) {
    auto socket = open_socket();
    if (!socket) return tl::unexpected<Error>(socket.error());
    if (mnl_socket_sendto(socket->get(), request, request->nlmsg_len) < 0) return fail_errno("request rules", errno);
    const auto call = [](const nlmsghdr* message, void* to) {
        (*static_cast<const std::function<void(const nlmsghdr&)>*>(to))(*message);
        return MNL_CB_OK;
    };
    std::vector<char> space(kDumpSpace);
    const unsigned port = mnl_socket_get_portid(socket->get());
    while (true) {
        const ssize_t got = mnl_socket_recvfrom(socket->get(), space.data(), space.size());
        if (got < 0) return fail_errno("receive rules", errno);
        const int more = mnl_cb_run(space.data(), static_cast<std::size_t>(got), 1, port, call,
                                    const_cast<std::function<void(const nlmsghdr&)>*>(&use));
        if (more < 0 && errno == ENOENT) return {};
        if (more < 0) return fail_errno("receive rules", errno);
        if (more == 0) return {};
    }
}

Attributes nested_in(const nlattr* nest) {
    Attributes out;
    const auto keep = [](const nlattr* one, void* to) {
        static_cast<Attributes*>(to)->push_back(one);
        return MNL_CB_OK;
    };
    (void)mnl_attr_parse_nested(nest, keep, &out);
    return out;
}

void put_copy(nlmsghdr* to, const nlattr* attribute) {
    // With its flag of a nest.
    mnl_attr_put(to, attribute->nla_type, mnl_attr_get_payload_len(attribute), mnl_attr_get_payload(attribute));
}

// The kernel lists some things that it does not take: the timeout of nothing of an expression that puts elements into a
// set without timeouts, and the flags of nothing of one that writes a header's field.
bool is_taken(const std::string& expression, const Attributes& data, const nlattr* one) {
    const int type = mnl_attr_get_type(one);
    if (expression == "dynset") return type != NFTA_DYNSET_TIMEOUT || number_of(one) != 0;
    return expression != "exthdr" || type != NFTA_EXTHDR_FLAGS || find(data, NFTA_EXTHDR_SREG) == nullptr;
}

void put_expressions(nlmsghdr* to, const nlattr* list) {
    nlattr* const all = mnl_attr_nest_start(to, NFTA_RULE_EXPRESSIONS);
    for (const nlattr* element : nested_in(list)) {
        const std::string name = text_of(find_in(element, NFTA_EXPR_NAME));
        if (name != "dynset" && name != "exthdr") {
            put_copy(to, element);
            continue;
        }
        nlattr* const made = mnl_attr_nest_start(to, NFTA_LIST_ELEM);
        mnl_attr_put_strz(to, NFTA_EXPR_NAME, name.c_str());
        nlattr* const inside = mnl_attr_nest_start(to, NFTA_EXPR_DATA);
        const Attributes data = nested_in(find_in(element, NFTA_EXPR_DATA));
        for (const nlattr* one : data) {
            if (is_taken(name, data, one)) put_copy(to, one);
        }
        mnl_attr_nest_end(to, inside);
        mnl_attr_nest_end(to, made);
    }
    mnl_attr_nest_end(to, all);
}

// What was written to the space, in as much memory as it takes: there are thousands of them.
std::vector<char> message_in(const std::vector<char>& space) {
    const auto length = reinterpret_cast<const nlmsghdr*>(space.data())->nlmsg_len;
    return {space.begin(), space.begin() + length};
}

// A message of this type with the attributes of another, but for those that only the kernel gives.
std::vector<char> copy_of(const nlmsghdr& from, int type, int flags, const std::vector<int>& wanted) {
    static thread_local std::vector<char> space(kMessageSpace);
    nlmsghdr* const out = begin(space, type, family_of(from), flags);
    for (const nlattr* one : attributes_of(from)) {
        const int kind = mnl_attr_get_type(one);
        if (std::find(wanted.begin(), wanted.end(), kind) == wanted.end()) continue;
        if (type == NFT_MSG_NEWSET && kind == NFTA_SET_FLAGS) {
            const auto kept = static_cast<std::uint32_t>(number_of(one)) & ~kTransientFlags;
            mnl_attr_put_u32(out, NFTA_SET_FLAGS, htobe32(kept));
            continue;
        }
        if (type == NFT_MSG_NEWRULE && kind == NFTA_RULE_EXPRESSIONS) {
            put_expressions(out, one);
        } else {
            put_copy(out, one);
        }
    }
    return message_in(space);
}

bool is_ours(const nlmsghdr& message) {
    const std::uint8_t family = family_of(message);
    return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

struct Copy {
    int asked;
    int made;
    int flags;
    std::vector<int> wanted;
};

// In the order in which they can be made.
const std::array<Copy, 4>& copies() {
    static const std::array<Copy, 4> all{
        {{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NLM_F_CREATE, {NFTA_TABLE_NAME, NFTA_TABLE_FLAGS}},
         {NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NLM_F_CREATE, {NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA}},
         {NFT_MSG_GETCHAIN,
          NFT_MSG_NEWCHAIN,
          NLM_F_CREATE,
          {NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE, NFTA_CHAIN_FLAGS}},
         {NFT_MSG_GETSET,
          NFT_MSG_NEWSET,
          NLM_F_CREATE,
          {NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE,
           NFTA_SET_DATA_LEN, NFTA_SET_POLICY, NFTA_SET_DESC, NFTA_SET_TIMEOUT, NFTA_SET_OBJ_TYPE, NFTA_SET_EXPR,
           NFTA_SET_EXPRESSIONS}}}};
    return all;
}

// Of one set. What rules put into it while packets came is no part of the rules.
Status read_elements(const nlmsghdr& set, Messages& out) {
    const Attributes all = attributes_of(set);
    if ((number_of(find(all, NFTA_SET_FLAGS)) & NFT_SET_EVAL) != 0) return {};
    std::vector<char> space(kMessageSpace);
    nlmsghdr* const request = begin(space, NFT_MSG_GETSETELEM, family_of(set), NLM_F_DUMP);
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, text_of(find(all, NFTA_SET_TABLE)).c_str());
    mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, text_of(find(all, NFTA_SET_NAME)).c_str());
    return dump(request, [&out](const nlmsghdr& answer) {
        if (answer.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM)) return;
        if (find(attributes_of(answer), NFTA_SET_ELEM_LIST_ELEMENTS) == nullptr) return;
        out.push_back(copy_of(answer, NFT_MSG_NEWSETELEM, NLM_F_CREATE,
                              {NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS}));
    });
}

// --- the trace -----------------------------------------------------------------------------------

void put_expression(nlmsghdr* message, const char* name, const std::function<void()>& data) {
    nlattr* const element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message, NFTA_EXPR_NAME, name);
    nlattr* const inside = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
    data();
    mnl_attr_nest_end(message, inside);
    mnl_attr_nest_end(message, element);
}

void add_chain(const char* name, std::uint32_t hook, std::int32_t priority, Messages& out) {
    std::vector<char> space(kMessageSpace);
    nlmsghdr* const message = begin(space, NFT_MSG_NEWCHAIN, NFPROTO_INET, NLM_F_CREATE);
    mnl_attr_put_strz(message, NFTA_CHAIN_TABLE, kTraceTable);
    mnl_attr_put_strz(message, NFTA_CHAIN_NAME, name);
    nlattr* const nest = mnl_attr_nest_start(message, NFTA_CHAIN_HOOK);
    mnl_attr_put_u32(message, NFTA_HOOK_HOOKNUM, htobe32(hook));
    mnl_attr_put_u32(message, NFTA_HOOK_PRIORITY, htobe32(static_cast<std::uint32_t>(priority)));
    mnl_attr_nest_end(message, nest);
    mnl_attr_put_strz(message, NFTA_CHAIN_TYPE, "filter");
    mnl_attr_put_u32(message, NFTA_CHAIN_POLICY, htobe32(NF_ACCEPT));
    space.resize(message->nlmsg_len);
    out.push_back(std::move(space));
}

// meta nftrace set 1
void add_trace_rule(const char* chain, Messages& out) {
    std::vector<char> space(kMessageSpace);
    nlmsghdr* const message = begin(space, NFT_MSG_NEWRULE, NFPROTO_INET, NLM_F_CREATE | NLM_F_APPEND);
    mnl_attr_put_strz(message, NFTA_RULE_TABLE, kTraceTable);
    mnl_attr_put_strz(message, NFTA_RULE_CHAIN, chain);
    nlattr* const list = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
    put_expression(message, "immediate", [message] {
        mnl_attr_put_u32(message, NFTA_IMMEDIATE_DREG, htobe32(NFT_REG_1));
        nlattr* const data = mnl_attr_nest_start(message, NFTA_IMMEDIATE_DATA);
        const std::array<std::uint8_t, 4> one{1};
        mnl_attr_put(message, NFTA_DATA_VALUE, 1, one.data());
        mnl_attr_nest_end(message, data);
    });
    put_expression(message, "meta", [message] {
        mnl_attr_put_u32(message, NFTA_META_KEY, htobe32(NFT_META_NFTRACE));
        mnl_attr_put_u32(message, NFTA_META_SREG, htobe32(NFT_REG_1));
    });
    mnl_attr_nest_end(message, list);
    space.resize(message->nlmsg_len);
    out.push_back(std::move(space));
}

Messages trace_messages() {
    Messages out;
    std::vector<char> space(kMessageSpace);
    nlmsghdr* const table = begin(space, NFT_MSG_NEWTABLE, NFPROTO_INET, NLM_F_CREATE);
    mnl_attr_put_strz(table, NFTA_TABLE_NAME, kTraceTable);
    space.resize(table->nlmsg_len);
    out.push_back(std::move(space));
    add_chain("comes-in", NF_INET_PRE_ROUTING, kBefore, out);
    add_chain("is-sent", NF_INET_LOCAL_OUT, kBefore, out);
    add_chain("prerouting", NF_INET_PRE_ROUTING, kLast, out);
    add_chain("input", NF_INET_LOCAL_IN, kLast, out);
    add_chain("forward", NF_INET_FORWARD, kLast, out);
    add_chain("output", NF_INET_LOCAL_OUT, kLast, out);
    add_chain("postrouting", NF_INET_POST_ROUTING, kLast, out);
    add_trace_rule("comes-in", out);
    add_trace_rule("is-sent", out);
    return out;
}

void append(std::vector<char>& batch, std::vector<char> message, std::uint32_t number) {
    auto* const header = reinterpret_cast<nlmsghdr*>(message.data());
    header->nlmsg_seq = number;
    batch.insert(batch.end(), message.begin(), message.end());
    while (batch.size() % NLMSG_ALIGNTO != 0) batch.push_back(0);
}

// For an error: "a rule of chain rules (ct, cmp, counter)".
std::string description_of(const std::vector<char>& bytes) {
    const auto& message = *reinterpret_cast<const nlmsghdr*>(bytes.data());
    const Attributes all = attributes_of(message);
    const int type = message.nlmsg_type & 0xff;
    if (type != NFT_MSG_NEWRULE) return "message of type " + std::to_string(type);
    std::string names;
    const auto add = [](const nlattr* one, void* to) {
        auto& text = *static_cast<std::string*>(to);
        text += (text.empty() ? "" : ", ") + text_of(find_in(one, NFTA_EXPR_NAME));
        return MNL_CB_OK;
    };
    if (const nlattr* const list = find(all, NFTA_RULE_EXPRESSIONS)) (void)mnl_attr_parse_nested(list, add, &names);
    return "a rule of chain " + text_of(find(all, NFTA_RULE_CHAIN)) + " (" + names + ")";
}

std::vector<char> boundary(int type) {
    std::vector<char> space(kDumpSpace);
    nlmsghdr* const message = mnl_nlmsg_put_header(space.data());
    message->nlmsg_type = static_cast<std::uint16_t>(type);
    message->nlmsg_flags = NLM_F_REQUEST;
    auto* const header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    header->nfgen_family = AF_UNSPEC;
    header->version = NFNETLINK_V0;
    header->res_id = htobe16(NFNL_SUBSYS_NFTABLES);
    space.resize(message->nlmsg_len);
    return space;
}

}  // namespace

Result<Ruleset> read_ruleset() {
    Ruleset out;
    Messages elements;
    Status failed;
    std::uint32_t sets = 0;
    for (const Copy& copy : copies()) {
        std::vector<char> space(kMessageSpace);
        Messages found;
        WARREN_TRY(dump(begin(space, copy.asked, AF_UNSPEC, NLM_F_DUMP), [&](const nlmsghdr& message) {
            if (!is_ours(message) || message.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | copy.made)) return;
            std::vector<char> one = copy_of(message, copy.made, copy.flags, copy.wanted);
            if (copy.made == NFT_MSG_NEWSET) {
                one.resize(one.size() + 2 * sizeof(std::uint32_t));
                mnl_attr_put_u32(reinterpret_cast<nlmsghdr*>(one.data()), NFTA_SET_ID, htobe32(++sets));
            }
            found.push_back(std::move(one));
        }));
        if (copy.made == NFT_MSG_NEWSET) {
            for (const std::vector<char>& set : found)
                WARREN_TRY(read_elements(*reinterpret_cast<const nlmsghdr*>(set.data()), elements));
        }
        out.messages.insert(out.messages.end(), found.begin(), found.end());
    }
    out.messages.insert(out.messages.end(), elements.begin(), elements.end());
    std::vector<char> space(kMessageSpace);
    WARREN_TRY(dump(begin(space, NFT_MSG_GETRULE, AF_UNSPEC, NLM_F_DUMP), [&out](const nlmsghdr& message) {
        if (!is_ours(message) || message.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE)) return;
        out.messages.push_back(copy_of(message, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
                                       {NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS, NFTA_RULE_USERDATA}));
    }));
    return out;
}

Status load_ruleset(const Ruleset& ruleset) {
    auto socket = open_socket();
    if (!socket) return tl::unexpected<Error>(socket.error());
    std::vector<char> batch;
    std::uint32_t number = 0;
    append(batch, boundary(NFNL_MSG_BATCH_BEGIN), number);
    Messages all = ruleset.messages;
    for (std::vector<char>& one : trace_messages()) all.push_back(std::move(one));
    for (const std::vector<char>& one : all) append(batch, one, ++number);
    // The last one asks for an answer; errors of the others come anyway.
    append(batch, boundary(NFNL_MSG_BATCH_END), ++number);
    const int size = static_cast<int>(2 * batch.size() + kDumpSpace);
    (void)::setsockopt(mnl_socket_get_fd(socket->get()), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    (void)::setsockopt(mnl_socket_get_fd(socket->get()), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (mnl_socket_sendto(socket->get(), batch.data(), batch.size()) < 0) return fail_errno("load rules", errno);
    // The kernel has carried out the batch when the send returns: what it complains of is there.
    std::vector<char> space(kDumpSpace);
    while (true) {
        const ssize_t got = ::recv(mnl_socket_get_fd(socket->get()), space.data(), space.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return {};
        if (got < 0) return fail_errno("load rules", errno);
        const auto* const message = reinterpret_cast<const nlmsghdr*>(space.data());
        if (!mnl_nlmsg_ok(message, static_cast<int>(got)) || message->nlmsg_type != NLMSG_ERROR) continue;
        const auto* const error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
        if (error->error != 0)
            return fail_errno("load " + (error->msg.nlmsg_seq == 0 || error->msg.nlmsg_seq > all.size()
                                             ? std::string("rules")
                                             : description_of(all[error->msg.nlmsg_seq - 1])),
                              -error->error);
    }
}

std::optional<TraceStep> parse_trace(const nlmsghdr& message) {
    if (message.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE)) return std::nullopt;
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(nfgenmsg)) return std::nullopt;
    const Attributes all = attributes_of(message);
    TraceStep out;
    out.id = static_cast<std::uint32_t>(number_of(find(all, NFTA_TRACE_ID)));
    if (const nlattr* const header = find(all, NFTA_TRACE_NETWORK_HEADER)) {
        const auto* const bytes = static_cast<const std::uint8_t*>(mnl_attr_get_payload(header));
        out.network.assign(bytes, bytes + mnl_attr_get_payload_len(header));
    }
    out.table = text_of(find(all, NFTA_TRACE_TABLE));
    out.chain = text_of(find(all, NFTA_TRACE_CHAIN));
    out.handle = number_of(find(all, NFTA_TRACE_RULE_HANDLE));
    const nlattr* const policy = find(all, NFTA_TRACE_POLICY);
    const nlattr* const code = find_in(find(all, NFTA_TRACE_VERDICT), NFTA_VERDICT_CODE);
    const nlattr* const verdict = policy != nullptr ? policy : code;
    out.verdict = verdict == nullptr ? NFT_CONTINUE : static_cast<std::int32_t>(number_of(verdict));
    return out;
}

Result<std::map<std::uint64_t, std::string>> rule_texts() {
    std::map<std::uint64_t, std::string> out;
    std::vector<char> space(kMessageSpace);
    WARREN_TRY(dump(begin(space, NFT_MSG_GETRULE, AF_UNSPEC, NLM_F_DUMP), [&out](const nlmsghdr& message) {
        const Attributes all = attributes_of(message);
        const nlattr* const data = find(all, NFTA_RULE_USERDATA);
        if (data == nullptr || text_of(find(all, NFTA_RULE_TABLE)) != kFirewallTable) return;
        std::string_view rest(static_cast<const char*>(mnl_attr_get_payload(data)), mnl_attr_get_payload_len(data));
        while (rest.size() >= 2) {
            const std::string_view value = rest.substr(2, static_cast<std::uint8_t>(rest[1]));
            if (static_cast<std::uint8_t>(rest[0]) == kRuleText)
                out[number_of(find(all, NFTA_RULE_HANDLE))] = std::string(value.substr(0, value.find('\0')));
            rest.remove_prefix(2 + value.size());
        }
    }));
    return out;
}

}  // namespace warren::ctl
