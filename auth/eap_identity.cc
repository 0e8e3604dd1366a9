#include "auth/eap_identity.h"

#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "base/eap.h"

namespace warren::auth {

namespace {

struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
};

std::string usable(const ASN1_STRING* text) {
    if (text == nullptr) return {};
    const Bytes bytes(::ASN1_STRING_get0_data(text), static_cast<std::size_t>(::ASN1_STRING_length(text)));
    const auto name = eap::name_in(bytes);
    return name ? std::string(*name) : std::string();
}

// "alice@acme.example" in an otherName of Microsoft's.
std::string principal_in(const OTHERNAME* other) {
    if (::OBJ_obj2nid(other->type_id) != NID_ms_upn || other->value->type != V_ASN1_UTF8STRING) return {};
    return usable(other->value->value.utf8string);
}

std::string text_in(const GENERAL_NAME* name, int type) {
    if (name->type != type) return {};
    switch (type) {
        case GEN_EMAIL: return usable(name->d.rfc822Name);
        case GEN_OTHERNAME: return principal_in(name->d.otherName);
        case GEN_DNS: return usable(name->d.dNSName);
        default: return {};
    }
}

}  // namespace

std::string name_of(const Certificate& certificate) {
    const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
        static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate.native(), NID_subject_alt_name, nullptr, nullptr)));
    for (const int type : {GEN_EMAIL, GEN_OTHERNAME, GEN_DNS}) {
        for (int at = 0; names != nullptr && at < sk_GENERAL_NAME_num(names.get()); ++at) {
            std::string text = text_in(sk_GENERAL_NAME_value(names.get(), at), type);
            if (!text.empty()) return text;
        }
    }
    return {};
}

}  // namespace warren::auth
