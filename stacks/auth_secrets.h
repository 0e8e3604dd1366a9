// What authd holds of IPsec: which secrets a configuration has, and their numbers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "config/connection.h"
#include "config/generation.h"
#include "config/secrets.h"
#include "crypto/secret.h"
#include "ipc/auth_messages.h"

namespace warren::stacks {

// A secret as the configuration has it: its files are those of config::Secrets, which must outlive it.
struct AuthSecret {
    struct File {
        ipc::SecretFile what = ipc::SecretFile::kKey;
        Bytes content;
    };
    SecretKind kind = SecretKind::kPsk;
    std::vector<File> files;
    bool crl_required = false;
    std::vector<std::string> realms;
};

// Gives each content a number: a keyed hash, so that equal contents have one number, also for another stackd with the
// same key, and the number alone says nothing of the content, which may be short. Source: RFC 2104.
class SecretNumbers {
  public:
    // With a key that nobody else has.
    SecretNumbers();
    explicit SecretNumbers(const crypto::Secret<32>& key) : key_(key.clone()) {}
    // With the key in the file at `path`, 0600, which is made when it is missing. A key that is no key is replaced.
    [[nodiscard]] static Result<SecretNumbers> open(const std::string& path);

    // Never kNoSecret.
    [[nodiscard]] SecretId of(const AuthSecret& secret) const;
    [[nodiscard]] SecretId of(const std::optional<AuthSecret>& secret) const {
        return secret ? of(*secret) : kNoSecret;
    }

  private:
    crypto::Secret<32> key_;
};

// `secrets` has all files that are named (config/validate). Nothing: the configuration has none of that kind.
[[nodiscard]] std::optional<AuthSecret> psk_of(const config::Connection& connection, const config::Secrets& secrets);
[[nodiscard]] std::optional<AuthSecret> ppk_of(const config::Connection& connection, const config::Secrets& secrets);
[[nodiscard]] std::optional<AuthSecret> users_of(const config::Ipsec& ipsec, const config::Connection& connection,
                                                 const config::Secrets& secrets);
[[nodiscard]] std::optional<AuthSecret> signer_of(const config::Ipsec& ipsec, const config::Secrets& secrets);
[[nodiscard]] std::optional<AuthSecret> trust_of(const config::Ipsec& ipsec, const config::Secrets& secrets);
[[nodiscard]] AuthSecret signer_of(const config::IpsecGateway& gateway, const config::Secrets& secrets);

// Calls `visit` with each secret of a generation; some come several times.
void for_each_secret(const config::Generation& generation, const std::function<void(const AuthSecret&)>& visit);

}  // namespace warren::stacks
