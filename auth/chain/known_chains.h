// Chains of certificates that were trusted right before: a peer that comes again costs one signature to verify.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "auth/chain/certificate.h"

namespace warren::auth {

// Chains that are remembered, of one Trust and of all, and the bytes of their certificates on the wire. As OpenSSL
// keeps it, an ordinary certificate takes 4 to 5 KB, and one that is nothing but empty names 54 times its bytes.
inline constexpr std::size_t kMostKnownOfTrust = 512;
inline constexpr std::size_t kMostKnownBytesOfTrust = std::size_t{512} << 10;
inline constexpr std::size_t kMostKnown = 1024;
inline constexpr std::size_t kMostKnownBytes = std::size_t{2} << 20;
static_assert(kMostChain * kMostCertificate <= kMostKnownBytesOfTrust);

// SHA-256 of all certificates of a chain, each as it is on the wire, in their order.
using ChainDigest = std::array<std::uint8_t, 32>;
[[nodiscard]] ChainDigest digest_of(std::span<const std::vector<std::uint8_t>> chain);

// What a chain says depends on its bytes alone: read once, it is good for ever and for each customer.
struct ReadChain {
    ChainDigest digest{};
    std::size_t bytes = 0;  // of its certificates on the wire
    std::shared_ptr<const std::vector<Certificate>> certificates;
};

// What a Trust finds of a chain.
struct Path {
    PeerVerdict verdict = PeerVerdict::kUnknownIssuer;
    WallTime not_after;             // kTrusted: until when the whole path is valid
    bool has_current_lists = true;  // false: a revocation list was missing or out of date, and was not required
    bool has_whole_chain = false;   // each certificate of the chain is in it, and none twice
};

// A path that is trusted from one time to another, the second not included.
struct KnownChain {
    ReadChain chain;
    Path path;
    WallTime from;
    WallTime until;
};

class KnownPart;

// All that is remembered. Where that is too much, the part with the most loses its oldest: whoever remembers less than
// another loses nothing to it. Must outlive its parts. One thread.
class KnownChains {
  public:
    KnownChains() = default;
    KnownChains(const KnownChains&) = delete;
    KnownChains& operator=(const KnownChains&) = delete;
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    friend class KnownPart;
    using Measure = std::size_t (KnownPart::*)() const;
    [[nodiscard]] KnownPart& most(Measure measure) const;
    void make_room();

    std::vector<KnownPart*> parts_;  // that have chains
    std::size_t size_ = 0;
    std::size_t bytes_ = 0;
    std::uint64_t next_number_ = 0;
};

// The chains that one Trust has found. One thread.
class KnownPart {
  public:
    explicit KnownPart(KnownChains& all) : all_(all) {}
    KnownPart(const KnownPart&) = delete;
    KnownPart& operator=(const KnownPart&) = delete;
    ~KnownPart();

    // Null: it is not known. Good until the next put() into any part.
    [[nodiscard]] const KnownChain* find(const ChainDigest& digest) const;
    // As the newest, and in the place of what was known of it.
    void put(KnownChain known);
    void drop(const ChainDigest& digest);
    [[nodiscard]] std::size_t size() const { return chains_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    friend class KnownChains;
    struct Numbered {
        std::uint64_t number = 0;  // of a later chain, of whatever part, it is greater
        KnownChain known;
    };
    using Place = std::list<Numbered>::iterator;
    // A digest is as good as random: whoever has a trusted chain for each that it likes to have fill one bucket is a
    // CA that the operator trusts, and slows down its own customer.
    struct Hash {
        std::size_t operator()(const ChainDigest& digest) const {
            std::size_t out = 0;
            std::memcpy(&out, digest.data(), sizeof out);
            return out;
        }
    };
    void forget(Place place);
    void forget_oldest() { forget(chains_.begin()); }

    KnownChains& all_;
    std::list<Numbered> chains_;  // the oldest first
    std::unordered_map<ChainDigest, Place, Hash> places_;
    std::size_t bytes_ = 0;
};

}  // namespace warren::auth
