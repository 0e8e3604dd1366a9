// IPsec as the configuration says it, in the words of the messages to vpnd. Of the files that it names vpnd gets
// numbers (stacks/auth_secrets).
#pragma once

#include <cstddef>
#include <optional>

#include "config/connection.h"
#include "config/secrets.h"
#include "ipc/config_messages.h"
#include "stacks/auth_secrets.h"

namespace warren::stacks {

// `secrets` has all that is named (config/validate).
[[nodiscard]] ipc::IkeListener ike_listener(const config::IkeListener& listener, const config::Secrets& secrets,
                                            const SecretNumbers& numbers);
[[nodiscard]] ipc::IpsecCustomer ipsec_customer(const config::Ipsec& ipsec, const config::Secrets& secrets,
                                                const SecretNumbers& numbers);
// `queues`: of vpn0.
[[nodiscard]] ipc::PutConnection put_connection(const config::Ipsec& ipsec, const config::Connection& connection,
                                                const config::Secrets& secrets, const SecretNumbers& numbers,
                                                std::size_t queues);

}  // namespace warren::stacks
