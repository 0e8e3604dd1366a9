// Every bound and every time of the engine, in one place.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "base/token_bucket.h"

namespace warren::ike {

using namespace std::chrono_literals;

// --- half-open IKE_SAs: nobody knows yet whose they are (conformance KD1 to KD4) -------------------

inline constexpr std::size_t kMostHalfOpen = 4096;
inline constexpr std::size_t kMostHalfOpenOfStrangers = kMostHalfOpen / 4 * 3;  // no IKE_SA there in the last hour
inline constexpr std::size_t kMostHalfOpenOfPrefix = 16;                        // IPv4 /32, IPv6 /64
inline constexpr std::size_t kMostHalfOpenOfPrefixWithCookie = 64;              // that showed that it receives there
inline constexpr std::size_t kCookiesFrom = kMostHalfOpen / 4;
inline constexpr Duration kHalfOpenLife = 30s;
// With what else a half-open IKE_SA keeps it is 4 KB at most. The largest that clients send have some 1,500 bytes.
inline constexpr std::size_t kMostInitMessage = 2560;

// IKE_SA_INIT requests of one prefix, and of all: beyond that they need a cookie.
inline constexpr TokenRate kInitsOfPrefix{10, 40};
inline constexpr TokenRate kInits{200, 400};
inline constexpr std::size_t kPrefixTable = 1 << 16;
inline constexpr Duration kPrefixIdle = 10s;  // longer than a bucket takes to fill
// Prefixes with an IKE_SA in the last hour have a budget of their own (conformance KD4).
inline constexpr TokenRate kInitsOfKnownPrefix{1, 8};
inline constexpr TokenRate kInitsOfKnownPrefixes{500, 1000};
inline constexpr std::size_t kKnownPrefixTable = 1 << 16;
inline constexpr Duration kKnownPrefixLife = 1h;
// Unprotected answers but the first to an IKE_SA_INIT. A new site gets a cookie among a flood only if nearly all of the
// flood do, so that this is more than a core can read. The answer is smaller than the request.
inline constexpr TokenRate kCookieAnswers{250'000, 4096};
inline constexpr TokenRate kUnprotectedAnswers{2000, 2000};

// --- asks ------------------------------------------------------------------------------------------

inline constexpr std::size_t kMostOpenAsks = 256;
inline constexpr std::size_t kMostOpenAsksOfPrefix = 4;
inline constexpr std::size_t kMostOpenAsksOfCustomer = 64;  // whose the peer is, or says that it is
// Of these, of half-open IKE_SAs from where none was authentic in the last hour.
inline constexpr std::size_t kMostOpenAsksOfStrangers = kMostOpenAsks / 2;
inline constexpr std::size_t kMostOpenAsksOfCustomersStrangers = kMostOpenAsksOfCustomer / 2;
inline constexpr Duration kAskLife = 10s;  // then it is as good as lost
inline constexpr Duration kAskAgain = 1s;  // when there was no room for one that nobody but we wait for
// Ephemeral keys made beforehand, of each method that was used.
inline constexpr std::size_t kEphemeralsKept = 8;
// Datagrams that wait for the keys of a half-open IKE_SA: an IKE_AUTH request in fragments.
inline constexpr std::size_t kMostWaiting = 8;
inline constexpr std::size_t kMostWaitingBytes = 12'288;
// Of what authd is asked to verify: longer ones are nobody's (ipc/auth_messages).
inline constexpr std::size_t kMostCertificate = 16'384;
inline constexpr std::size_t kMostAuthData = 4096;
// An IKE_AUTH request in fragments: who sends it is nobody yet.
inline constexpr std::size_t kMostAuthMessage = 16'384;

// --- EAP -------------------------------------------------------------------------------------------

// Conversations at once: in all, of those from where none was authentic in the last hour, and of one customer (the
// gateway counts as one, until the peer has said its realm).
inline constexpr std::size_t kMostEap = 1024;
inline constexpr std::size_t kMostEapOfStrangers = kMostEap / 4 * 3;
inline constexpr std::size_t kMostEapOfCustomer = kMostEap / 4;
inline constexpr std::size_t kMostEapOfPrefix = 16;
inline constexpr Duration kEapLife = 120s;      // a person may be typing
inline constexpr unsigned kMostEapRounds = 24;  // of messages; authd ends a conversation before (20 of a method)
// Failures at one customer from one prefix that cost no pause: an office may be behind it. Those from one prefix at all
// customers: many offices may be behind it. How many of each are remembered.
inline constexpr unsigned kFreeEapFailures = 16;
inline constexpr unsigned kFreeEapFailuresOfPrefix = 256;
inline constexpr std::size_t kEapFailuresTable = 1 << 14;
inline constexpr Duration kEapFailuresSweep = 10s;

// --- IKE_SAs and children --------------------------------------------------------------------------

// Of one connection, in any state: those in force, and those that were replaced and linger.
[[nodiscard]] constexpr std::size_t most_ike_sas(std::uint32_t max_sessions) {
    return 2 * std::size_t{max_sessions} + 4;
}
inline constexpr std::size_t kLeastLeasesKept = 1024;         // of one connection, for those who had them
inline constexpr Duration kLeastReauth = 60s;                 // however often the peer wants it
inline constexpr Duration kProofSpread = 5ms;                 // from one IKE_SA that is proven again to the next
inline constexpr Duration kReauthAgain = 60s;                 // after an attempt that failed
inline constexpr std::size_t kMostChildrenWithReplaced = 32;  // of one IKE_SA
inline constexpr std::size_t kMostClosed = 8;                 // of one connection, that repeat their last answer
inline constexpr std::size_t kMostTested = 8;                 // addresses of a peer that it has answered from
inline constexpr std::size_t kMostWishes = 48;                // that wait until a request may leave
inline constexpr Duration kRefusedPause = 60s;                // until a child is asked for again that the peer refused
inline constexpr Duration kYoungest = 10s;                    // what is younger is not rekeyed, whoever asks
inline constexpr Duration kCrossed = 10s;        // IKE_SAs of both sides that were made within are one too many
inline constexpr Duration kChildlessLife = 30s;  // conformance KA12
inline constexpr Duration kReplacedLife = 60s;   // of what the peer should delete because it was replaced
// A replaced child is received on for so long after its Delete: packets that the peer sent before are on their way, and
// a message of IKE overtakes them. Beyond so many it is gone at once, or for so many of one peer its oldest is.
inline constexpr Duration kReceivedAfterDelete = 2s;
inline constexpr std::size_t kMostReceivedAfterDelete = 4096;
inline constexpr std::size_t kMostReceivedAfterDeleteOfPeer = 16;
inline constexpr Duration kClosedLife = 30s;      // in which the last answer is repeated
inline constexpr Duration kSendOnOldAtMost = 5s;  // conformance KL4

// --- times -----------------------------------------------------------------------------------------

// Between the sendings of a request; after the last it is given up (conformance KL2).
inline constexpr std::array<Duration, 7> kRetransmit{1s, 2s, 4s, 8s, 16s, 16s, 16s};
inline constexpr unsigned kSoftJitterPercent = 10;      // rekeys come that much earlier, at most (conformance KL3)
inline constexpr unsigned kHardPercent = 110;           // of the soft lifetime
inline constexpr Duration kNatKeepaliveInterval = 20s;  // RFC 3948 §4
inline constexpr Duration kHintInterval = 60s;          // unauthenticated hints of one peer (conformance KL7)
inline constexpr Duration kInvalidSpiInterval = 60s;    // answers to one source (conformance KL9)
inline constexpr std::size_t kInvalidSpiTable = 4096;
inline constexpr Duration kInvalidVersionInterval = 1s;  // conformance KP2
// TEMPORARY_FAILURE: again after 1 to 5 seconds, so often.
inline constexpr Duration kTemporaryLeast = 1s;
inline constexpr Duration kTemporaryMost = 5s;
inline constexpr unsigned kTemporaryTries = 10;
// Between our attempts to bring up a connection that is always to be up: doubled from the first to the last.
inline constexpr Duration kRetryLeast = 5s;
inline constexpr Duration kRetryMost = 320s;
inline constexpr TokenRate kOurInits{100, 100};  // first messages of ours, when all connections are to come up
inline constexpr unsigned kMostCookies = 3;      // that we follow in one attempt

inline constexpr std::size_t kTimersPerCall = 64;
// The sequence numbers of a child without ESN (conformance KL3).
inline constexpr std::uint64_t kSoftSequence = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kHardSequence = std::uint64_t{1} << 32;  // is none: the last one is before it

// --- for people ------------------------------------------------------------------------------------

inline constexpr std::size_t kAttemptsKept = 8;
inline constexpr TokenRate kAttemptsOfStrangers{10, 20};  // that are noted
inline constexpr std::size_t kMostNoteText = 400;

}  // namespace warren::ike
