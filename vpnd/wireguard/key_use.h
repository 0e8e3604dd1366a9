// Which keys a handshake is made with, while a peer or the listener has two.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace warren::wireguard {

// The listener's: an operator who changes its key keeps the previous one until every peer knows the present one.
enum class OurKey : std::uint8_t { kPresent, kPrevious };
// A peer's: the next one takes the place of the present one when the operator says so.
enum class TheirKey : std::uint8_t { kPresent, kNext };

struct KeyUse {
    OurKey ours = OurKey::kPresent;
    TheirKey theirs = TheirKey::kPresent;

    bool operator==(const KeyUse&) const = default;
};

inline constexpr std::array<KeyUse, 4> kAllKeyUses{{{OurKey::kPresent, TheirKey::kPresent},
                                                    {OurKey::kPresent, TheirKey::kNext},
                                                    {OurKey::kPrevious, TheirKey::kPresent},
                                                    {OurKey::kPrevious, TheirKey::kNext}}};

}  // namespace warren::wireguard
