// Moments, networks and identities of the tests of the IKE engine. Without doctest: fuzz targets use it too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "vpnd/ike/connection.h"
#include "vpnd/ike/engine.h"

namespace warren::ike::testing {

using namespace std::chrono_literals;

using control::Attempt;
using control::ChildStatus;
using control::ConnectionState;
using control::ConnectionStatus;
using control::IkeSaStatus;
using Texts = std::vector<std::string>;  // of selectors

// A moment on the test's two clocks.
inline Now at(Duration since_start) {
    constexpr std::int64_t kStart = 1'000'000'000'000;
    constexpr std::int64_t kWall = 1'800'000'000LL * 1'000'000'000LL;
    return {Instant{kStart} + since_start, WallTime{kWall + since_start.count()}};
}

inline TrafficSelector network(const char* prefix) {
    const Prefix parsed = *parse_prefix(prefix);
    TrafficSelector out{.first = parsed.network().address, .last = parsed.network().address};
    for (unsigned bit = parsed.length; bit < out.last.bits(); ++bit)
        out.last.octets[bit / 8] = static_cast<std::uint8_t>(out.last.octets[bit / 8] | 0x80U >> bit % 8);
    return out;
}

inline constexpr CustomerIndex kAcme{0};
inline constexpr CustomerIndex kBeta{1};
inline constexpr ConnectionIndex kFirst{0};

inline constexpr const char* kPsk = "correct horse battery staple";

inline Identity identity(const char* text) {
    return *parse_identity(text);
}
inline ExpectedIdentity expected(const char* text) {
    return *parse_expected_identity(text);
}

}  // namespace warren::ike::testing
