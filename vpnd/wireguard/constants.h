// Every number of the WireGuard control protocol, and the bounds we set ourselves, each with its source.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace warren::wireguard {

// --- The protocol's ------------------------------------------------------------------------------

inline constexpr std::string_view kConstruction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";  // WireGuard whitepaper §5.4
inline constexpr std::string_view kIdentifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";  // WireGuard whitepaper §5.4
inline constexpr std::string_view kLabelMac1 = "mac1----";                             // WireGuard whitepaper §5.4
inline constexpr std::string_view kLabelCookie = "cookie--";                           // WireGuard whitepaper §5.4

inline constexpr std::uint64_t kRekeyAfterMessages = 1ULL << 60;  // WireGuard whitepaper §6.1
inline constexpr std::uint64_t kRejectAfterMessages =
    UINT64_MAX - (1ULL << 13);                                           // 2^64 - 2^13 - 1, WireGuard whitepaper §6.1
inline constexpr Duration kRekeyAfterTime = std::chrono::seconds(120);   // WireGuard whitepaper §6.1
inline constexpr Duration kRejectAfterTime = std::chrono::seconds(180);  // WireGuard whitepaper §6.1
inline constexpr Duration kRekeyAttemptTime = std::chrono::seconds(90);  // WireGuard whitepaper §6.1
inline constexpr Duration kRekeyTimeout = std::chrono::seconds(5);       // WireGuard whitepaper §6.1
inline constexpr Duration kKeepaliveTimeout = std::chrono::seconds(10);  // WireGuard whitepaper §6.1
inline constexpr Duration kMaxJitter =
    std::chrono::milliseconds(333);  // WireGuard whitepaper §6.1: a third of a second
inline constexpr Duration kNewHandshakeTimeout = kKeepaliveTimeout + kRekeyTimeout;  // WireGuard whitepaper §6.5
// Receive side, initiator: the last moment at which a rekey still ends before kRejectAfterTime (WireGuard whitepaper
// §6.2).
inline constexpr Duration kRekeyAfterReceiving = kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
// A first initiation and this many more, each kRekeyTimeout + jitter after the one before: 20 in all (Linux
// drivers/net/wireguard/timers.c).
inline constexpr std::uint32_t kMaxInitiationRetries = kRekeyAttemptTime / kRekeyTimeout + 1;

inline constexpr Duration kCookieSecretLife = std::chrono::seconds(120);  // WireGuard whitepaper §5.4.7
// A cookie we got is used for this long: kCookieSecretLife less what the reply may have been under way (Linux
// messages.h).
inline constexpr Duration kCookieLife = kCookieSecretLife - std::chrono::seconds(5);

// Accepted initiations of one peer are at least this far apart: 50 a second (Linux drivers/net/wireguard/messages.h).
inline constexpr Duration kInitiationSpacing = std::chrono::milliseconds(20);

// Timestamps of ours are reserved this far ahead, so that not each of them has to be kept; those after a restart begin
// there. Less where the clock went back, so that many restarts do not lead far into the future.
inline constexpr std::chrono::seconds kTimestampsReserved{10};
inline constexpr std::chrono::seconds kTimestampsReservedAhead{1};

inline constexpr std::uint8_t kHandshakeTrafficClass = 0x88;  // AF41, no ECN (Linux drivers/net/wireguard/messages.h)

inline constexpr std::size_t kShownOfKey = 8;  // letters of a key in base64 that tell it from others

// --- Under load ----------------------------------------------------------------------------------

inline constexpr std::size_t kUnderLoadQueue = 128;  // waiting datagrams, an eighth of 1024 (wireguard-go)
inline constexpr Duration kUnderLoadHold = std::chrono::seconds(1);  // Linux drivers/net/wireguard/receive.c
// Diffie-Hellman work that one control worker does without calling it load: two thousand a second, a quarter of a core.
inline constexpr std::uint32_t kExpensivePerSecond = 2000;
inline constexpr std::uint32_t kExpensiveBurst = 256;
// On a machine that does not get that far: so many expensive ones among this many handled while the queue stays long.
// An expensive message costs some thirty cheap ones, so at one in sixteen they take two thirds of the time.
inline constexpr std::uint32_t kExpensiveWindow = 16 * kExpensiveBurst;

