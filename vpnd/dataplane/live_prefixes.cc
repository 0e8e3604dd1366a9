#include "vpnd/dataplane/live_prefixes.h"

#include <algorithm>

namespace warren::dataplane {

// A customer's own peers choose among its own addresses: it is no secret.
std::size_t LivePrefixes::Hash::operator()(const Prefix& prefix) const noexcept {
    const auto mixed = [](std::uint64_t value) {  // SplitMix64's finaliser
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    };
    const std::uint8_t* const octets = prefix.address.octets.data();
    return mixed(mixed(load_le<std::uint64_t>(octets) + prefix.length) + load_le<std::uint64_t>(octets + 8));
}

bool LivePrefixes::put(const Prefix& prefix, PeerIndex peer) {
    const Prefix network = prefix.network();
    std::vector<PeerIndex>& peers = peers_of_[network];
    if (const auto present = std::find(peers.begin(), peers.end(), peer); present != peers.end()) {
        std::rotate(present, present + 1, peers.end());
        return true;
    }
    if (peers.size() == kPeersOfPrefix) return false;
    if (peers.empty()) {
        Lengths& lengths = lengths_of(network);
        auto at =
            std::find_if(lengths.begin(), lengths.end(), [&](const Length& one) { return one.bits <= network.length; });
        if (at == lengths.end() || at->bits != network.length) at = lengths.insert(at, {network.length});
        ++at->prefixes;
    }
    peers.push_back(peer);
    of_peer_[peer].push_back(network);
    ++size_;
    return true;
}

bool LivePrefixes::drop(const Prefix& prefix, PeerIndex peer) {
    const auto found = of_peer_.find(peer);
    if (found == of_peer_.end()) return false;
    const Prefix network = prefix.network();
    if (std::erase(found->second, network) == 0) return false;
    if (found->second.empty()) of_peer_.erase(found);
    forget(network, peer);
    return true;
}

void LivePrefixes::drop_all(PeerIndex peer) {
    const auto found = of_peer_.find(peer);
    if (found == of_peer_.end()) return;
    for (const Prefix& network : found->second) forget(network, peer);
    of_peer_.erase(found);
}

void LivePrefixes::forget(const Prefix& network, PeerIndex peer) {
    const auto found = peers_of_.find(network);
    std::erase(found->second, peer);
    --size_;
    if (!found->second.empty()) return;
    peers_of_.erase(found);
    Lengths& lengths = lengths_of(network);
    const auto at =
        std::find_if(lengths.begin(), lengths.end(), [&](const Length& one) { return one.bits == network.length; });
    if (--at->prefixes == 0) lengths.erase(at);
}

LivePrefixes::Match LivePrefixes::find(const IpAddress& address) const {
    for (const Length& length : address.is_v4() ? v4_ : v6_) {
        const auto found = peers_of_.find({address.masked(length.bits), length.bits});
        if (found != peers_of_.end()) return {&found->second, length.bits};
    }
    return {};
}

}  // namespace warren::dataplane
