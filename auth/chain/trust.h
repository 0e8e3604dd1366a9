// Whom a customer trusts: its CAs and their revocation lists, and the path from a certificate to one of them.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "auth/chain/certificate.h"
#include "auth/chain/known_chains.h"
#include "base/bytes.h"
#include "base/ipsec.h"
#include "base/result.h"
#include "base/time.h"

struct x509_store_st;

namespace warren::auth {

inline constexpr std::size_t kMostAuthorities = 64;  // of one customer
inline constexpr int kMostIntermediates = 6;         // between a certificate and the CA
inline constexpr std::size_t kMostRevocationLists = 64;

inline constexpr std::chrono::hours kKnownLife{1};  // of a path that is not looked for again

struct FreeStore {
    void operator()(x509_store_st* store) const;
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

    // From now on it remembers what it finds, in a part of its own. `all` must outlive it.
    void remember_in(KnownChains& all) { known_ = std::make_unique<KnownPart>(all); }
    // As read, if a chain with this digest_of() is remembered; else null. Whether it is still trusted, check() says.
    [[nodiscard]] const KnownChain* known(const ChainDigest& digest) const {
        return known_ == nullptr ? nullptr : known_->find(digest);
    }
    // As check(), for a chain that may have been found right before. What check() says depends on the chain's bytes, on
    // the CAs and the revocation lists, which a Trust never changes (others are another Trust), and on the time; so a
    // path stays right until one of its certificates ends, or a list begins or ends to be in force. Only what is
    // trusted with all lists in force is kept, for kKnownLife at most, and not if the clock goes back; and no chain
    // with a certificate that is not in the path: nobody vouches for that one, and a peer may send any number.
    [[nodiscard]] Path check(const ReadChain& chain, WallTime now);

    [[nodiscard]] std::span<const Certificate> authorities() const { return authorities_; }
    // The first nextUpdate of its lists; INT64_MAX: none has one.
    [[nodiscard]] WallTime first_list_end() const { return first_list_end_; }

  private:
    Trust() = default;

    std::vector<Certificate> authorities_;
    std::unique_ptr<x509_store_st, FreeStore> store_;
    WallTime first_list_end_{INT64_MAX};
    std::unique_ptr<KnownPart> known_;  // null: it remembers nothing
    std::vector<WallTime> list_times_;  // when one of its lists begins or ends to be in force
    bool has_lists_ = false;
    bool crl_required_ = false;
};

}  // namespace warren::auth
