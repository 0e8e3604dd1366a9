// What one receive from the uplink gives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip.h"

namespace warren::dataplane {

// Datagrams of one size from one sender, the last may be shorter (UDP_GRO), or a single one.
struct Train {
    ListenerIndex listener;
    Endpoint from;
    LocalAddress to;
    std::uint8_t traffic_class = 0;  // outer, with the ECN field
    std::size_t segment_size = 0;    // 0: a single datagram
    MutableBytes bytes{};            // opened in place
    std::uint8_t hops = 0;           // data workers that have transferred it

    // From the start of one datagram to the start of the next; not 0 unless the train is empty.
    [[nodiscard]] std::size_t stride() const { return segment_size == 0 ? bytes.size() : segment_size; }
    [[nodiscard]] std::size_t count() const { return bytes.empty() ? 0 : (bytes.size() + stride() - 1) / stride(); }
};

// A packet that arrived at a data worker that does not own it: datagrams whose receiver index names another worker, or
// what was read from a TUN for a peer of another one. It is transferred to the owner, which treats it as if it had
// arrived there.
struct Transfer {
    std::uint32_t worker = 0;  // its owner
    CustomerIndex
        customer;  // valid: train.bytes is one read of this customer's TUN, and the rest of the train means nothing
    Train train;
    std::uint64_t life = 0;  // CustomerView::life, of a TUN read: a transfer may be taken after its customer went

    // Datagrams, or one read of a TUN.
    [[nodiscard]] std::uint64_t packets() const { return customer.valid() ? 1 : train.count(); }
};

}  // namespace warren::dataplane
