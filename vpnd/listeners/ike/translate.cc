#include "vpnd/listeners/ike/translate.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace warren::vpnd {

namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

Result<ike::ExpectedIdentity> expected_of(const IkeIdentity& identity) {
    if (identity.type == IkeIdentityType::kAny) return ike::ExpectedIdentity{ike::ExpectedIdentity::Kind::kAny, {}};
    auto known = identity_of(identity);
    if (!known) return fail(ErrorCode::kInvalid, "identities that are distinguished names are not served yet");
    if (!identity.is_pattern) return ike::ExpectedIdentity{ike::ExpectedIdentity::Kind::kExact, std::move(*known)};
    known->value.erase(known->value.begin());  // the star
    return ike::ExpectedIdentity{ike::ExpectedIdentity::Kind::kPattern, std::move(*known)};
}

std::vector<ike::TrafficSelector> selectors_of(const std::vector<Prefix>& prefixes) {
    std::vector<ike::TrafficSelector> out;
    for (const Prefix& prefix : prefixes) {
        ike::TrafficSelector selector;
        selector.first = selector.last = prefix.network().address;
        const std::size_t bits = selector.last.bits();
        for (std::size_t bit = prefix.length; bit < bits; ++bit)
            selector.last.octets[bit / 8] |= static_cast<std::uint8_t>(0x80U >> (bit % 8));
        out.push_back(selector);
    }
    return out;
}

// The operator's lines, or the default ones. kInvalid: an algorithm that this version has not.
Result<ike::Policy> policy_of(ike::ProtocolId protocol, const std::vector<IkeProposal>& lines,
                              const ike::Policy& otherwise) {
    if (lines.empty()) return otherwise;
    ike::Policy out;
    for (const IkeProposal& line : lines) {
        std::vector<ike::Transform> transforms;
        for (const IkeTransform& one : line)
            transforms.push_back({static_cast<ike::TransformType>(one.type), one.id, one.key_bits, false});
        const auto acceptable = ike::acceptable_of(protocol, transforms);
        if (!acceptable) return fail(ErrorCode::kInvalid, "one of its proposals is not served by this version");
        out.lines.push_back(*acceptable);
    }
    return out;
}

void set_esn(ike::Policy& policy, IpsecUse esn) {
    for (ike::Acceptable& line : policy.lines) {
        if (esn == IpsecUse::kOff) line.esn = {ike::EsnId::kNo};
        if (esn == IpsecUse::kRequired) line.esn = {ike::EsnId::kYes};
    }
}

ike::Pfs pfs_of(IpsecUse use) {
    switch (use) {
        case IpsecUse::kOff: return ike::Pfs::kOff;
        case IpsecUse::kOptional: return ike::Pfs::kOptional;
        case IpsecUse::kRequired: return ike::Pfs::kRequired;
    }
    return ike::Pfs::kOptional;
}

ike::Start start_of(IpsecStart start) {
    switch (start) {
        case IpsecStart::kResponder: return ike::Start::kResponder;
        case IpsecStart::kOnTraffic: return ike::Start::kOnTraffic;
        case IpsecStart::kAlways: return ike::Start::kAlways;
    }
    return ike::Start::kResponder;
}

ike::Auth auth_of(IpsecAuth auth) {
    switch (auth) {
        case IpsecAuth::kPsk: return ike::Auth::kPsk;
        case IpsecAuth::kCertificate: return ike::Auth::kCertificate;
        case IpsecAuth::kEapMschapv2: return ike::Auth::kEapMschapv2;
        case IpsecAuth::kEapTls: return ike::Auth::kEapTls;
    }
    return ike::Auth::kPsk;
}

const ipc::IkeListener& ikes(const HeldListener& listener) {
    return std::get<ipc::IkeListener>(listener.settings);
}

// One child for each pair of networks: for peers that take no more (conformance KS2). They are the flows of one peer.
void add_pairs(const ike::ChildConfig& child, std::vector<ike::ChildConfig>& out) {
    std::size_t number = 0;
    for (const ike::TrafficSelector& local : child.local) {
        for (const ike::TrafficSelector& remote : child.remote) {
            if (local.first.family != remote.first.family) continue;
            ike::ChildConfig& pair = out.emplace_back(child);
            if (++number > 1) pair.name += "/" + std::to_string(number);
            pair.local = {local};
            pair.remote = {remote};
        }
    }
}

// Why this version does not serve it; "": it does.
std::string_view refusal_of(const HeldConnection& held) {
    const ipc::ConnectionSettings& settings = held.config.settings;
    if (settings.auth != IpsecAuth::kPsk && !settings.ppk_identity.empty())
        return "this version takes a postquantum key only beside a preshared one";
    for (const ipc::IpsecChild& child : settings.children) {
        const std::size_t most = std::max(child.local.size(), child.remote.size());
        if (most > ike::kMostSideSelectors || child.local.size() * child.remote.size() > ike::kMostSelectorPairs)
            return "a child has more pairs of networks than this version serves";
    }
    return {};
}

}  // namespace

std::optional<ike::Identity> identity_of(const IkeIdentity& identity) {
    switch (identity.type) {
        case IkeIdentityType::kAddress: {
            const auto address = parse_ip(identity.text);
            if (!address) return std::nullopt;
            const Bytes octets = address->bytes();
            return ike::Identity{address->is_v4() ? ike::IdType::kIpv4Addr : ike::IdType::kIpv6Addr,
                                 {octets.begin(), octets.end()}};
        }
        case IkeIdentityType::kFqdn: return ike::Identity{ike::IdType::kFqdn, bytes_of(identity.text)};
        case IkeIdentityType::kEmail: return ike::Identity{ike::IdType::kRfc822Addr, bytes_of(identity.text)};
        case IkeIdentityType::kKeyId: return ike::Identity{ike::IdType::kKeyId, bytes_of(identity.text)};
        case IkeIdentityType::kDn:
        case IkeIdentityType::kAny: return std::nullopt;
    }
    return std::nullopt;
}

