// Any packets, joined and split again: each comes out once and unchanged.
#include <algorithm>
#include <vector>

#include "base/check.h"
#include "vpnd/dataplane/coalesce.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/packet/segment.h"

namespace {

using namespace warren;
using namespace warren::dataplane;
using Packet = std::vector<std::uint8_t>;

// Each packet: a byte that chooses peer and customer, two bytes of length, the bytes.
std::vector<std::pair<std::uint8_t, Packet>> packets_of(Bytes input) {
    std::vector<std::pair<std::uint8_t, Packet>> out;
    ByteReader reader(input);
    while (!reader.rest().empty() && out.size() < 256) {
        const std::uint8_t owner = reader.u8();
        const std::size_t length = std::min<std::size_t>(reader.le<std::uint16_t>(), reader.rest().size());
        const Bytes bytes = reader.take(length);
        out.emplace_back(owner, Packet(bytes.begin(), bytes.end()));
    }
    return out;
}

// The identification of packets that may not be fragmented has no meaning, and is not kept (RFC 6864 §4.1).
Packet normal(Packet packet) {
    if (packet[0] >> 4 == 4 && (packet[6] & 0x40) != 0) packet[4] = packet[5] = packet[10] = packet[11] = 0;
    return packet;
}

Packet gather(const TunWrite& write, const Output& out) {
    Packet bytes(write.header.begin(), write.header.end());
    for (const Piece* piece = &write.first;; piece = &out.pieces[piece->next]) {
        bytes.insert(bytes.end(), piece->bytes.begin(), piece->bytes.end());
        if (piece->next == Piece::kLast) return bytes;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto packets = packets_of({data, size});
    std::vector<Packet> given;
    Coalescer coalescer;
    Output out;
    for (auto& [owner, bytes] : packets) {
        const auto inner = InnerPacket::parse(bytes);
        if (!inner) continue;
        given.push_back(normal(Packet(inner->bytes().begin(), inner->bytes().end())));
        coalescer.add(
            {{(owner >> 1) & 1U}, {owner & 1U}, 1'420, {.tcp = true, .udp = (owner & 4) == 0}, &kWireguardFraming},
            *inner, out);
    }
    coalescer.finish(out);
    std::vector<Packet> got;
    for (const TunWrite& write : out.tun_writes) {
        Packet whole = gather(write, out);
        const auto packet = SuperPacket::parse(whole);
        WARREN_CHECK(packet.has_value());
        WARREN_CHECK(packet->count() == write.packets);
        for (std::size_t i = 0; i < packet->count(); ++i) {
            Packet segment(packet->size_of(i));
            packet->write(i, segment.data());
            got.push_back(normal(std::move(segment)));
        }
    }
    std::sort(given.begin(), given.end());
    std::sort(got.begin(), got.end());
    WARREN_CHECK(given == got);
    return 0;
}
