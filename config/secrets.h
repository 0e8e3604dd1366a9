// The key material that a configuration names, kept apart from it: found by SecretRef, wiped at the end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/appliance.h"
#include "crypto/keys.h"

namespace warren::config {

// Reads the text of a secret file: one key in base64 as `wg genkey` prints it, white space around it is allowed. The
// caller wipes `text`. Nothing when it is no key.
[[nodiscard]] std::optional<crypto::Secret<32>> parse_secret_text(std::string_view text);

struct NamedSecret;  // config/named_secrets.h

// Movable, not copyable.
class Secrets {
  public:
    void put(const SecretRef& ref, crypto::Secret<32> secret);
    // Records why a secret cannot be read ("may be used by others (mode 0644); ..."); never contains the secret.
    void put_problem(const SecretRef& ref, std::string problem);

    // Valid until the next put of the same name; nullptr when it is not there.
    [[nodiscard]] const crypto::Secret<32>* find(const SecretRef& ref) const;
    [[nodiscard]] const std::string* problem(const SecretRef& ref) const;
    [[nodiscard]] std::optional<crypto::PrivateKey> private_key(const SecretRef& ref) const;
    [[nodiscard]] std::optional<crypto::PresharedKey> preshared_key(const SecretRef& ref) const;
    // Of the private key.
    [[nodiscard]] std::optional<crypto::PublicKey> public_key(const SecretRef& ref) const;
    // Both are there and equal, or both are absent.
    [[nodiscard]] bool same(const SecretRef& ref, const Secrets& other, const SecretRef& other_ref) const;
    // A copy of those named that exist.
    [[nodiscard]] Secrets only(const std::vector<NamedSecret>& names) const;

  private:
    std::map<std::string, crypto::Secret<32>> secrets_;
    std::map<std::string, std::string> problems_;
};

}  // namespace warren::config
