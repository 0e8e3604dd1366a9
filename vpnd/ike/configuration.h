// Configuration payloads (RFC 7296 §2.19, §3.15; RFC 8598): what a client asks for, and what it gets.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ip.h"
#include "vpnd/ike/payload.h"
#include "vpnd/ike/pool.h"
#include "vpnd/ike/writer.h"

namespace warren::ike {

// A CFG_REQUEST. Attributes that we do not know are not in it.
struct CfgRequest {
    struct Address {
        bool is_asked = false;
        std::optional<IpAddress> wanted;  // a certain one
    };
    Address v4;
    Address v6;
    bool dns_v4 = false;
    bool dns_v6 = false;
    bool dns_domains = false;
    bool subnets_v4 = false;
    bool subnets_v6 = false;

    [[nodiscard]] const Address& of(Family family) const { return family == Family::kV4 ? v4 : v6; }
};
// Nothing: it is another kind of payload. A value of a wrong length is as good as none.
[[nodiscard]] std::optional<CfgRequest> read_request(const CpPayload& payload);

// What there is to tell a connection's clients.
struct ClientSettings {
    std::vector<IpAddress> dns;
    std::vector<std::string> dns_domains;
    bool operator==(const ClientSettings&) const = default;
};

// Appends the CFG_REPLY: of what was asked for, what there is. `local` are the networks that the client reaches.
void add_reply(Chain& chain, const CfgRequest& request, const Lease& lease, const ClientSettings& settings,
               std::span<const TrafficSelector> local);

}  // namespace warren::ike
