// Packets as a file for tcpdump and wireshark. PURE. Source: draft-ietf-opsawg-pcapng.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ipc/capture.h"

namespace warren::ctl {

enum class CaptureParts : std::uint8_t { kBoth, kInner, kOuter };

// Two interfaces, both of IP: 0 is "inner", the packets in the tunnel, 1 is "outer", the datagrams, which get the
// IP and UDP headers that they had as far as vpnd knows them. A packet and its datagram have the same comment.
class PcapngWriter {
  public:
    explicit PcapngWriter(CaptureParts parts) : parts_(parts) {}

    // What the file begins with. `customer` and `program` are named in it.
    [[nodiscard]] static std::vector<std::uint8_t> begin(const std::string& customer, const std::string& program);
    // The packets of one record; empty: it has none of the wanted parts.
    [[nodiscard]] std::vector<std::uint8_t> packets_of(const ipc::CaptureRecord& record);

  private:
    CaptureParts parts_;
    std::uint64_t number_ = 0;  // of the record
};

// What the outer packet looked like: IP and UDP headers before the datagram.
[[nodiscard]] std::vector<std::uint8_t> outer_packet_of(const ipc::CaptureRecord& record);
// "3 outbound, peer graz, wireguard receiver 0x01020304 counter 7; dropped: no_endpoint"
[[nodiscard]] std::string comment_of(const ipc::CaptureRecord& record, std::uint64_t number);

}  // namespace warren::ctl
