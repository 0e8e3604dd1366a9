// What the pipeline hands to the rim, as values: writes to TUN devices, trains for the uplink, events for the control
// worker.
#pragma once

#include <array>
#include <vector>

#include "vpnd/dataplane/icmp.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/packet/offload_header.h"
#include "vpnd/packet/packet_buffer.h"
#include "vpnd/turns/train.h"

namespace warren::dataplane {

struct Session;

// One of the pieces that a packet to a TUN is gathered from.
struct Piece {
    static constexpr std::uint32_t kLast = UINT32_MAX;
    Bytes bytes;
    std::uint32_t next = kLast;  // in Output::pieces
};

// One write to a customer's TUN: the offload header, the first piece, and the others by their links. The bytes live in
// the buffers that the datagrams were read into, or in Output::icmp.
struct TunWrite {
    CustomerIndex customer;
    std::array<std::uint8_t, kOffloadHeaderSize> header{};
    Piece first;
    std::uint32_t packets = 1;  // pieces; each was a packet of its own in the tunnel
};

// Datagrams of one size (the last may be shorter) to one peer, one behind the other: one UDP_SEGMENT send.
struct EgressTrain {
    PeerIndex peer;
    CustomerIndex customer;
    ListenerIndex listener;
    Endpoint remote;
    LocalAddress local;   // unspecified address: the kernel chooses
    bool pinned = false;  // it leaves from `local` or not at all
    std::uint8_t traffic_class = 0;
    bool ungrouped = false;          // to be sent one datagram at a time
    std::uint32_t segment_size = 0;  // of every datagram but the last
    std::uint32_t size = 0;
    std::uint32_t count = 0;  // datagrams
    std::uint32_t gone = 0;   // bytes of it that the rim has sent, when it sends them one datagram at a time
    PacketBuffer buffer;

    // Until the train is sealed:
    const Session* session = nullptr;
    std::uint64_t first_counter = 0;  // of its first datagram; the others follow
    bool closed = false;              // a shorter datagram ended it

    [[nodiscard]] MutableBytes bytes() const { return buffer.bytes().first(size); }
};

// A control message that arrived at a data socket. The bytes live in the buffer it was read into.
struct Stray {
    std::size_t train = 0;  // which of the trains given to inbound()
    Bytes bytes;
};

// Emptied by the caller after each use; keeps its memory.
struct Output {
    static constexpr std::size_t kIcmpSlots = 16;

    std::vector<TunWrite> tun_writes;
    std::vector<Piece> pieces;
    std::vector<EgressTrain> trains;
    std::vector<Stray> strays;
    std::vector<Transfer> transfers;  // in the order they came; the bytes live where they were read into
    std::vector<Event> events;
    std::array<IcmpPacket, kIcmpSlots> icmp;
    std::size_t icmp_used = 0;

    void clear() {
        tun_writes.clear();
        pieces.clear();
        trains.clear();
        strays.clear();
        transfers.clear();
        events.clear();
        icmp_used = 0;
    }
};

}  // namespace warren::dataplane
