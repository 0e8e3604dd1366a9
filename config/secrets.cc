#include "config/secrets.h"

#include "config/named_secrets.h"
#include "crypto/x25519.h"

namespace warren::config {

std::optional<crypto::Secret<32>> parse_secret_text(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const auto begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return std::nullopt;
    text = text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
    return crypto::parse_secret_key(text);
}

void Secrets::put(const SecretRef& ref, crypto::Secret<32> secret) {
    problems_.erase(ref.name);
    secrets_.insert_or_assign(ref.name, std::move(secret));
}

void Secrets::put_problem(const SecretRef& ref, std::string problem) {
    secrets_.erase(ref.name);
    problems_.insert_or_assign(ref.name, std::move(problem));
}

const crypto::Secret<32>* Secrets::find(const SecretRef& ref) const {
    const auto found = secrets_.find(ref.name);
    return found == secrets_.end() ? nullptr : &found->second;
}

const std::string* Secrets::problem(const SecretRef& ref) const {
    const auto found = problems_.find(ref.name);
    return found == problems_.end() ? nullptr : &found->second;
}

std::optional<crypto::PrivateKey> Secrets::private_key(const SecretRef& ref) const {
    const auto* secret = find(ref);
    if (secret == nullptr) return std::nullopt;
    return crypto::PrivateKey{secret->clone()};
}

std::optional<crypto::PresharedKey> Secrets::preshared_key(const SecretRef& ref) const {
    const auto* secret = find(ref);
    if (secret == nullptr) return std::nullopt;
    return crypto::PresharedKey{secret->clone()};
}

std::optional<crypto::PublicKey> Secrets::public_key(const SecretRef& ref) const {
    const auto key = private_key(ref);
    if (!key) return std::nullopt;
    return crypto::public_key_of(*key);
}

bool Secrets::same(const SecretRef& ref, const Secrets& other, const SecretRef& other_ref) const {
    const auto* mine = find(ref);
    const auto* theirs = other.find(other_ref);
    if (mine == nullptr || theirs == nullptr) return mine == theirs;
    return mine->equals(*theirs);
}

Secrets Secrets::only(const std::vector<NamedSecret>& names) const {
    Secrets out;
    for (const NamedSecret& name : names) {
        if (const auto* secret = find(name.ref)) out.put(name.ref, secret->clone());
    }
    return out;
}

}  // namespace warren::config
