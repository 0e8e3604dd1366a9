#include "stacks/connections.h"

#include <algorithm>
#include <utility>

#include "stacks/limits.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

static_assert(config::kMaxChildren <= ipc::ConnectionSettings::kMostChildren &&
              config::kMaxPools <= ipc::ConnectionSettings::kMostPools &&
              config::kMaxSelectors <= ipc::IpsecChild::kMostSelectors &&
              config::kMaxRoutesPerChild <= ipc::IpsecChild::kMostRoutes && config::kMaxSessions <= UINT16_MAX);

std::uint32_t seconds_of(config::Seconds time) {
    return static_cast<std::uint32_t>(time.count());
}

}  // namespace

ipc::IkeListener ike_listener(const config::IkeListener& listener, const config::Secrets& secrets,
                              const SecretNumbers& numbers) {
    ipc::IkeListener out;
    out.encapsulation = listener.encapsulation;
    out.takes_legacy_windows =
        std::find(listener.legacy.begin(), listener.legacy.end(), "windows") != listener.legacy.end();
    if (const auto& gateway = listener.gateway)
        out.gateway = ipc::IkeGateway{gateway->identity, numbers.of(signer_of(*gateway, secrets))};
    return out;
}

ipc::IpsecCustomer ipsec_customer(const config::Ipsec& ipsec, const config::Secrets& secrets,
                                  const SecretNumbers& numbers) {
    ipc::IpsecCustomer out;
    out.identity = ipsec.identity;
    out.addresses = ipsec.addresses;
    out.signer = numbers.of(signer_of(ipsec, secrets));
    out.trust = numbers.of(trust_of(ipsec, secrets));
    out.realms = ipsec.realms;
    out.dns = ipsec.dns;
    out.dns_domains = ipsec.dns_domains;
    return out;
}

ipc::PutConnection put_connection(const config::Ipsec& ipsec, const config::Connection& connection,
                                  const config::Secrets& secrets, const SecretNumbers& numbers, std::size_t queues) {
    ipc::ConnectionSettings out;
    out.name = connection.name;
    out.auth = connection.auth;
    out.remote_identity = connection.remote_identity.value_or(IkeIdentity());
    out.local_identity = connection.local_identity;
    out.remote_address = connection.remote_address;
    out.start = connection.start;
    out.pool = connection.pool;
    for (const config::Child& child : config::children_of(connection))
        out.children.push_back({child.name, child.local, child.remote, child.routes});
    out.ike = connection.ike;
    out.esp = connection.esp;
    out.pfs = connection.pfs;
    out.ike_rekey_seconds = seconds_of(connection.ike_rekey);
    out.child_rekey_seconds = seconds_of(connection.child_rekey);
    out.child_bytes = connection.child_bytes;
    out.reauth_seconds = seconds_of(connection.reauth);
    out.dpd_seconds = seconds_of(connection.dpd);
    out.mobike = connection.mobike;
    out.fragmentation = connection.fragmentation;
    out.fragment_size = connection.fragment_size;
    out.encapsulation = connection.encapsulation;
    out.replay_window = connection.replay_window;
    out.esn = connection.esn;
    out.split = connection.split;
    out.copy_dscp = connection.copy_dscp;
    out.ppk_identity = connection.ppk_identity;
    out.ppk_required = connection.ppk_required;
    out.limits = limits_of(connection.limits);
    out.max_sessions = static_cast<std::uint16_t>(config::sessions_of(connection));
    return {std::move(out), numbers.of(psk_of(connection, secrets)), numbers.of(ppk_of(connection, secrets)),
            numbers.of(users_of(ipsec, connection, secrets)), queue_of(config::identity_of(ipsec, connection), queues)};
}

}  // namespace warren::stacks
