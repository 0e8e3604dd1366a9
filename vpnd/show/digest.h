// What tells whether any field of some values has changed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "ipc/codec.h"

namespace warren::vpnd {

// Differs, except for one chance in 2^64, when any field differs. Not against an adversary: the fields are our own
// counters and clocks.
[[nodiscard]] std::uint64_t digest_of(const auto&... parts) {
    std::vector<std::uint8_t> wire;
    wire.reserve(256);
    ipc::FieldWriter writer(wire);
    writer(parts...);
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(wire.data()), wire.size()});
}

}  // namespace warren::vpnd
