// Whether a certificate is that of an identity (RFC 4945 §3.1, conformance KA3).
#include <openssl/err.h>

#include <algorithm>

#include "auth/chain/certificate.h"
#include "auth/chain/x509_objects.h"

namespace warren::auth {

namespace {

// Types of identities (RFC 7296 §3.5).
constexpr std::uint8_t kIpv4Addr = 1;
constexpr std::uint8_t kFqdn = 2;
constexpr std::uint8_t kRfc822Addr = 3;
constexpr std::uint8_t kIpv6Addr = 5;
constexpr std::uint8_t kDerAsn1Dn = 9;

Bytes bytes_of(const ASN1_STRING* string) {
    return {::ASN1_STRING_get0_data(string), static_cast<std::size_t>(::ASN1_STRING_length(string))};
}

std::uint8_t lower(std::uint8_t letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<std::uint8_t>(letter - 'A' + 'a') : letter;
}

bool equal(Bytes a, Bytes b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool equal_without_case(Bytes a, Bytes b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](std::uint8_t x, std::uint8_t y) { return lower(x) == lower(y); });
}

// RFC 5280 §7.5: what stands before the last "@" has case.
bool equal_mail(Bytes a, Bytes b) {
    if (a.size() != b.size()) return false;
    const auto at = std::find(a.rbegin(), a.rend(), std::uint8_t{'@'});
    const auto local = static_cast<std::size_t>(a.rend() - at);
    return equal(a.first(local), b.first(local)) && equal_without_case(a.subspan(local), b.subspan(local));
}

bool is_one_of(const GENERAL_NAME& name, std::uint8_t id_type, Bytes identity) {
    switch (id_type) {
        case kIpv4Addr:
        case kIpv6Addr: return name.type == GEN_IPADD && equal(bytes_of(name.d.iPAddress), identity);
        case kFqdn: return name.type == GEN_DNS && equal_without_case(bytes_of(name.d.dNSName), identity);
        case kRfc822Addr: return name.type == GEN_EMAIL && equal_mail(bytes_of(name.d.rfc822Name), identity);
        default: return false;
    }
}

bool is_subject(x509_st* certificate, Bytes dn) {
    const std::uint8_t* at = dn.data();
    const Owned<X509_NAME> name(::d2i_X509_NAME(nullptr, &at, static_cast<long>(dn.size())));
    const bool is_whole = name != nullptr && at == dn.data() + dn.size() && ::X509_NAME_entry_count(name.get()) > 0;
    ::ERR_clear_error();
    return is_whole && ::X509_NAME_cmp(name.get(), ::X509_get_subject_name(certificate)) == 0;
}

}  // namespace

bool Certificate::is_of(std::uint8_t id_type, Bytes identity) const {
    if (identity.empty()) return false;
    if (id_type == kDerAsn1Dn) return is_subject(native(), identity);
    // An identity with a wildcard would be many.
    const bool is_text = id_type == kFqdn || id_type == kRfc822Addr;
    if (is_text && std::find(identity.begin(), identity.end(), std::uint8_t{'*'}) != identity.end()) return false;
    const Owned<GENERAL_NAMES> names(
        static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(native(), NID_subject_alt_name, nullptr, nullptr)));
    ::ERR_clear_error();
    if (names == nullptr) return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (is_one_of(*sk_GENERAL_NAME_value(names.get(), i), id_type, identity)) return true;
    }
    return false;
}

}  // namespace warren::auth
