// Prefixes of a customer's peers that come and go while it runs, beside those of its configuration: leased addresses
// and what selectors were narrowed to.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"

namespace warren::dataplane {

// A lookup costs a search in a hash table for each length that is in use, the longest first: leases have one a family.
// One thread.
class LivePrefixes {
  public:
    static constexpr std::size_t kPeersOfPrefix = 16;

    // The longest prefix that contains an address. Several peers may have the same one; what goes there is sent to the
    // one that got it last.
    struct Match {
        const std::vector<PeerIndex>* peers = nullptr;  // null: no prefix; else the last one got it last
        std::uint8_t length = 0;
    };

    // The peer has the prefix from now on, as the last one. False when it is new and kPeersOfPrefix have it already.
    [[nodiscard]] bool put(const Prefix& prefix, PeerIndex peer);
    // False when the peer does not have it.
    bool drop(const Prefix& prefix, PeerIndex peer);
    // All that it has.
    void drop_all(PeerIndex peer);
    // Those of peers for which `is_there` is false are dropped.
    template <typename IsThere>
    void keep_if(const IsThere& is_there) {
        std::vector<PeerIndex> gone;
        for (const auto& [peer, prefixes] : of_peer_) {
            if (!is_there(peer)) gone.push_back(peer);
        }
        for (const PeerIndex peer : gone) drop_all(peer);
    }

    [[nodiscard]] Match find(const IpAddress& address) const;
    [[nodiscard]] bool empty() const { return size_ == 0; }
    // Each prefix is counted for each peer that has it.
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    struct Hash {
        std::size_t operator()(const Prefix& prefix) const noexcept;
    };
    struct Length {
        std::uint8_t bits = 0;
        std::size_t prefixes = 0;
    };
    using Lengths = std::vector<Length>;  // in use, the longest first

    [[nodiscard]] Lengths& lengths_of(const Prefix& prefix) { return prefix.address.is_v4() ? v4_ : v6_; }
    void forget(const Prefix& network, PeerIndex peer);

    std::unordered_map<Prefix, std::vector<PeerIndex>, Hash> peers_of_;  // networks
    std::unordered_map<PeerIndex, std::vector<Prefix>> of_peer_;
    Lengths v4_;
    Lengths v6_;
    std::size_t size_ = 0;
};

}  // namespace warren::dataplane
