// What an engine hands back: plain values, appended in the order in which the rim carries them out.
#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/wireguard/messages.h"
#include "vpnd/wireguard/tai64n.h"

namespace warren::wireguard {

// One datagram to send.
struct OutgoingMessage {
    Endpoint to;
    LocalAddress from;               // unspecified address: let the kernel choose
    std::uint8_t traffic_class = 0;  // of the outer packet: kHandshakeTrafficClass, or 0 for a cookie reply
    std::uint8_t size = 0;
    std::array<std::uint8_t, kMaxHandshakeSize> bytes{};

    [[nodiscard]] Bytes view() const { return Bytes(bytes).first(size); }
};

// A command and the data worker that carries it out.
struct PostedCommand {
    std::uint32_t worker = 0;
    dataplane::Command command;
};

// A session is ready in both directions: as initiator when the response was consumed, as responder when the peer
// confirmed it.
struct HandshakeCompleted {
    PeerIndex peer;
    bool is_initiator = false;
    Now at;
    Endpoint endpoint;
};
// The peer did not answer for kRekeyAttemptTime; its staged packets are dropped (conformance T1, T7).
struct HandshakeGaveUp {
    PeerIndex peer;
    Now at;
    Endpoint endpoint;
};
// An initiation of this peer was accepted. Whoever keeps timestamps over a restart writes this one down
// (conformance H7).
struct TimestampAccepted {
    PeerIndex peer;
    crypto::PublicKey public_key;
    Tai64n timestamp;
};
// The peer is somewhere else now.
struct PeerMoved {
    PeerIndex peer;
};
using PeerNews = std::variant<HandshakeCompleted, HandshakeGaveUp, TimestampAccepted, PeerMoved>;

// The engine appends, the rim empties. Carry out: first all commands (a session is received on before the message that
// lets the peer use it leaves), then the messages, then the news.
struct Output {
    std::vector<PostedCommand> commands;
    std::vector<OutgoingMessage> messages;
    std::vector<PeerNews> news;

    void clear() {
        commands.clear();
        messages.clear();
        news.clear();
    }
};

}  // namespace warren::wireguard
