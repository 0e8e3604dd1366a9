#include "config/certificate_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "auth/chain/signer.h"
#include "auth/chain/trust.h"
#include "base/ip.h"
#include "config/identity.h"

namespace warren::config {

namespace {

constexpr std::int64_t kDay = std::int64_t{86'400} * 1'000'000'000;
constexpr std::int64_t kSoon = 30 * kDay;

// The type of an ID payload (RFC 7296 §3.5) and its value; nothing: none that a certificate names.
struct Name {
    std::uint8_t type;
    std::vector<std::uint8_t> value;
};
std::optional<Name> name_of(const IkeIdentity& identity) {
    const std::vector<std::uint8_t> text(identity.text.begin(), identity.text.end());
    switch (identity.type) {
        case IkeIdentityType::kAddress: {
            const auto address = parse_ip(identity.text);
            if (!address) return std::nullopt;
            const Bytes octets = address->bytes();
            return Name{static_cast<std::uint8_t>(address->is_v4() ? 1 : 5), {octets.begin(), octets.end()}};
        }
        case IkeIdentityType::kFqdn: return Name{2, text};
        case IkeIdentityType::kEmail: return Name{3, text};
        default: return std::nullopt;
    }
}

class CertificateCheck {
  public:
    CertificateCheck(const Source& source, const Secrets& secrets, WallTime now, std::vector<Diagnostic>& out)
        : source_(source), secrets_(secrets), now_(now), out_(out) {}

    // Our own. `path`: of the table that has both.
    void check_signer(const std::string& path, const CertificateRef& certificate, const SecretRef& private_key,
                      const IkeIdentity& identity, bool is_for_clients) {
        const std::string at = path + ".certificate";
        const auto* const chain_file = content(certificate.name, FileForm::kCertificate);
        if (chain_file == nullptr) return;
        const auto chain = auth::Certificate::from_file(chain_file->reveal(), auth::kMostChain);
        if (!chain) return error(at, certificate.name, chain.error().what);
        for (const auth::Certificate& one : *chain) check_time(at, certificate.name, one);
        const auth::Certificate& leaf = chain->front();
        if (!leaf.may_sign_for_ike())
            error(at, certificate.name, "its keyUsage or extendedKeyUsage does not let it sign in IKE");
        if (const auto name = name_of(identity); name && !leaf.is_of(name->type, name->value))
            warn(at, certificate.name,
                 fmt::format("it has no subjectAltName {}, and peers compare it with that", to_string(identity)));
        if (is_for_clients && !leaf.has_server_auth())
            warn(at, certificate.name, "without serverAuth in its extendedKeyUsage, Windows does not take it");
        if (is_for_clients && leaf.key().kind() != crypto::SigningKeyKind::kRsa)
            warn(at, certificate.name, "iOS takes certificates with RSA keys only, where it is set up by hand");
        const auto* const key_file = content(private_key.name, FileForm::kPrivateKey);
        if (key_file == nullptr) return;
        const auto signer = auth::Signer::from_files(chain_file->reveal(), key_file->reveal());
        if (!signer) error(path + ".private_key.secret", private_key.name, signer.error().what);
    }

    void check_trust(const std::vector<CertificateRef>& authorities, const std::vector<CertificateRef>& lists) {
        std::vector<Bytes> usable;
        for (std::size_t i = 0; i < authorities.size(); ++i) {
            const std::string at = fmt::format("ipsec.ca[{}]", i);
            const auto* const file = content(authorities[i].name, FileForm::kCertificate);
            if (file == nullptr) continue;
            const Bytes bytes = file->reveal();
            const auto trust = auth::Trust::from_files({&bytes, 1}, {}, false);
            if (!trust) {
                error(at, authorities[i].name, trust.error().what);
                continue;
            }
            for (const auth::Certificate& one : trust->authorities()) check_time(at, authorities[i].name, one);
            usable.push_back(bytes);
        }
        // authd takes them together, or not at all.
        if (const auto all = auth::Trust::from_files(usable, {}, false); !all)
            out_.push_back(source_.error("ipsec.ca", "in all files: " + all.error().what));
        usable.clear();
        for (std::size_t i = 0; i < lists.size(); ++i) {
            const auto* const file = content(lists[i].name, FileForm::kCertificate);
            if (file == nullptr) continue;
            const std::string at = fmt::format("ipsec.crl[{}]", i);
            const Bytes bytes = file->reveal();
            const auto trust = auth::Trust::from_files({}, {&bytes, 1}, false);
            if (!trust) {
                error(at, lists[i].name, trust.error().what);
                continue;
            }
            if (trust->first_list_end() < now_)
                warn(at, lists[i].name, "a list in it has expired (its nextUpdate has passed)");
            usable.push_back(bytes);
        }
        if (const auto all = auth::Trust::from_files({}, usable, false); !all)
            out_.push_back(source_.error("ipsec.crl", "in all files: " + all.error().what));
    }

  private:
    [[nodiscard]] const crypto::SecretBuffer* content(const std::string& name, FileForm form) const {
        return secrets_.content(SecretRef{name}, form);
    }
    void error(const std::string& path, const std::string& file, const std::string& what) {
        out_.push_back(source_.error(path, fmt::format("{}: {}", file, what)));
    }
    void warn(const std::string& path, const std::string& file, const std::string& what) {
        out_.push_back(source_.warning(path, fmt::format("{}: {}", file, what)));
    }
    void check_time(const std::string& path, const std::string& file, const auth::Certificate& one) {
        const std::int64_t left = one.not_after().nanoseconds - now_.nanoseconds;
        if (one.not_after() < now_) return error(path, file, fmt::format("{} has expired", one.subject()));
        if (one.not_before() > now_) return error(path, file, fmt::format("{} is not valid yet", one.subject()));
        if (left < kSoon) warn(path, file, fmt::format("{} ends in {} days", one.subject(), left / kDay));
    }

    const Source& source_;
    const Secrets& secrets_;
    WallTime now_;
    std::vector<Diagnostic>& out_;
};

// People's devices come without saying whom they want, or by EAP.
bool has_clients(const Ipsec& ipsec) {
    return std::any_of(ipsec.connections.begin(), ipsec.connections.end(), [](const Connection& connection) {
        return connection.enabled && (!connection.pool.empty() || connection.auth == IpsecAuth::kEapMschapv2 ||
                                      connection.auth == IpsecAuth::kEapTls);
    });
}

}  // namespace

void check_certificates(const Parsed<Appliance>& appliance, const Secrets& secrets, WallTime now,
                        std::vector<Diagnostic>& out) {
    for (const Listener& listener : appliance.value.listeners) {
        const auto* const ike = std::get_if<IkeListener>(&listener.settings);
        if (ike == nullptr || !ike->gateway) continue;
        CertificateCheck(appliance.source, secrets, now, out)
            .check_signer("ipsec.gateway", ike->gateway->certificate, ike->gateway->private_key, ike->gateway->identity,
                          true);
    }
}

void check_certificates(const Parsed<Customer>& customer, const Secrets& secrets, WallTime now,
                        std::vector<Diagnostic>& out) {
    if (!customer.value.ipsec) return;
    const Ipsec& ipsec = *customer.value.ipsec;
    CertificateCheck check(customer.source, secrets, now, out);
    if (ipsec.certificate && ipsec.private_key)
        check.check_signer("ipsec", *ipsec.certificate, *ipsec.private_key, ipsec.identity, has_clients(ipsec));
    check.check_trust(ipsec.ca, ipsec.crl);
}

}  // namespace warren::config
