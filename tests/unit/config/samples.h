// Keys, files and secrets that the tests of config/ share.
#pragma once

#include <string>
#include <vector>

#include "config/named_secrets.h"
#include "config/parse.h"
#include "config/psk.h"
#include "config/secrets.h"
#include "config/validate.h"
#include "crypto/x25519.h"

namespace warren::config::samples {

// The key pair number n.
inline crypto::PrivateKey private_key(std::uint8_t n) {
    std::array<std::uint8_t, 32> bytes{};
    bytes.fill(n);
    return {crypto::Secret<32>(bytes)};
}
inline std::string public_text(std::uint8_t n) {
    return crypto::to_base64(crypto::public_key_of(private_key(n)));
}

inline constexpr std::uint8_t kServer = 0x51;     // "uplink"
inline constexpr std::uint8_t kOwnServer = 0x52;  // "own"

inline Secrets secrets() {
    Secrets out;
    out.put({"uplink"}, private_key(kServer).secret.clone());
    out.put({"own"}, private_key(kOwnServer).secret.clone());
    out.put_problem({"problem"}, "secrets/problem may be used by others (mode 0644); accepted: 0600 (chmod 600)");
    for (const FileForm form :
         {FileForm::kPsk, FileForm::kPpk, FileForm::kUsers, FileForm::kPrivateKey, FileForm::kPassword})
        out.put({{"good"}, "", "", "", form}, crypto::SecretBuffer(as_bytes("more than twenty characters")));
    for (const char* name : {"hub.pem", "ca.pem", "ca.crl", "other.pem"})
        out.put({{name}, "", "", "", FileForm::kCertificate}, crypto::SecretBuffer(as_bytes("a certificate")));
    out.put_problem({"short"}, "secrets/short " + parse_psk("12345678901\n", kPskLength).problem, FileForm::kPsk);
    out.put_problem({"missing.pem"}, "certs/missing.pem is missing", FileForm::kCertificate);
    return out;
}

inline const std::string kApplianceText = "schema = 1\n[wireguard]\nprivate_key = { secret = \"uplink\" }\n";

inline const std::string kIpsecApplianceText = kApplianceText + "[ipsec]\n";

inline std::string customer_text(const std::string& more) {
    return "schema = 1\nname = \"Somebody\"\n[stack]\naddresses = [\"10.0.0.1/24\"]\n" + more;
}

inline std::string peer_text(const std::string& name, std::uint8_t key,
                             const std::string& more = "allowed_ips = [\"10.43.0.0/16\"]\n") {
    return "[[wireguard.peer]]\nname = \"" + name + "\"\npublic_key = \"" + public_text(key) + "\"\n" + more;
}

struct NamedText {
    std::string id;
    std::string text;
};

// A whole configuration, checked. Files are called warren.toml and ID.toml.
struct Checked {
    Parsed<Appliance> appliance;
    std::vector<Parsed<Customer>> customers;
    std::vector<Diagnostic> diagnostics;

    [[nodiscard]] std::string text() const {
        std::string out;
        for (const Diagnostic& diagnostic : diagnostics) out += format(diagnostic) + '\n';
        return out;
    }
};

inline Checked check(const std::string& appliance, const std::vector<NamedText>& customers,
                     const Secrets& keys = secrets()) {
    Checked out;
    out.appliance = parse_appliance("warren.toml", appliance, out.diagnostics);
    for (const NamedText& customer : customers) {
        out.customers.push_back(parse_customer(customer.id + ".toml", customer.id, customer.text, out.diagnostics));
    }
    validate(out.appliance, out.customers, keys, out.diagnostics);
    sort(out.diagnostics);
    return out;
}

}  // namespace warren::config::samples
