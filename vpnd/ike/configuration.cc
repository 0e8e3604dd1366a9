#include "vpnd/ike/configuration.h"

#include <algorithm>

#include "base/bytes.h"
#include "vpnd/ike/reach.h"

namespace warren::ike {

namespace {

// An IPv6 address comes with the length of its prefix (RFC 7296 §3.15.1).
constexpr std::size_t kV6WithLength = 17;

// RFC 7296 §3.15.1: zeros ask for any.
std::optional<IpAddress> wanted_of(Bytes value, std::size_t size) {
    if (value.size() < size) return std::nullopt;
    const IpAddress out = IpAddress::from_bytes(value.first(size));
    return out.is_unspecified() ? std::nullopt : std::optional(out);
}

void ask_for(CfgRequest::Address& address, std::optional<IpAddress> wanted) {
    // Of several, the first one.
    if (!address.is_asked) address = {true, wanted};
}

// Values of attributes, with what they are views of.
class Reply {
  public:
    void add(CfgAttribute type, std::vector<std::uint8_t> value) {
        types_.push_back(type);
        values_.push_back(std::move(value));
    }
    void write(Chain& chain) const {
        std::vector<ConfigAttribute> attributes;
        for (std::size_t i = 0; i < types_.size(); ++i) attributes.push_back({types_[i], values_[i]});
        chain.cp(CfgType::kReply, attributes);
    }

  private:
    std::vector<CfgAttribute> types_;
    std::vector<std::vector<std::uint8_t>> values_;
};

std::vector<std::uint8_t> bytes_of(const IpAddress& address) {
    const Bytes bytes = address.bytes();
    return {bytes.begin(), bytes.end()};
}

void add_dns(Reply& reply, const CfgRequest& request, const ClientSettings& settings) {
    for (const IpAddress& server : settings.dns) {
        if (server.is_v4() && request.dns_v4) reply.add(CfgAttribute::kInternalIp4Dns, bytes_of(server));
        if (!server.is_v4() && request.dns_v6) reply.add(CfgAttribute::kInternalIp6Dns, bytes_of(server));
    }
    // Without a server for them they would mean nothing (RFC 8598 §4).
    if (!request.dns_domains || settings.dns.empty()) return;
    for (const std::string& domain : settings.dns_domains)
        reply.add(CfgAttribute::kInternalDnsDomain, {domain.begin(), domain.end()});
}

void add_subnets(Reply& reply, const CfgRequest& request, std::span<const TrafficSelector> local) {
    for (const TrafficSelector& range : local) {
        const bool is_v4 = range.first.is_v4();
        if (!(is_v4 ? request.subnets_v4 : request.subnets_v6)) continue;
        for (const Prefix& prefix : prefixes_of(range)) {
            std::vector<std::uint8_t> value = bytes_of(prefix.address);
            if (is_v4) {
                IpAddress mask = IpAddress::v4(255, 255, 255, 255).masked(prefix.length);
                value.insert(value.end(), mask.octets.begin(), mask.octets.begin() + 4);
            } else {
                value.push_back(prefix.length);
            }
            reply.add(is_v4 ? CfgAttribute::kInternalIp4Subnet : CfgAttribute::kInternalIp6Subnet, std::move(value));
        }
    }
}

}  // namespace

std::optional<CfgRequest> read_request(const CpPayload& payload) {
    if (payload.type != CfgType::kRequest) return std::nullopt;
    CfgRequest out;
    for (const ConfigAttribute& attribute : payload.attributes) {
        switch (attribute.type) {
            case CfgAttribute::kInternalIp4Address: ask_for(out.v4, wanted_of(attribute.value, 4)); break;
            case CfgAttribute::kInternalIp6Address: ask_for(out.v6, wanted_of(attribute.value, 16)); break;
            case CfgAttribute::kInternalIp4Dns: out.dns_v4 = true; break;
            case CfgAttribute::kInternalIp6Dns: out.dns_v6 = true; break;
            case CfgAttribute::kInternalDnsDomain: out.dns_domains = true; break;
            case CfgAttribute::kInternalIp4Subnet: out.subnets_v4 = true; break;
            case CfgAttribute::kInternalIp6Subnet: out.subnets_v6 = true; break;
            default: break;
        }
    }
    return out;
}

void add_reply(Chain& chain, const CfgRequest& request, const Lease& lease, const ClientSettings& settings,
               std::span<const TrafficSelector> local) {
    Reply reply;
    if (lease.v4) reply.add(CfgAttribute::kInternalIp4Address, bytes_of(*lease.v4));
    if (lease.v6) {
        std::vector<std::uint8_t> value = bytes_of(*lease.v6);
        value.resize(kV6WithLength, 128);
        reply.add(CfgAttribute::kInternalIp6Address, std::move(value));
    }
    add_dns(reply, request, settings);
    add_subnets(reply, request, local);
    reply.write(chain);
}

}  // namespace warren::ike
