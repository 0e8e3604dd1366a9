// Whom a customer trusts: its CAs and their revocation lists, and the path from a certificate to one of them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "auth/chain/certificate.h"
#include "base/bytes.h"
#include "base/ipsec.h"
#include "base/result.h"
#include "base/time.h"

struct x509_store_st;

namespace warren::auth {

inline constexpr std::size_t kMostAuthorities = 64;  // of one customer
inline constexpr int kMostIntermediates = 6;         // between a certificate and the CA
inline constexpr std::size_t kMostRevocationLists = 64;

struct FreeStore {
    void operator()(x509_store_st* store) const;
};

struct Path {
    PeerVerdict verdict = PeerVerdict::kUnknownIssuer;
    WallTime not_after;             // kTrusted: until when the whole path is valid
    bool has_current_lists = true;  // false: a revocation list was missing or out of date, and was not required
};

// The CAs of files and nothing else: no system store, no network, no clock. Source: RFC 5280 §6. One thread.
class Trust {
  public:
    // Each file is PEM, with one or more, or DER. kInvalid: a file that cannot be used, or a certificate that is no CA.
    [[nodiscard]] static Result<Trust> from_files(std::span<const Bytes> authorities, std::span<const Bytes> lists,
                                                  bool crl_required);

    // Whether one of its CAs has the name of an issuer in `chain`: without that no path ends here.
    [[nodiscard]] bool may_hold(std::span<const Certificate> chain) const;
    // From chain[0] over any of the others to one of the CAs. The chain is not empty.
    [[nodiscard]] Path check(std::span<const Certificate> chain, WallTime now) const;
    [[nodiscard]] std::span<const Certificate> authorities() const { return authorities_; }
    // The first nextUpdate of its lists; INT64_MAX: none has one.
    [[nodiscard]] WallTime first_list_end() const { return first_list_end_; }

  private:
    Trust() = default;

    std::vector<Certificate> authorities_;
    std::unique_ptr<x509_store_st, FreeStore> store_;
    WallTime first_list_end_{INT64_MAX};
    bool has_lists_ = false;
    bool crl_required_ = false;
};

}  // namespace warren::auth
