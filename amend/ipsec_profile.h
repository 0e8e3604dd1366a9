// The other side's half of a connection of IPsec as text, out of a whole configuration.
#pragma once

#include <string>

#include "amend/profile.h"
#include "base/result.h"
#include "clients/ipsec_profile.h"
#include "config/load.h"

namespace warren::amend {

struct IpsecProfileWish {
    std::string customer;
    std::string connection;
    std::string user;  // "": none
    clients::IpsecFormat format = clients::IpsecFormat::kSwanctl;
    bool with_secret = false;  // else clients::kSecretLeftOut stands in its place
};

// Of a configuration without errors. kNotFound: there is no such customer, connection or user, or nothing says where
// the appliance is reached. kInvalid: as clients::profile_of(), or of the user only a hash is known.
[[nodiscard]] Result<SecretText> ipsec_profile_text(const config::Loaded& loaded, const IpsecProfileWish& wish);

}  // namespace warren::amend
