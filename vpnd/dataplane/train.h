// What one receive from the uplink gives.
#pragma once

#include <algorithm>

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
    MutableBytes bytes;              // opened in place

    // From the start of one datagram to the start of the next; not 0 unless the train is empty.
    [[nodiscard]] std::size_t stride() const { return segment_size == 0 ? bytes.size() : segment_size; }
    [[nodiscard]] std::size_t count() const { return bytes.empty() ? 0 : (bytes.size() + stride() - 1) / stride(); }
    [[nodiscard]] MutableBytes datagram_at(std::size_t offset) const {
        return bytes.subspan(offset, std::min(stride(), bytes.size() - offset));
    }
};

}  // namespace warren::dataplane
