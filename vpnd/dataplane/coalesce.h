// Joins packets of one flow into super-packets for a TUN, as the kernel's own receive offload would.
#pragma once

#include <array>

#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/output.h"
#include "vpnd/packet/inner_packet.h"

namespace warren::dataplane {

// A joined super-packet carries exactly the packets it was made of: taken apart at its segment size it gives them back
// byte for byte (but for the IPv4 identification of packets that may not be fragmented, which means nothing: RFC 6864
// §4.1). So only packets are joined that follow each other in one flow and differ in nothing else: TCP with ACK alone,
// PSH on the last; UDP; of equal size, the last may be shorter. Checksums are verified before joining, since a joined
// packet gets a new one and a corrupt packet would pass for a good one; a packet that is wrong goes on alone and
// untouched, for the stack to judge. One data worker; until finish() it refers to the packets added and to `out`.
class Coalescer {
  public:
    // Where a packet came from and goes to.
    struct Way {
        PeerIndex peer;
        CustomerIndex customer;
        std::size_t mtu = 0;               // of its TUN
        Joining joining;                   // what it takes
        const Framing* framing = nullptr;  // of the peer's messages
    };
    // Appends the packet to `out`, joined to an earlier one where that is possible. Packets of one flow stay in order.
    void add(const Way& way, const InnerPacket& packet, Output& out);
    // Completes the headers of what was joined. Nothing added later is joined to anything before.
    void finish(Output& out);

  private:
    // Where in a packet things are.
    struct Layout {
        std::size_t transport = 0;  // offset of the TCP or UDP header
        std::size_t headers = 0;    // offset of the payload
        bool is_tcp = false;
        bool joinable = false;  // may be part of a super-packet, as far as one packet can tell
    };
    // A write to the TUN that may still grow.
    struct Flow {
        Way way;
        Layout layout;
        std::uint32_t ports = 0;            // both, as they lie in the header
        MutableBytes first;                 // the first packet, whose headers become the super-packet's
        std::size_t write = 0;              // in Output::tun_writes
        std::uint32_t tail = Piece::kLast;  // the last piece in Output::pieces
        std::size_t segment_payload = 0;
        std::size_t size = 0;  // of the whole packet
        std::size_t count = 1;
        std::size_t most = 0;  // packets that it may be joined of; 0: not reckoned yet
        bool first_verified = false;
        bool pushed = false;  // the last had PSH
    };
    static constexpr std::size_t kFlows = 8;

    [[nodiscard]] static bool find_layout(const InnerPacket& packet, Layout& layout);
    [[nodiscard]] static bool is_joinable(const InnerPacket& packet, const Layout& layout);
    [[nodiscard]] Flow* find(const Way& way, const InnerPacket& packet, const Layout& layout);
    [[nodiscard]] static bool continues(Flow& flow, const InnerPacket& packet, const Layout& layout);
    static void join(Flow& flow, const InnerPacket& packet, const Layout& layout, Output& out);
    void open(const Way& way, const InnerPacket& packet, const Layout& layout, Output& out);
    void close(Flow& flow, Output& out);
    static void complete(const Flow& flow, Output& out);

    std::array<Flow, kFlows> flows_;
    std::size_t open_ = 0;  // the first of flows_ are in use
};

}  // namespace warren::dataplane
