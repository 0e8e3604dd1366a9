// Takes apart what a stack hands over whole: a TCP or UDP super-packet becomes packets of its segment size.
#pragma once

#include "vpnd/packet/inner_packet.h"
#include "vpnd/packet/offload_header.h"

namespace warren::dataplane {

// A packet read from a TUN, which the kernel may have left unsegmented and without a checksum. Refers to bytes that
// somebody else owns. Source: virtio 1.1 §5.1.6.2; RFC 9293 for what segments of one TCP stream look like.
class SuperPacket {
  public:
    // `bytes`: offload header, then the packet. The header's own lengths are not believed: header_size is often wrong
    // on forwarded packets.
    [[nodiscard]] static Checked<SuperPacket> parse(MutableBytes bytes);

    [[nodiscard]] const InnerPacket& inner() const { return inner_; }
    // Packets it makes, at least 1.
    [[nodiscard]] std::size_t count() const { return count_; }
    // Of packet number i; all but the last have the same size.
    [[nodiscard]] std::size_t size_of(std::size_t i) const { return headers_ + payload_of(i); }
    // The largest, which is the first.
    [[nodiscard]] std::size_t largest() const { return size_of(0); }
    // Writes packet number i, complete with lengths and checksums; `to` has room for size_of(i) bytes and does not
    // overlap the source.
    void write(std::size_t i, std::uint8_t* to) const;

  private:
    SuperPacket(InnerPacket inner, OffloadHeader header)
        : inner_(inner), header_(header), headers_(inner.bytes().size()) {}
    [[nodiscard]] bool accept_checksum();
    [[nodiscard]] bool accept_segmentation();
    [[nodiscard]] std::uint8_t transport_protocol() const { return is_tcp_ ? kProtocolTcp : kProtocolUdp; }
    [[nodiscard]] std::size_t payload_of(std::size_t i) const;
    void write_whole(std::uint8_t* to) const;
    void write_network_header(std::size_t i, std::uint8_t* to) const;

    InnerPacket inner_;
    OffloadHeader header_;
    std::size_t transport_ = 0;  // offset of the TCP or UDP header
    std::size_t headers_;        // network and transport header; of a packet that is not segmented, all of it
    std::size_t segment_payload_ = 0;
    std::size_t count_ = 1;
    bool is_tcp_ = false;
};

}  // namespace warren::dataplane
