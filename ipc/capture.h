// vpnd -> vpnctl: one customer's packets, as records on a SEQPACKET socket that vpnctl made and stackd passed on.
//
//   vpnd: kStarted, kPacket*, kEnded; or kRefused; then it hangs up
//
// A record is one message: a header of kHeaderSize bytes in network byte order, the packet inside, the datagram, the
// peer's name, a note. The packet begins at a fixed place, and so does the header's first byte, so that the reader can
// have the kernel leave out what it does not want (SO_ATTACH_FILTER). vpnd never waits: what has no room is lost, and
// counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"

namespace warren::ipc {

enum class CaptureKind : std::uint8_t { kStarted, kPacket, kEnded, kRefused };
// How the datagram is laid out.
enum class CaptureForm : std::uint8_t { kUnknown, kWireguard, kEsp };

// The bytes of a kPacket are somebody else's. Of the other kinds only `note` and the counters mean something.
struct CaptureRecord {
    static constexpr std::size_t kHeaderSize = 88;
    static constexpr std::size_t kMostBytes = 65'535;  // of the packet and of the datagram, each
    static constexpr std::size_t kMostText = 255;      // of the name and of the note, each

    CaptureKind kind = CaptureKind::kPacket;
    bool is_outbound = false;  // from the stack to the network
    CaptureForm form = CaptureForm::kUnknown;
    WallTime at;
    std::uint32_t session = 0;   // receiver index or SPI, as on the wire
    std::uint64_t sequence = 0;  // the counter, as on the wire
    Endpoint remote;
    Endpoint local;  // an unspecified address: the kernel chose it
    std::uint8_t traffic_class = 0;
    std::uint64_t sent = 0;  // records so far, or in all
    std::uint64_t lost = 0;  // likewise: had no room
    Bytes inner;             // the packet; empty: none, or it was not opened
    Bytes outer;             // the datagram without its IP and UDP headers; empty: none
    std::string_view peer;   // its name, or its connection's; "": not known
    std::string_view note;   // why it was dropped, or what else is to say

    // It was dropped for this reason (base/drop_reason.h).
    bool is_drop = false;
};

// What comes before the packet. Longer texts and packets must have been cut by the caller.
[[nodiscard]] std::array<std::uint8_t, CaptureRecord::kHeaderSize> header_of(const CaptureRecord& record);
// A whole message.
[[nodiscard]] std::vector<std::uint8_t> encode(const CaptureRecord& record);
// Refers to `wire`. Refuses everything that encode() cannot have made.
[[nodiscard]] Result<CaptureRecord> decode_capture(Bytes wire);

}  // namespace warren::ipc
