// What the files hold that a configuration names, kept apart from it: found by name and form, wiped at the end.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/file_ref.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"

namespace warren::config {

// Reads the text of a secret file: one key in base64 as `wg genkey` prints it, white space around it is allowed. The
// caller wipes `text`. Nothing when it is no key.
[[nodiscard]] std::optional<crypto::Secret<32>> parse_secret_text(std::string_view text);

struct NamedSecret;  // config/named_secrets.h

// Movable, not copyable.
class Secrets {
  public:
    void put(const SecretRef& ref, crypto::Secret<32> secret);  // FileForm::kKey
    // Another form: of a psk or ppk its bytes, of all others the file as it is.
    void put(const NamedSecret& name, crypto::SecretBuffer content);
    // Records why a file cannot be read ("may be used by others (mode 0644); ..."); never contains the secret.
    void put_problem(const SecretRef& ref, std::string problem, FileForm form = FileForm::kKey);

    // Valid until the next put of the same name; nullptr when it is not there.
    [[nodiscard]] const crypto::Secret<32>* find(const SecretRef& ref) const;
    // Of another form than kKey.
    [[nodiscard]] const crypto::SecretBuffer* content(const SecretRef& ref, FileForm form) const;
    [[nodiscard]] const std::string* problem(const NamedSecret& name) const;
    // It was put, or its problem was.
    [[nodiscard]] bool has(const NamedSecret& name) const;
    [[nodiscard]] std::optional<crypto::PrivateKey> private_key(const SecretRef& ref) const;
    [[nodiscard]] std::optional<crypto::PresharedKey> preshared_key(const SecretRef& ref) const;
    // Of the private key.
    [[nodiscard]] std::optional<crypto::PublicKey> public_key(const SecretRef& ref) const;
    // Both are there and equal, or both are absent.
    [[nodiscard]] bool same(const SecretRef& ref, const Secrets& other, const SecretRef& other_ref) const;
    [[nodiscard]] bool same(const NamedSecret& name, const Secrets& other) const;
    // A copy of those named that exist.
    [[nodiscard]] Secrets only(const std::vector<NamedSecret>& names) const;

  private:
    using Slot = std::pair<FileForm, std::string>;

    std::map<std::string, crypto::Secret<32>> secrets_;
    std::map<Slot, crypto::SecretBuffer> contents_;
    std::map<Slot, std::string> problems_;
};

}  // namespace warren::config
