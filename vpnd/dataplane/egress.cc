#include "vpnd/dataplane/egress.h"

namespace warren::dataplane {

static_assert(kDatagramMaximum <= PacketBuffer::kSize);

std::uint8_t* Egress::append(Instant now, const Peer& peer, Session& session, std::uint8_t traffic_class,
                             std::size_t padded, Output& out) {
    const Framing& framing = session.framing;
    const std::size_t message = padded + framing.overhead;
    EgressTrain* train = find_open(peer, session, traffic_class, message, out);
    if (train == nullptr) train = begin(now, peer, session, traffic_class, message, out);
    if (train == nullptr) return nullptr;
    std::uint8_t* const at = train->buffer.bytes().data() + train->size;
    train->size += static_cast<std::uint32_t>(message);
    train->closed = message < train->segment_size;
    ++train->count;
    ++session.next_counter;
    return at + framing.header_size;
}

// Only the peer's latest train may grow, so that its datagrams leave in the order of their packets, and those of one
// train have consecutive counters.
EgressTrain* Egress::find_open(const Peer& peer, const Session& session, std::uint8_t traffic_class,
                               std::size_t message, Output& out) {
    constexpr std::size_t kLookBack = 8;
    const std::size_t stop = out.trains.size() > kLookBack ? out.trains.size() - kLookBack : 0;
    for (std::size_t i = out.trains.size(); i-- > stop;) {
        EgressTrain& train = out.trains[i];
        if (train.peer != peer.index) continue;
        const bool fits = !train.closed && train.count < kTrainDatagrams && message <= train.segment_size &&
                          train.size + message <= kDatagramMaximum;
        const bool same_way = train.session == &session && train.traffic_class == traffic_class &&
                              train.remote == peer.remote && train.local == peer.local;
        return fits && same_way ? &train : nullptr;
    }
    return nullptr;
}

EgressTrain* Egress::begin(Instant now, const Peer& peer, Session& session, std::uint8_t traffic_class,
                           std::size_t message, Output& out) {
    PacketBuffer buffer = pool_.take();
    if (!buffer.valid()) return nullptr;
    session.reserve(kTrainDatagrams);
    EgressTrain& train = out.trains.emplace_back();
    train.peer = peer.index;
    train.customer = peer.customer;
    train.listener = session.listener;
    train.remote = peer.remote;
    train.local = peer.local;
    train.pinned = peer.pinned;
    train.traffic_class = traffic_class;
    train.ungrouped = now < peer.ungrouped_until;
    train.segment_size = static_cast<std::uint32_t>(message);
    train.buffer = std::move(buffer);
    train.session = &session;
    train.first_counter = session.next_counter;
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
        if (train.session == nullptr) continue;
        if (used + train.count > jobs.size()) run();
        const auto of_train = std::span(jobs).subspan(used, train.count);
        for (crypto::AeadJob& job : of_train) job.key = &train.session->send_key;
        train.session->framing.begin_seal({train.bytes(), train.segment_size, train.session, train.first_counter},
                                          of_train);
        used += train.count;
        train.session = nullptr;
    }
    if (used > 0) run();
}

}  // namespace warren::dataplane
