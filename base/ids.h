// Names of things, each its own type, so that one cannot be passed for another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace warren {

// A dense handle. `Tag` keeps kinds apart; the value indexes arrays of the process that gave it out.
template <typename Tag>
struct Index {
    std::uint32_t value = UINT32_MAX;

    auto operator<=>(const Index&) const = default;
    [[nodiscard]] bool valid() const { return value != UINT32_MAX; }
};

using CustomerIndex = Index<struct CustomerTag>;  // a customer inside vpnd
using PeerIndex = Index<struct PeerTag>;          // a peer inside vpnd, unique over all customers and listeners
using ListenerIndex = Index<struct ListenerTag>;  // a port with a static key inside vpnd; 0 is the shared listener

// What we chose and the other side puts into messages to us: WireGuard's sender index, later ESP's SPI.
// Layout: the low kWorkerBits name the data worker that owns the session, the rest is random (WireGuard whitepaper
// §5.4).
struct ReceiverIndex {
    static constexpr std::uint32_t kWorkerBits = 6;
    std::uint32_t value = 0;

    auto operator<=>(const ReceiverIndex&) const = default;
    [[nodiscard]] std::uint32_t worker() const { return value & ((1U << kWorkerBits) - 1); }
};

}  // namespace warren

template <typename Tag>
struct std::hash<warren::Index<Tag>> {
    std::size_t operator()(const warren::Index<Tag>& index) const noexcept {
        return std::hash<std::uint32_t>()(index.value);
    }
};
template <>
struct std::hash<warren::ReceiverIndex> {
    std::size_t operator()(const warren::ReceiverIndex& index) const noexcept {
        return std::hash<std::uint32_t>()(index.value);
    }
};
