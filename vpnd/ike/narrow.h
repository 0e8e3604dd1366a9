// Traffic selectors: what both sides allow (RFC 7296 §2.9).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vpnd/dataplane/install.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/payload.h"

namespace warren::ike {

using SelectorList = std::vector<TrafficSelector>;

// What two selectors have in common; nothing when that is nothing. Ports 65535 to 0 mean OPAQUE: ports that cannot be
// seen (RFC 7296 §3.13.1).
[[nodiscard]] std::optional<TrafficSelector> intersection(const TrafficSelector& a, const TrafficSelector& b);
// Everything of `offered` that `allowed` has, in the order of `offered`, without what another of the result contains.
// At most kMostSideSelectors.
[[nodiscard]] SelectorList narrow(std::span<const TrafficSelector> allowed, std::span<const TrafficSelector> offered);
// Whether each of `part` lies within one of `whole`.
[[nodiscard]] bool covers(std::span<const TrafficSelector> whole, std::span<const TrafficSelector> part);

// What a child carries: the local selectors with the remote ones.
struct ChildSelectors {
    SelectorList local;
    SelectorList remote;
    bool operator==(const ChildSelectors&) const = default;
    // No packet fits.
    [[nodiscard]] bool is_empty() const;
    [[nodiscard]] bool carries(const dataplane::FlowKey& flow) const;
    // Each local one with each remote one of its family and protocol; kMostSelectorPairs at most.
    [[nodiscard]] dataplane::Selectors pairs() const;
};
// The largest part of an offer that is allowed; empty when that is nothing. What is beyond
// kMostSelectorPairs is left out, the last ones first.
[[nodiscard]] ChildSelectors narrow(const ChildSelectors& allowed, const SelectorList& offered_local,
                                    const SelectorList& offered_remote);
// What a child may carry with a peer that has leased that.
[[nodiscard]] ChildSelectors allowed_of(const Connection& connection, const ChildConfig& child, const Lease& lease);

// A selector of one flow: its addresses, protocol and ports, as they lead the offer that a packet causes (RFC 7296
// §2.9).
[[nodiscard]] TrafficSelector local_selector(const dataplane::FlowKey& flow);
[[nodiscard]] TrafficSelector remote_selector(const dataplane::FlowKey& flow);

// "10.0.0.0/24", "10.0.0.1-10.0.0.9", "10.0.0.0/24[tcp/443]".
[[nodiscard]] std::string to_string(const TrafficSelector& selector);
// With commas, kMostNoteText bytes at most.
[[nodiscard]] std::string to_string(std::span<const TrafficSelector> selectors);

}  // namespace warren::ike
