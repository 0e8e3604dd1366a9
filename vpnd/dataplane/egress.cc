#include "vpnd/dataplane/egress.h"

#include "vpnd/dataplane/wg_transport.h"

namespace warren::dataplane {

static_assert(kDatagramMaximum <= PacketBuffer::kSize);

std::uint8_t* Egress::append(Instant now, const Peer& peer, const CustomerView& customer, std::uint8_t traffic_class,
                             std::size_t padded, Output& out) {
    const std::size_t message = padded + kTransportOverhead;
    EgressTrain* train = find_open(peer, traffic_class, message, out);
    if (train == nullptr) train = begin(now, peer, customer, traffic_class, message, out);
    if (train == nullptr) return nullptr;
    std::uint8_t* const at = train->buffer.bytes().data() + train->size;
    train->size += static_cast<std::uint32_t>(message);
    train->closed = message < train->segment_size;
    ++train->count;
    Session& session = *peer.sending;
    write_transport_header(at, session.remote_id, session.next_counter++);
    return at + kTransportHeaderSize;
}

// Only the peer's latest train may grow, so that its datagrams leave in the order of their packets.
EgressTrain* Egress::find_open(const Peer& peer, std::uint8_t traffic_class, std::size_t message, Output& out) {
    constexpr std::size_t kLookBack = 8;
    const std::size_t stop = out.trains.size() > kLookBack ? out.trains.size() - kLookBack : 0;
    for (std::size_t i = out.trains.size(); i-- > stop;) {
        EgressTrain& train = out.trains[i];
        if (train.peer != peer.index) continue;
        const bool fits = !train.closed && train.count < kTrainDatagrams && message <= train.segment_size &&
                          train.size + message <= kDatagramMaximum;
        const bool same_way = train.key == &peer.sending->send_key && train.traffic_class == traffic_class &&
                              train.remote == peer.remote && train.local == peer.local;
        return fits && same_way ? &train : nullptr;
    }
    return nullptr;
}

EgressTrain* Egress::begin(Instant now, const Peer& peer, const CustomerView& customer, std::uint8_t traffic_class,
                           std::size_t message, Output& out) {
    PacketBuffer buffer = pool_.take();
    if (!buffer.valid()) return nullptr;
    EgressTrain& train = out.trains.emplace_back();
    train.peer = peer.index;
    train.customer = customer.index;
    train.listener = customer.listener;
    train.remote = peer.remote;
    train.local = peer.local;
    train.traffic_class = traffic_class;
    train.ungrouped = now < peer.ungrouped_until;
    train.segment_size = static_cast<std::uint32_t>(message);
    train.buffer = std::move(buffer);
    train.key = &peer.sending->send_key;
    return &train;
}

void Egress::seal(Output& out) {
    std::array<crypto::AeadJob, kTrainDatagrams> jobs;
    std::size_t used = 0;
    const auto run = [&] {
        aead_.seal(std::span(jobs).first(used));
        used = 0;
    };
    for (EgressTrain& train : out.trains) {
        if (train.key == nullptr) continue;
        const MutableBytes bytes = train.bytes();
        for (std::size_t at = 0; at < bytes.size(); at += train.segment_size) {
            const MutableBytes message =
                bytes.subspan(at, std::min<std::size_t>(train.segment_size, bytes.size() - at));
            jobs[used++] = {train.key, parse_transport_header(message).counter, message.data() + kTransportHeaderSize,
                            static_cast<std::uint32_t>(message.size() - kTransportOverhead), false};
            if (used == jobs.size()) run();
        }
        train.key = nullptr;
    }
    if (used > 0) run();
}

}  // namespace warren::dataplane