// Cookie replies that one listener sends. Whoever is new gets one among a flood only if nearly all of the flood do, so
// that this is more than a core can read. A reply is smaller than the initiation.
inline constexpr std::uint32_t kCookieRepliesPerSecond = 250'000;
inline constexpr std::uint32_t kCookieRepliesBurst = 4096;

inline constexpr std::uint32_t kSourceRate = 20;                  // a second per source prefix (Linux ratelimiter.c)
inline constexpr std::uint32_t kSourceBurst = 5;                  // Linux drivers/net/wireguard/ratelimiter.c
inline constexpr std::size_t kSourceTableLimit = 65'536;          // Linux drivers/net/wireguard/ratelimiter.c
inline constexpr Duration kSourceIdle = std::chrono::seconds(1);  // Linux drivers/net/wireguard/ratelimiter.c

// A source from which a handshake was completed this recently is served without a cookie, out of a budget of its own: a
// peer asks at most once in kRekeyTimeout, so one a second is enough for the few peers behind one address, and little
// for a liar.
inline constexpr Duration kKnownSourceLife = std::chrono::seconds(600);
inline constexpr std::uint32_t kKnownSourceRate = 1;
inline constexpr std::uint32_t kKnownSourceBurst = 5;
inline constexpr std::size_t kKnownSourceLimit = 131'072;
// All known sources together: their addresses can be forged, and what exceeds this has to show a cookie.
inline constexpr std::uint32_t kKnownSourcesPerSecond = 500;
inline constexpr std::uint32_t kKnownSourcesBurst = 256;

// What the peers of one customer may cost together while we are under load: a seventh of a core.
inline constexpr std::uint32_t kCustomerRate = 1000;
inline constexpr std::uint32_t kCustomerBurst = 500;
inline constexpr std::size_t kCustomerTableLimit = 65'536;

// --- Our own initiations -------------------------------------------------------------------------

// Timers that one call serves; an expensive one costs two Diffie-Hellmans.
inline constexpr std::size_t kTimersPerCall = 64;
// To peers of one customer without a session, repetitions included: a customer whose hosts scan the networks of ten
// thousand absent peers costs a thirtieth of a core. First come, first served.
inline constexpr std::uint32_t kAbsentPerSecond = 500;
inline constexpr std::uint32_t kAbsentBurst = 256;
// All initiations of ours, of all listeners: a fifth of a core. A hundred thousand rekeys fit between 120 s and 170 s,
// and ten thousand peers are called within 5 s of a start.
inline constexpr std::uint32_t kPacedPerSecond = 2000;
inline constexpr std::uint32_t kPacedBurst = 64;

// While packets wait for a session an initiation is repeated after these intervals before the usual kRekeyTimeout: a
// lost datagram then costs a third of a second, not 5 s. Stock peers accept initiations that are kInitiationSpacing
// apart.
inline constexpr std::array<Duration, 2> kQuickRetries = {std::chrono::milliseconds(300), std::chrono::seconds(1)};

// So many returns to the endpoint before the present one within this time: two machines may use one key. Each of them
// takes the peer over when it begins anew, which it does after kNewHandshakeTimeout without an answer.
inline constexpr std::uint32_t kFlaps = 4;
inline constexpr Duration kFlapWindow = std::chrono::minutes(5);

// Where both sides initiated at once both would renew at once again and again. The one with the smaller public key
// waits this much longer, and by then has the other's session.
inline constexpr Duration kCrossedRekeyDelay = std::chrono::seconds(10);

// While a peer or the listener has two keys, one initiation of so many tries others than those in use.
inline constexpr std::uint32_t kTriesPerOtherKey = 3;
// How late it is noticed that the clock was set past a peer's date, or back.
inline constexpr Duration kExpiryInterval = std::chrono::seconds(1);

}  // namespace warren::wireguard