ike::Policy ike_policy_of(const HeldListener& listener) {
    return ikes(listener).takes_legacy_windows ? ike::windows_ike_policy() : ike::default_ike_policy();
}

std::optional<ike::Identity> gateway_of(const HeldListener& listener) {
    const auto& gateway = ikes(listener).gateway;
    return gateway ? identity_of(gateway->identity) : std::nullopt;
}

SecretId gateway_signer_of(const HeldListener& listener) {
    const auto& gateway = ikes(listener).gateway;
    return gateway ? gateway->signer : kNoSecret;
}

ike::Settings settings_of(const HeldListener& listener) {
    ike::Settings out;
    out.listener = listener.index;
    const std::vector<std::uint16_t> ports = ipc::ports_of(listener.id.kind, listener.port);
    out.nat_port = ports[0];
    out.ike_port = ports[1];
    out.ike = ike_policy_of(listener);
    out.gateway = gateway_of(listener);
    out.gateway_signer = gateway_signer_of(listener);
    // Without a NAT, ESP of protocol 50 would be the peer's; this version has no sockets of that.
    out.forces_encapsulation = true;
    return out;
}

ike::CustomerConfig customer_of(const HeldCustomer& customer) {
    ike::CustomerConfig out{customer.index, customer.settings.id, {}, {}, {}};
    if (!customer.ipsec) return out;
    out.identity = identity_of(customer.ipsec->identity);
    out.addresses = customer.ipsec->addresses;
    out.realms = customer.ipsec->realms;
    return out;
}

Result<ike::Connection> connection_of(const HeldCustomer& customer, const HeldConnection& held) {
    if (const std::string_view refusal = refusal_of(held); !refusal.empty())
        return fail(ErrorCode::kInvalid, std::string(refusal));
    const ipc::ConnectionSettings& settings = held.config.settings;
    ike::Connection out;
    out.index = held.index;
    out.customer = customer.index;
    out.name = settings.name;
    out.auth = auth_of(settings.auth);
    out.psk = held.config.psk;
    out.users = held.config.users;
    out.ppk = held.config.ppk;
    out.ppk_identity = settings.ppk_identity;
    out.ppk_required = settings.ppk_required;
    if (customer.ipsec) {
        out.signer = customer.ipsec->signer;
        out.trust = customer.ipsec->trust;
    }
    if (settings.local_identity) {
        out.local_identity = identity_of(*settings.local_identity);
        if (!out.local_identity)
            return fail(ErrorCode::kInvalid, "identities that are distinguished names are not served yet");
    }
    auto remote = expected_of(settings.remote_identity);
    if (!remote) return tl::unexpected<Error>(remote.error());
    out.remote_identity = std::move(*remote);
    out.remote_address = settings.remote_address;
    out.start = start_of(settings.start);
    for (std::size_t i = 0; i < settings.children.size(); ++i) {
        const ipc::IpsecChild& child = settings.children[i];
        ike::ChildConfig made;
        made.name = child.name;
        made.peer = held.peer(0, i);
        for (std::size_t session = 1; session < held.sessions(); ++session)
            made.more_peers.push_back(held.peer(session, i));
        made.worker = customer.workers[held.config.queue];
        made.local = selectors_of(child.local);
        made.remote = selectors_of(child.remote);
        if (!held.has_fixed_routes()) made.routes = settings.pool.empty() ? child.routes : settings.pool;
        if (settings.split && settings.start != IpsecStart::kResponder) {
            add_pairs(made, out.children);
        } else {
            out.children.push_back(std::move(made));
        }
    }
    if (out.children.size() > ike::kMostChildren)
        return fail(ErrorCode::kInvalid, "split makes more children than this version serves");
    out.workers = customer.workers;
    out.pool = settings.pool;
    if (!settings.pool.empty() && customer.ipsec) out.clients = {customer.ipsec->dns, customer.ipsec->dns_domains};
    auto ike = policy_of(ike::ProtocolId::kIke, settings.ike, ike::default_ike_policy());
    if (!ike) return tl::unexpected<Error>(ike.error());
    out.ike = std::move(*ike);
    auto esp = policy_of(ike::ProtocolId::kEsp, settings.esp, ike::default_child_policy());
    if (!esp) return tl::unexpected<Error>(esp.error());
    out.child = std::move(*esp);
    set_esn(out.child, settings.esn);
    out.pfs = pfs_of(settings.pfs);
    out.lifetimes.ike_rekey = std::chrono::seconds(settings.ike_rekey_seconds);
    out.lifetimes.child_rekey = std::chrono::seconds(settings.child_rekey_seconds);
    out.lifetimes.child_bytes = settings.child_bytes;
    out.reauth = std::chrono::seconds(settings.reauth_seconds);
    out.dpd = std::chrono::seconds(settings.dpd_seconds);
    out.mobike = settings.mobike;
    out.fragmentation = settings.fragmentation;
    out.fragment_size = settings.fragment_size;
    out.replay_window = settings.replay_window;
    out.copies_dscp = settings.copy_dscp;
    out.max_sessions = settings.max_sessions;
    return out;
}

}  // namespace warren::vpnd
