#include "auth/chain/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <span>
#include <utility>

#include "auth/chain/x509_objects.h"
#include "base/check.h"
#include "crypto/signature_library.h"

namespace warren::auth {

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

tl::unexpected<PeerVerdict> bad(PeerVerdict verdict) {
    ::ERR_clear_error();
    return tl::unexpected<PeerVerdict>(verdict);
}

// To be read into: its key is one of the signature library's. A reader that fails frees it, or leaves it.
X509* empty_certificate() {
    X509* const out = ::X509_new_ex(crypto::signature_library(), nullptr);
    WARREN_CHECK(out != nullptr);
    return out;
}

template <typename Encode, typename Object>
std::vector<std::uint8_t> der_of(Encode encode, Object* object) {
    std::uint8_t* der = nullptr;
    const int size = encode(object, &der);
    WARREN_CHECK(size > 0);
    std::vector<std::uint8_t> out(der, der + size);
    ::OPENSSL_free(der);
    return out;
}

// A date beyond what 64 bits of nanoseconds hold is as late as they can say.
WallTime wall_time_of(const ASN1_TIME* time) {
    int days = 0;
    int seconds = 0;
    const std::unique_ptr<ASN1_TIME, decltype(&::ASN1_STRING_free)> epoch(::ASN1_TIME_set(nullptr, 0),
                                                                          &::ASN1_STRING_free);
    WARREN_CHECK(epoch != nullptr);
    if (::ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return {};
    constexpr std::int64_t kMostDays = INT64_MAX / kNanoseconds / 86'400 - 1;
    if (days > kMostDays) return {INT64_MAX};
    if (days < -kMostDays) return {INT64_MIN};
    return {(std::int64_t{days} * 86'400 + seconds) * kNanoseconds};
}

// Any of these in extendedKeyUsage lets a certificate stand for an IKE peer: ipsecIKE and anyExtendedKeyUsage by RFC
// 4945 §5.1.3.12, serverAuth and clientAuth because operating systems ask for them, and the three old ones of IPsec.
constexpr std::array kUsagesForIke = {NID_ipsec_IKE,      NID_anyExtendedKeyUsage, NID_server_auth, NID_client_auth,
                                      NID_ipsecEndSystem, NID_ipsecTunnel,         NID_ipsecUser};

// Its key is of a kind that the signature library reads.
bool is_key_known(const x509_st* certificate) {
    ASN1_OBJECT* kind = nullptr;
    if (::X509_PUBKEY_get0_param(&kind, nullptr, nullptr, nullptr, ::X509_get_X509_PUBKEY(certificate)) != 1)
        return false;
    const int nid = ::OBJ_obj2nid(kind);
    return nid == NID_rsaEncryption || nid == NID_X9_62_id_ecPublicKey || nid == NID_ED25519;
}

bool has_usage(x509_st* certificate, std::span<const int> wanted, bool or_none_at_all) {
    int position = -1;
    const Owned<EXTENDED_KEY_USAGE> usages(
        static_cast<EXTENDED_KEY_USAGE*>(::X509_get_ext_d2i(certificate, NID_ext_key_usage, &position, nullptr)));
    // -1 without usages: there is no such extension. Else it is there twice, or cannot be read.
    if (usages == nullptr) return or_none_at_all && position == -1;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i) {
        const int usage = ::OBJ_obj2nid(sk_ASN1_OBJECT_value(usages.get(), i));
        for (const int one : wanted) {
            if (usage == one) return true;
        }
    }
    return false;
}

}  // namespace

bool is_signed_weakly(X509* certificate) {
    int digest = NID_undef;
    int key = NID_undef;
    if (::X509_get_signature_info(certificate, &digest, &key, nullptr, nullptr) != 1) return true;
    if (key == NID_ED25519) return false;
    return digest != NID_sha256 && digest != NID_sha384 && digest != NID_sha512;
}

bool is_usage_for_ike(X509* certificate) {
    return has_usage(certificate, kUsagesForIke, true);
}

WallTime end_of(X509* certificate) {
    return wall_time_of(::X509_get0_notAfter(certificate));
}

WallTime start_of(X509_CRL* list) {
    return wall_time_of(::X509_CRL_get0_lastUpdate(list));
}

WallTime end_of(X509_CRL* list) {
    const ASN1_TIME* const end = ::X509_CRL_get0_nextUpdate(list);
    return end == nullptr ? WallTime{INT64_MAX} : wall_time_of(end);
}

void FreeCertificate::operator()(x509_st* certificate) const {
    ::X509_free(certificate);
}

tl::expected<Certificate, PeerVerdict> Certificate::checked(Held certificate) {
    // Also reads the extensions, of which none may be twice or malformed.
    if ((::X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) != 0) return bad(PeerVerdict::kMalformed);
    if (!is_key_known(certificate.get())) return bad(PeerVerdict::kWeak);
    auto key = crypto::VerifyingKey::from_key(crypto::OpensslKey(::X509_get_pubkey(certificate.get())));
    if (!key) return bad(key.error() == crypto::KeyFlaw::kMalformed ? PeerVerdict::kMalformed : PeerVerdict::kWeak);
    return Certificate(std::move(certificate), std::move(*key));
}

tl::expected<Certificate, PeerVerdict> Certificate::from_der(Bytes der) {
    if (der.size() > kMostCertificate) return bad(PeerVerdict::kMalformed);
    const std::uint8_t* at = der.data();
    X509* raw = empty_certificate();
    const bool is_read = ::d2i_X509(&raw, &at, static_cast<long>(der.size())) != nullptr;
    Held certificate(raw);
    if (!is_read || at != der.data() + der.size()) return bad(PeerVerdict::kMalformed);
    return checked(std::move(certificate));
}

Result<std::vector<Certificate>> Certificate::from_file(Bytes content, std::size_t most) {
    constexpr std::uint8_t kSequence = 0x30;
    std::vector<Certificate> out;
    const auto flaw = [&](PeerVerdict verdict) {
        ::ERR_clear_error();
        const std::string which = "certificate " + std::to_string(out.size() + 1) + " in it ";
        return fail(ErrorCode::kInvalid,
                    which + (verdict == PeerVerdict::kWeak
                                 ? "has a key that Warren does not use: RSA of 2048 to 4096 bits, P-256, P-384, P-521 "
                                   "and Ed25519 are"
                                 : "cannot be read"));
    };
    if (!content.empty() && content[0] == kSequence) {
        auto only = from_der(content);
        if (!only) return flaw(only.error());
        out.push_back(std::move(*only));
        return out;
    }
    const Owned<BIO> text(::BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
    WARREN_CHECK(text != nullptr);
    while (true) {
        X509* raw = empty_certificate();
        const bool is_read = ::PEM_read_bio_X509(text.get(), &raw, nullptr, nullptr) != nullptr;
        Held certificate(raw);
        if (!is_read) {
            const bool is_end = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            ::ERR_clear_error();
            if (!is_end) return flaw(PeerVerdict::kMalformed);
            break;
        }
        if (out.size() == most)
            return fail(ErrorCode::kInvalid, "it has more than " + std::to_string(most) + " certificates");
        auto one = checked(std::move(certificate));
        if (!one) return flaw(one.error());
        out.push_back(std::move(*one));
    }
    if (out.empty()) return fail(ErrorCode::kInvalid, "no certificate is in it");
    return out;
}

std::vector<std::uint8_t> Certificate::der() const {
    return der_of(::i2d_X509, native());
}

std::vector<std::uint8_t> Certificate::public_key() const {
    return der_of(::i2d_X509_PUBKEY, ::X509_get_X509_PUBKEY(native()));
}

WallTime Certificate::not_before() const {
    return wall_time_of(::X509_get0_notBefore(native()));
}

WallTime Certificate::not_after() const {
    return end_of(native());
}

// 1: by basicConstraints. OpenSSL's other answers are guesses for roots of version 1.
bool Certificate::is_authority() const {
    return ::X509_check_ca(native()) == 1;
}

bool Certificate::is_self_issued() const {
    return is_issued_by_name_of(*this);
}

bool Certificate::is_issued_by_name_of(const Certificate& other) const {
    return ::X509_NAME_cmp(::X509_get_issuer_name(native()), ::X509_get_subject_name(other.native())) == 0;
}

std::string Certificate::subject() const {
    const Owned<BIO> text(::BIO_new(::BIO_s_mem()));
    WARREN_CHECK(text != nullptr);
    // RFC 2253 escapes what is not printable ASCII.
    ::X509_NAME_print_ex(text.get(), ::X509_get_subject_name(native()), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

bool Certificate::may_sign_for_ike() const {
    // All bits are set where there is no keyUsage.
    const std::uint32_t usage = ::X509_get_key_usage(native());
    return (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0 && is_usage_for_ike(native());
}

bool Certificate::has_server_auth() const {
    return has_usage(native(), std::array{NID_server_auth}, false);
}

}  // namespace warren::auth
