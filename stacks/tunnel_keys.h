// What vpnd needs of one kind of tunnel, with the keys that the configuration only names. IPsec's connections:
// stacks/connections.h.
#pragma once

#include "config/secrets.h"
#include "config/tunnel.h"
#include "ipc/tunnel.h"
#include "stacks/auth_secrets.h"

namespace warren::stacks {

// `secrets` has all that the settings name (config/validate).
[[nodiscard]] ipc::ListenerSettings with_secrets(const config::ListenerSettings& settings,
                                                 const config::Secrets& secrets, const SecretNumbers& numbers);
[[nodiscard]] ipc::PeerTunnel with_secrets(const config::Tunnel& tunnel, const config::Secrets& secrets);

}  // namespace warren::stacks
