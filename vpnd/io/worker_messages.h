// What the control worker and a data worker tell each other: dataplane/install.h's values, and what needs descriptors
// or memory of the rim.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "vpnd/dataplane/customer_view.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/install.h"
#include "vpnd/io/tap.h"
#include "vpnd/io/tun.h"
#include "vpnd/io/uplink.h"
#include "vpnd/turns/meter.h"

namespace warren::io {

// --- control worker -> data worker ---------------------------------------------------------------

// This worker's data sockets of a listener; the control worker keeps the handshake sockets. A listener of the same
// index is replaced.
struct AddListener {
    ListenerIndex index;
    std::unique_ptr<Uplink> v4;
    std::unique_ptr<Uplink> v6;                   // null when the machine has no IPv6
    const dataplane::Framing* framing = nullptr;  // of its messages; not null, outlives the worker
};
struct DropListener {
    ListenerIndex index;
};

// A new customer (with its TUN) or a new view of a present one (tun null: the present one stays). Peers that are not
// in the new view lose their sessions, endpoints and staged packets; the others keep theirs.
struct SwapCustomer {
    std::unique_ptr<const dataplane::CustomerView> view;
    std::unique_ptr<Tun> tun;
};
struct DropCustomer {
    CustomerIndex index;
};

// No packet needs the TUN of a customer that may be parked. Answered by TunClosed, unless it has none; packets into its
// stack wait from then on.
struct CloseTun {
    CustomerIndex customer;
};

// What went from and to other data workers, in packets (datagrams, or reads of a TUN).
struct TransferCounters {
    std::uint64_t given = 0;
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;  // the other worker's ring was full: dropped
};

struct PeerCounters {
    PeerIndex peer;
    std::uint64_t rx_bytes = 0, tx_bytes = 0;      // encrypted payload messages, headers included
    std::uint64_t rx_packets = 0, tx_packets = 0;  // likewise, keepalives included
    // Of these bytes, those since somebody else had the peer (dataplane::CountAnew).
    std::uint64_t own_rx_bytes = 0, own_tx_bytes = 0;
    Instant data_received = kLongAgo, data_sent = kLongAgo;  // the latest packets, keepalives not counted
    std::uint64_t sources_refused = 0;                       // as dataplane::Peer has them
    IpAddress source_refused{};
};

// Counters of one customer. The control worker allocates, with peers.size() rows to fill; the data worker fills and
// sends it back.
struct CustomerReport {
    CustomerIndex customer;           // invalid: the worker's own counters (drops before a customer was known)
    std::uint64_t token = 0;          // the control worker's, untouched
    std::size_t queue = 0;            // likewise
    std::vector<PeerCounters> peers;  // .peer set by the control worker
    dataplane::Meters meters;
    TransferCounters transfers;  // the worker's, when `customer` is invalid
    Duration processor{};        // likewise: CPU time of its thread
    // Likewise: the customers whose counters may have changed since its last such report, or that it had to change.
    std::vector<CustomerIndex> touched;
    std::vector<std::uint64_t> drops;  // by DropReason, sized kDataPlaneReasonCount by the control worker
};
struct FillReport {
    std::unique_ptr<CustomerReport> report;
};

// Answered by BarrierReached when everything posted before it was carried out.
struct Barrier {
    std::uint64_t token = 0;
};

// Until the next Barrier nothing but commands is carried out: packets wait in the kernel for the sessions that go on.
struct Hold {};

// A message with a packet that the network merged behind a control message, so that the control socket got it.
struct DataMessage {
    ListenerIndex listener;
    Endpoint from;
    LocalAddress to;
    std::vector<std::uint8_t> bytes;
};

// Records of this worker's packets are wanted, or not any more (null).
struct SetTap {
    std::unique_ptr<Tap> tap;
};

using WorkerCommand = std::variant<dataplane::Command, AddListener, DropListener, SwapCustomer, DropCustomer,
                                   FillReport, Barrier, Hold, DataMessage, SetTap, CloseTun>;

// --- data worker -> control worker ---------------------------------------------------------------

struct BarrierReached {
    std::uint64_t token = 0;
};
struct ReportFilled {
    std::unique_ptr<CustomerReport> report;
};
// A control message that arrived at a data socket (a kernel without the steering program). Bounded, the rest are
// counted drops.
struct StrayMessage {
    ListenerIndex listener;
    Endpoint from;
    LocalAddress to;
    std::vector<std::uint8_t> bytes;
};

// Of a customer that is parked: a packet waits for its TUN. Again and again while packets come.
struct TunMissed {
    CustomerIndex customer;
};
// Of one that may be: no packet passed its TUN for as long as its view says. Again and again while none does.
struct TunIdle {
    CustomerIndex customer;
};
struct TunClosed {
    CustomerIndex customer;
};

using WorkerEvent =
    std::variant<dataplane::Event, BarrierReached, ReportFilled, StrayMessage, TunMissed, TunIdle, TunClosed>;

}  // namespace warren::io
