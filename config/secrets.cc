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
    problems_.erase({FileForm::kKey, ref.name});
    secrets_.insert_or_assign(ref.name, std::move(secret));
}

void Secrets::put(const NamedSecret& name, crypto::SecretBuffer content) {
    const Slot slot{name.form, name.ref.name};
    problems_.erase(slot);
    contents_.insert_or_assign(slot, std::move(content));
}

void Secrets::put_problem(const SecretRef& ref, std::string problem, FileForm form) {
    const Slot slot{form, ref.name};
    if (form == FileForm::kKey) secrets_.erase(ref.name);
    contents_.erase(slot);
    problems_.insert_or_assign(slot, std::move(problem));
}

const crypto::Secret<32>* Secrets::find(const SecretRef& ref) const {
    const auto found = secrets_.find(ref.name);
    return found == secrets_.end() ? nullptr : &found->second;
}

const crypto::SecretBuffer* Secrets::content(const SecretRef& ref, FileForm form) const {
    const auto found = contents_.find({form, ref.name});
    return found == contents_.end() ? nullptr : &found->second;
}

const std::string* Secrets::problem(const NamedSecret& name) const {
    const auto found = problems_.find({name.form, name.ref.name});
    return found == problems_.end() ? nullptr : &found->second;
}

bool Secrets::has(const NamedSecret& name) const {
    const bool is_key = name.form == FileForm::kKey;
    return problem(name) != nullptr || (is_key ? find(name.ref) != nullptr : content(name.ref, name.form) != nullptr);
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

bool Secrets::same(const NamedSecret& name, const Secrets& other) const {
    if (name.form == FileForm::kKey) return same(name.ref, other, name.ref);
    const auto* mine = content(name.ref, name.form);
    const auto* theirs = other.content(name.ref, name.form);
    if (mine == nullptr || theirs == nullptr) return mine == theirs;
    return *mine == *theirs;
}

Secrets Secrets::only(const std::vector<NamedSecret>& names) const {
    Secrets out;
    for (const NamedSecret& name : names) {
        if (const auto* key = name.form == FileForm::kKey ? find(name.ref) : nullptr) out.put(name.ref, key->clone());
        if (const auto* text = content(name.ref, name.form)) out.put(name, text->clone());
    }
    return out;
}

}  // namespace warren::config
