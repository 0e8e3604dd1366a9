// IPsec as the configuration says it, in the words of the messages to vpnd. Of the files that it names vpnd gets the
// names, and of preshared keys the bytes.
#pragma once

#include <cstddef>
#include <optional>

#include "config/connection.h"
#include "config/secrets.h"
#include "ipc/config_messages.h"

namespace warren::stacks {

[[nodiscard]] ipc::IkeListener ike_listener(const config::IkeListener& listener);
[[nodiscard]] ipc::IpsecCustomer ipsec_customer(const config::Ipsec& ipsec);
// `secrets` has all that the connection names (config/validate). `queues`: of vpn0.
[[nodiscard]] ipc::PutConnection put_connection(const config::Ipsec& ipsec, const config::Connection& connection,
                                                const config::Secrets& secrets, std::size_t queues);

}  // namespace warren::stacks
