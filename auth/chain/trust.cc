#include "auth/chain/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>
#include <string>
#include <utility>

#include "auth/chain/x509_objects.h"
#include "base/check.h"
#include "crypto/signature_library.h"

namespace warren::auth {

namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

// What one verification is to know, and what it finds.
struct Judgement {
    bool crl_required = false;
    bool has_current_lists = true;
};

bool is_anchor(X509_STORE_CTX* context) {
    const STACK_OF(X509)* const path = ::X509_STORE_CTX_get0_chain(context);
    return path != nullptr && ::X509_STORE_CTX_get_error_depth(context) == sk_X509_num(path) - 1;
}

// What OpenSSL finds wrong may be none of our rules. Everything else stays wrong.
int judge(int is_right, X509_STORE_CTX* context) {
    if (is_right == 1) return 1;
    auto& judgement = *static_cast<Judgement*>(::X509_STORE_CTX_get_app_data(context));
    switch (::X509_STORE_CTX_get_error(context)) {
        // Only what finds issuers, and what a CA of an older program leaves out.
        case X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER:
        case X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER:
        case X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL:
        case X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL:
        case X509_V_ERR_CA_BCONS_NOT_CRITICAL: return 1;
        case X509_V_ERR_CA_CERT_MISSING_KEY_USAGE: return is_anchor(context) ? 1 : 0;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            if (!is_anchor(context)) {
                if (judgement.crl_required) return 0;
                judgement.has_current_lists = false;
            }
            return 1;
        // Nobody but the operator revokes a CA that it has configured: what its own issuer says of it does not matter.
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE: return is_anchor(context) ? 1 : 0;
        default: return 0;
    }
}

PeerVerdict verdict_of(int error) {
    switch (error) {
        case X509_V_OK: return PeerVerdict::kTrusted;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG: return PeerVerdict::kUnknownIssuer;
        case X509_V_ERR_CERT_NOT_YET_VALID: return PeerVerdict::kNotYetValid;
        case X509_V_ERR_CERT_HAS_EXPIRED: return PeerVerdict::kExpired;
        case X509_V_ERR_CERT_REVOKED: return PeerVerdict::kRevoked;
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_CRL_NOT_YET_VALID:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_SIGNATURE_FAILURE:
        case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
        case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
        case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
        case X509_V_ERR_DIFFERENT_CRL_SCOPE: return PeerVerdict::kNoRevocationList;
        case X509_V_ERR_EE_KEY_TOO_SMALL:
        case X509_V_ERR_CA_KEY_TOO_SMALL:
        case X509_V_ERR_CA_MD_TOO_WEAK:
        case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS: return PeerVerdict::kWeak;
        case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        case X509_V_ERR_INVALID_EXTENSION: return PeerVerdict::kMalformed;
        default: return PeerVerdict::kWrongUsage;
    }
}

// Our own rules for what lies below the CA: what its signature and its purpose are worth.
PeerVerdict check_rules(const STACK_OF(X509) * path) {
    for (int at = 0; at + 1 < sk_X509_num(path); ++at) {
        if (is_signed_weakly(sk_X509_value(path, at))) return PeerVerdict::kWeak;
        if (!is_usage_for_ike(sk_X509_value(path, at))) return PeerVerdict::kWrongUsage;
    }
    return PeerVerdict::kTrusted;
}

// Each certificate of the chain is in the path, and none twice.
bool has_all(const STACK_OF(X509) * path, std::span<const Certificate> chain) {
    std::size_t found = 0;
    for (int at = 0; at < sk_X509_num(path); ++at) {
        const X509* const one = sk_X509_value(path, at);
        const auto is_it = [one](const Certificate& other) { return ::X509_cmp(other.native(), one) == 0; };
        if (std::any_of(chain.begin(), chain.end(), is_it)) ++found;
    }
    return found == chain.size();
}

WallTime first_end(const STACK_OF(X509) * path) {
    WallTime out{INT64_MAX};
    for (int at = 0; at < sk_X509_num(path); ++at) out = std::min(out, end_of(sk_X509_value(path, at)));
    return out;
}

Result<std::vector<Owned<X509_CRL>>> read_lists(Bytes content) {
    constexpr std::uint8_t kSequence = 0x30;
    std::vector<Owned<X509_CRL>> out;
    if (!content.empty() && content[0] == kSequence) {
        const std::uint8_t* at = content.data();
        Owned<X509_CRL> only(::d2i_X509_CRL(nullptr, &at, static_cast<long>(content.size())));
        if (only != nullptr) out.push_back(std::move(only));
    } else {
        const Owned<BIO> text(::BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
        WARREN_CHECK(text != nullptr);
        while (Owned<X509_CRL> one{::PEM_read_bio_X509_CRL(text.get(), nullptr, nullptr, nullptr)})
            out.push_back(std::move(one));
    }
    ::ERR_clear_error();
    if (out.empty()) return fail(ErrorCode::kInvalid, "no revocation list is in it, or it cannot be read");
    return out;
}

}  // namespace

void FreeStore::operator()(x509_store_st* store) const {
    ::X509_STORE_free(store);
}

Result<Trust> Trust::from_files(std::span<const Bytes> authorities, std::span<const Bytes> lists, bool crl_required) {
    Trust out;
    out.crl_required_ = crl_required;
    out.store_.reset(::X509_STORE_new());
    WARREN_CHECK(out.store_ != nullptr);
    for (const Bytes file : authorities) {
        auto found = Certificate::from_file(file, kMostAuthorities);
        if (!found) return tl::unexpected<Error>(found.error());
        for (Certificate& one : *found) {
            if (!one.is_authority())
                return fail(ErrorCode::kInvalid, one.subject() + " is no CA: its basicConstraints do not say so");
            if (out.authorities_.size() == kMostAuthorities)
                return fail(ErrorCode::kInvalid, "there are more than " + std::to_string(kMostAuthorities) + " CAs");
            WARREN_CHECK(::X509_STORE_add_cert(out.store_.get(), one.native()) == 1);
            out.authorities_.push_back(std::move(one));
        }
    }
    std::size_t count = 0;
    for (const Bytes file : lists) {
        auto found = read_lists(file);
        if (!found) return tl::unexpected<Error>(found.error());
        for (const Owned<X509_CRL>& one : *found) {
            if (++count > kMostRevocationLists)
                return fail(ErrorCode::kInvalid,
                            "there are more than " + std::to_string(kMostRevocationLists) + " revocation lists");
            WARREN_CHECK(::X509_STORE_add_crl(out.store_.get(), one.get()) == 1);
            out.first_list_end_ = std::min(out.first_list_end_, end_of(one.get()));
            out.list_times_.insert(out.list_times_.end(), {start_of(one.get()), end_of(one.get())});
        }
    }
    out.has_lists_ = count > 0;
    ::ERR_clear_error();
    return out;
}

bool Trust::may_hold(std::span<const Certificate> chain) const {
    return std::any_of(chain.begin(), chain.end(), [this](const Certificate& one) {
        return std::any_of(authorities_.begin(), authorities_.end(),
                           [&one](const Certificate& ca) { return one.is_issued_by_name_of(ca); });
    });
}

Path Trust::check(std::span<const Certificate> chain, WallTime now) const {
    const Owned<STACK_OF(X509)> others(sk_X509_new_null());
    const Owned<X509_STORE_CTX> context(::X509_STORE_CTX_new_ex(crypto::signature_library(), nullptr));
    WARREN_CHECK(others != nullptr && context != nullptr);
    for (const Certificate& one : chain.subspan(1)) WARREN_CHECK(sk_X509_push(others.get(), one.native()) > 0);
    WARREN_CHECK(::X509_STORE_CTX_init(context.get(), store_.get(), chain[0].native(), others.get()) == 1);
    Judgement judgement{.crl_required = crl_required_};
    ::X509_STORE_CTX_set_app_data(context.get(), &judgement);
    ::X509_STORE_CTX_set_verify_cb(context.get(), judge);
    X509_VERIFY_PARAM* const rules = ::X509_STORE_CTX_get0_param(context.get());
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
    if (has_lists_ || crl_required_) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    ::X509_VERIFY_PARAM_set_flags(rules, flags);
    ::X509_VERIFY_PARAM_set_time(rules, static_cast<std::time_t>(now.nanoseconds / kNanoseconds));
    ::X509_VERIFY_PARAM_set_depth(rules, kMostIntermediates);

    Path out;
    const bool is_right = ::X509_verify_cert(context.get()) == 1;
    out.verdict = is_right ? PeerVerdict::kTrusted : verdict_of(::X509_STORE_CTX_get_error(context.get()));
    out.has_current_lists = judgement.has_current_lists;
    ::ERR_clear_error();
    if (!is_right) {
        // No reason of OpenSSL's makes it right.
        if (out.verdict == PeerVerdict::kTrusted) out.verdict = PeerVerdict::kWrongUsage;
        return out;
    }
    const STACK_OF(X509)* const path = ::X509_STORE_CTX_get0_chain(context.get());
    out.verdict = check_rules(path);
    const bool may_sign = chain[0].may_sign_for_ike() && !chain[0].is_authority();
    if (out.verdict == PeerVerdict::kTrusted && !may_sign) out.verdict = PeerVerdict::kWrongUsage;
    out.not_after = first_end(path);
    out.has_whole_chain = has_all(path, chain);
    return out;
}

Path Trust::check(const ReadChain& chain, WallTime now) {
    if (const KnownChain* const present = known(chain.digest)) {
        if (present->from <= now && now < present->until) return present->path;
        known_->drop(chain.digest);
    }
    const Path out = check(*chain.certificates, now);
    const bool is_kept = out.verdict == PeerVerdict::kTrusted && out.has_current_lists && out.has_whole_chain;
    if (!is_kept || known_ == nullptr) return out;
    const auto life = std::chrono::nanoseconds(kKnownLife).count();
    WallTime until = std::min(out.not_after, WallTime{now.nanoseconds + life});
    for (const WallTime time : list_times_) {
        if (now < time) until = std::min(until, time);
    }
    known_->put({chain, out, now, until});
    return out;
}

}  // namespace warren::auth
