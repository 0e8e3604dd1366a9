// What the customer set holds of IPsec, in the engine's words. Pure.
#pragma once

#include <optional>

#include "base/ipsec.h"
#include "base/result.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/engine.h"

namespace warren::vpnd {

// Nothing: the engine has no such identity (a DN).
[[nodiscard]] std::optional<ike::Identity> identity_of(const IkeIdentity& identity);
[[nodiscard]] ike::Settings settings_of(const HeldListener& listener);
// What a new generation may change of the settings.
[[nodiscard]] ike::Policy ike_policy_of(const HeldListener& listener);
[[nodiscard]] std::optional<ike::Identity> gateway_of(const HeldListener& listener);
[[nodiscard]] SecretId gateway_signer_of(const HeldListener& listener);
[[nodiscard]] ike::CustomerConfig customer_of(const HeldCustomer& customer);
// kInvalid: why this version does not serve it.
[[nodiscard]] Result<ike::Connection> connection_of(const HeldCustomer& customer, const HeldConnection& held);

}  // namespace warren::vpnd
