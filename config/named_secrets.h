// The files of secrets and certificates that the files name, and where they name them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/appliance.h"
#include "config/customer.h"

namespace warren::config {

struct NamedSecret {
    SecretRef ref;
    std::string path;            // of its value in the file: "wireguard.peer[2].preshared_key.secret"
    std::string field;           // as differences name it: "peer graz preshared_key" (config/diff.h)
    std::string_view made_with;  // the command that makes one: "wg genpsk"; "": there is none
    FileForm form = FileForm::kKey;
};

// In an order that depends on the argument only. A file may be named several times.
[[nodiscard]] std::vector<NamedSecret> secrets_of(const Appliance& appliance);
[[nodiscard]] std::vector<NamedSecret> secrets_of(const Customer& customer);

}  // namespace warren::config
