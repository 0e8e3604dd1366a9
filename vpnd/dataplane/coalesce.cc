#include "vpnd/dataplane/coalesce.h"

namespace warren::dataplane {

void Coalescer::add(CustomerIndex customer, PeerIndex, const InnerPacket& packet, bool, Output& out) {
    TunWrite& write = out.tun_writes.emplace_back();
    write.customer = customer;
    write.first.bytes = packet.bytes();
}

void Coalescer::finish(Output&) {}

}  // namespace warren::dataplane
