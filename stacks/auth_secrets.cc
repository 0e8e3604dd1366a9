#include "stacks/auth_secrets.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/fd.h"
#include "crypto/hmac_sha.h"
#include "crypto/random.h"

namespace warren::stacks {

namespace {

using config::FileForm;
using ipc::SecretFile;

void add(AuthSecret& to, SecretFile what, const config::SecretRef& ref, FileForm form, const config::Secrets& secrets) {
    const crypto::SecretBuffer* const content = secrets.content(ref, form);
    WARREN_CHECK(content != nullptr);
    to.files.push_back({what, content->reveal()});
}

void add(AuthSecret& to, SecretFile what, const config::CertificateRef& ref, const config::Secrets& secrets) {
    add(to, what, config::SecretRef{ref.name}, FileForm::kCertificate, secrets);
}

std::optional<AuthSecret> key_of(SecretKind kind, const std::optional<config::SecretRef>& ref, FileForm form,
                                 const config::Secrets& secrets) {
    if (!ref) return std::nullopt;
    AuthSecret out;
    out.kind = kind;
    add(out, SecretFile::kKey, *ref, form, secrets);
    return out;
}

AuthSecret signer_of(const config::CertificateRef& certificate, const config::SecretRef& private_key,
                     const config::Secrets& secrets) {
    AuthSecret out;
    out.kind = SecretKind::kSigner;
    add(out, SecretFile::kPrivateKey, private_key, FileForm::kPrivateKey, secrets);
    add(out, SecretFile::kCertificate, certificate, secrets);
    return out;
}

// What follows is so many bytes of such a kind, so that no two secrets are the same octets.
std::array<std::uint8_t, 9> heading(std::uint8_t what, std::size_t size) {
    std::array<std::uint8_t, 9> out{what};
    store_le(out.data() + 1, std::uint64_t{size});
    return out;
}

}  // namespace

SecretNumbers::SecretNumbers() {
    crypto::SystemRandom().fill(key_.writable());
}

Result<SecretNumbers> SecretNumbers::open(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.valid()) return fail_errno("open " + path, errno);
    crypto::Secret<32> key;
    if (::pread(file.get(), key.writable().data(), key.kSize, 0) == ssize_t{key.kSize}) return SecretNumbers(key);
    SecretNumbers fresh;
    const ssize_t written = ::pwrite(file.get(), fresh.key_.reveal().data(), key.kSize, 0);
    if (written != ssize_t{key.kSize}) return fail_errno("write " + path, errno);
    return fresh;
}

SecretId SecretNumbers::of(const AuthSecret& secret) const {
    // The digest of each part first: the parts are many and long.
    std::vector<std::uint8_t> digests{static_cast<std::uint8_t>(secret.kind), std::uint8_t{secret.crl_required}};
    const auto append = [&digests](std::uint8_t what, Bytes content) {
        const auto head = heading(what, content.size());
        std::array<std::uint8_t, 32> digest{};
        crypto::digest(crypto::Sha::kSha256, {head, content}, digest);
        digests.insert(digests.end(), digest.begin(), digest.end());
    };
    for (const AuthSecret::File& file : secret.files) append(static_cast<std::uint8_t>(file.what), file.content);
    for (const std::string& realm : secret.realms) append(UINT8_MAX, as_bytes(realm));
    std::array<std::uint8_t, sizeof(SecretId)> number{};
    crypto::hmac(crypto::Sha::kSha256, key_.reveal(), {digests}, number);
    crypto::wipe(digests);
    const auto id = load_le<SecretId>(number.data());
    return id == kNoSecret ? 1 : id;
}

std::optional<AuthSecret> psk_of(const config::Connection& connection, const config::Secrets& secrets) {
    return key_of(SecretKind::kPsk, connection.psk, FileForm::kPsk, secrets);
}

std::optional<AuthSecret> ppk_of(const config::Connection& connection, const config::Secrets& secrets) {
    return key_of(SecretKind::kPpk, connection.ppk, FileForm::kPpk, secrets);
}

std::optional<AuthSecret> users_of(const config::Ipsec& ipsec, const config::Connection& connection,
                                   const config::Secrets& secrets) {
    if (!connection.users) return std::nullopt;
    AuthSecret out;
    out.kind = SecretKind::kUsers;
    out.realms = ipsec.realms;
    add(out, SecretFile::kUsers, *connection.users, FileForm::kUsers, secrets);
    return out;
}

std::optional<AuthSecret> signer_of(const config::Ipsec& ipsec, const config::Secrets& secrets) {
    if (!ipsec.certificate || !ipsec.private_key) return std::nullopt;
    return signer_of(*ipsec.certificate, *ipsec.private_key, secrets);
}

AuthSecret signer_of(const config::IpsecGateway& gateway, const config::Secrets& secrets) {
    return signer_of(gateway.certificate, gateway.private_key, secrets);
}

std::optional<AuthSecret> trust_of(const config::Ipsec& ipsec, const config::Secrets& secrets) {
    if (ipsec.ca.empty()) return std::nullopt;
    AuthSecret out;
    out.kind = SecretKind::kTrust;
    out.crl_required = ipsec.crl_required;
    for (const config::CertificateRef& ca : ipsec.ca) add(out, SecretFile::kCa, ca, secrets);
    for (const config::CertificateRef& crl : ipsec.crl) add(out, SecretFile::kCrl, crl, secrets);
    return out;
}

void for_each_secret(const config::Generation& generation, const std::function<void(const AuthSecret&)>& visit) {
    const auto visit_one = [&visit](const std::optional<AuthSecret>& secret) {
        if (secret) visit(*secret);
    };
    for (const config::Listener& listener : generation.appliance.listeners) {
        const auto* const ike = std::get_if<config::IkeListener>(&listener.settings);
        if (ike != nullptr && ike->gateway) visit(signer_of(*ike->gateway, generation.secrets));
    }
    for (const auto& accepted : generation.customers) {
        if (!accepted->customer.ipsec) continue;
        const config::Ipsec& ipsec = *accepted->customer.ipsec;
        visit_one(signer_of(ipsec, accepted->secrets));
        visit_one(trust_of(ipsec, accepted->secrets));
        for (const config::Connection& connection : ipsec.connections) {
            if (!connection.enabled) continue;
            visit_one(psk_of(connection, accepted->secrets));
            visit_one(ppk_of(connection, accepted->secrets));
            visit_one(users_of(ipsec, connection, accepted->secrets));
        }
    }
}

}  // namespace warren::stacks
