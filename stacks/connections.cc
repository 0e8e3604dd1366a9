#include "stacks/connections.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "stacks/plan/desired.h"

namespace warren::stacks {

namespace {

static_assert(config::kMaxChildren <= ipc::ConnectionSettings::kMostChildren &&
              config::kMaxPools <= ipc::ConnectionSettings::kMostPools &&
              config::kMaxSelectors <= ipc::IpsecChild::kMostSelectors &&
              config::kMaxRoutesPerChild <= ipc::IpsecChild::kMostRoutes && config::kMaxSessions <= UINT16_MAX);

template <typename Ref>
std::string name_of(const std::optional<Ref>& ref) {
    return ref ? ref->name : "";
}

std::vector<std::string> names_of(const std::vector<config::CertificateRef>& refs) {
    std::vector<std::string> out;
    for (const config::CertificateRef& ref : refs) out.push_back(ref.name);
    return out;
}

std::uint32_t seconds_of(config::Seconds time) {
    return static_cast<std::uint32_t>(time.count());
}

crypto::SecretBuffer key_of(const std::optional<config::SecretRef>& ref, config::FileForm form,
                            const config::Secrets& secrets) {
    if (!ref) return {};
    const crypto::SecretBuffer* const key = secrets.content(*ref, form);
    WARREN_CHECK(key != nullptr);
    return key->clone();
}

}  // namespace

ipc::IkeListener ike_listener(const config::IkeListener& listener) {
    ipc::IkeListener out;
    out.encapsulation = listener.encapsulation;
    out.takes_legacy_windows =
        std::find(listener.legacy.begin(), listener.legacy.end(), "windows") != listener.legacy.end();
    if (const auto& gateway = listener.gateway)
        out.gateway = ipc::IkeGateway{gateway->identity, gateway->certificate.name, gateway->private_key.name};
    return out;
}

ipc::IpsecCustomer ipsec_customer(const config::Ipsec& ipsec) {
    ipc::IpsecCustomer out;
    out.identity = ipsec.identity;
    out.addresses = ipsec.addresses;
    out.certificate = name_of(ipsec.certificate);
    out.private_key = name_of(ipsec.private_key);
    out.ca = names_of(ipsec.ca);
    out.crl = names_of(ipsec.crl);
    out.crl_required = ipsec.crl_required;
    out.realms = ipsec.realms;
    out.dns = ipsec.dns;
    out.dns_domains = ipsec.dns_domains;
    return out;
}

ipc::PutConnection put_connection(const config::Ipsec& ipsec, const config::Connection& connection,
                                  const config::Secrets& secrets, std::size_t queues) {
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
    out.users = name_of(connection.users);
    out.ppk_identity = connection.ppk_identity;
    out.ppk_required = connection.ppk_required;
    out.max_sessions = static_cast<std::uint16_t>(config::sessions_of(connection));
    return {std::move(out), key_of(connection.psk, config::FileForm::kPsk, secrets),
            key_of(connection.ppk, config::FileForm::kPpk, secrets),
            queue_of(config::identity_of(ipsec, connection), queues)};
}

}  // namespace warren::stacks
