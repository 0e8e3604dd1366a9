#include "rig.h"

#include <doctest/doctest.h>

#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/packet/segment.h"

namespace warren::dataplane::test {

namespace {

crypto::AeadKey key_of(std::uint32_t local_id, bool towards_us) {
    crypto::AeadKey key;
    key.secret.writable()[0] = towards_us ? 1 : 2;
    store_le(key.secret.writable().data() + 4, local_id);
    return key;
}

}  // namespace

Packet gather(const TunWrite& write, const Output& out) {
    Packet bytes(write.header.begin(), write.header.end());
    std::size_t packets = 0;
    for (const Piece* piece = &write.first;; piece = &out.pieces[piece->next]) {
        bytes.insert(bytes.end(), piece->bytes.begin(), piece->bytes.end());
        ++packets;
        if (piece->next == Piece::kLast) break;
    }
    CHECK(packets == write.packets);
    return bytes;
}

Rig::Rig()
    : aead(*crypto::make_packet_aead(crypto::AeadBackends(crypto::AeadBackend::kSodium))),
      pipeline(std::make_unique<Pipeline>(*aead)) {
    from = *parse_endpoint("198.51.100.7:1111");
    to = {*parse_ip("203.0.113.1"), 2};
    for (std::uint32_t i = 0; i < 4; ++i) pipeline->put_listener({i}, kWireguardFraming);
}

void Rig::put(const CustomerSpec& spec) {
    auto view = std::make_unique<CustomerView>();
    view->index = {spec.index};
    view->id = "customer";
    view->suspended = spec.suspended;
    view->mtu = spec.mtu;
    view->rate_up = spec.rate_up;
    view->rate_down = spec.rate_down;
    view->limits = spec.limits;
    view->is_blocked = spec.is_blocked;
    view->emulate_up = spec.emulate_up;
    view->emulate_down = spec.emulate_down;
    view->maps = spec.maps;
    for (const char* address : spec.addresses) view->addresses.push_back(*parse_prefix(address));
    std::vector<Lpm<PeerIndex>::Entry> entries;
    for (const PeerSpec& peer : spec.peers) {
        view->peers.push_back({peer.index});
        listener_of_peer_[peer.index] = spec.listener;
        for (const char* prefix : peer.allowed_ips) entries.push_back({*parse_prefix(prefix), {peer.index}});
    }
    view->allowed_ips = Lpm<PeerIndex>(std::move(entries));
    pipeline->swap_customer(std::move(view), {.tcp = true, .udp = merges_udp});
}

InstallSession Rig::session(std::uint32_t peer, std::uint32_t local_id, bool is_initiator) {
    InstallSession install;
    install.local_id = {local_id};
    install.remote_id = local_id + 0x1000'0000;
    install.peer = {peer};
    install.listener = {listener_of_peer_[peer]};
    install.send_key = key_of(local_id, false);
    install.receive_key = key_of(local_id, true);
    install.created = now;
    install.lifetime.hard.age = std::chrono::seconds(180);
    install.lifetime.renew_on_sending.messages = std::uint64_t{1} << 60;
    install.lifetime.hard.messages = UINT64_MAX - (1U << 13);
    if (is_initiator) {
        install.lifetime.renew_on_sending.age = std::chrono::seconds(120);
        install.lifetime.renew_on_receiving = std::chrono::seconds(165);
    }
    return install;
}

void Rig::install(std::uint32_t peer, std::uint32_t local_id, bool confirmed, bool is_initiator) {
    InstallSession install = session(peer, local_id, is_initiator);
    install.send_when = confirmed ? SendWhen::kNow : SendWhen::kAfterFirstReceived;
    if (!confirmed) install.initiated_from = initiated_from;
    apply(std::move(install));
}

void Rig::set_endpoint(std::uint32_t peer, const char* endpoint) {
    apply(SetEndpoint{{peer}, *parse_endpoint(endpoint), {}});
}

void Rig::apply(Command command) {
    pipeline->apply(now, std::move(command), out);
    collect();
}

Packet Rig::seal(std::uint32_t local_id, std::uint64_t counter, Bytes inner) const {
    Packet padded(inner.begin(), inner.end());
    padded.resize((inner.size() + 15) / 16 * 16);
    Packet message(kWireguardFraming.overhead + padded.size());
    WireguardFraming::write_header(message.data(), local_id, counter);
    crypto::aead_seal(key_of(local_id, true).secret, counter, {}, padded,
                      MutableBytes(message).subspan(WireguardFraming::kHeaderSize));
    return message;
}

void Rig::receive(Bytes datagram) {
    receive(std::vector<Packet>{Packet(datagram.begin(), datagram.end())});
}

void Rig::receive(std::vector<Packet> datagrams) {
    std::vector<Train> batch;
    for (Packet& datagram : datagrams) batch.push_back({{listener}, from, to, traffic_class, 0, datagram});
    pipeline->inbound(now, batch, out);
    collect();
}

void Rig::transmit(std::uint32_t customer, Bytes packet) {
    transmit_super(customer, from_tun(packet));
}

void Rig::transmit_super(std::uint32_t customer, Packet super_packet) {
    pipeline->outbound(now, {customer}, super_packet, out);
    pipeline->finish(out);
    collect();
}

void Rig::tick(std::size_t room) {
    pipeline->tick(now, room, out);
    collect();
}

void Rig::release() {
    while (const auto customer = pipeline->next_released(now)) {
        pipeline->release_inbound(now, *customer, out);
        collect();
        pipeline->release_outbound(now, *customer, out);
        pipeline->finish(out);
        collect();
    }
}

void Rig::collect() {
    tun_writes = out.tun_writes.size();
    trains = out.trains.size();
    for (const TunWrite& write : out.tun_writes) {
        Packet whole = gather(write, out);
        const auto super_packet = SuperPacket::parse(whole);
        REQUIRE(super_packet.has_value());
        for (std::size_t i = 0; i < super_packet->count(); ++i) {
            Packet packet(super_packet->size_of(i));
            super_packet->write(i, packet.data());
            delivered_.push_back({write.customer, std::move(packet)});
        }
    }
    for (const EgressTrain& train : out.trains) {
        std::size_t datagrams = 0;
        for (std::size_t at = 0; at < train.size; at += train.segment_size) {
            const Bytes bytes =
                Bytes(train.bytes()).subspan(at, std::min<std::size_t>(train.segment_size, train.size - at));
            sent_.push_back({train.peer, train.listener, train.remote, train.local, train.traffic_class,
                             Packet(bytes.begin(), bytes.end())});
            ++datagrams;
        }
        CHECK(datagrams == train.count);
        CHECK(train.count <= 64);
        CHECK(train.size <= 65'507);
    }
    for (Event& event : out.events) events_.push_back(std::move(event));
    out.clear();
}

std::vector<Delivered> Rig::delivered() {
    return std::exchange(delivered_, {});
}
std::vector<Sent> Rig::sent() {
    return std::exchange(sent_, {});
}
std::vector<Event> Rig::events() {
    return std::exchange(events_, {});
}

Packet Rig::open(std::uint32_t local_id, const Sent& sent) const {
    const MessageHead head = WireguardFraming::parse(sent.bytes);
    CHECK(load_le<std::uint32_t>(sent.bytes.data()) == 4);
    if (head.session.value != local_id + 0x1000'0000) return {};
    Packet plain(sent.bytes.size() - kWireguardFraming.overhead);
    const bool opened = crypto::aead_open(key_of(local_id, false).secret, head.sequence, {},
                                          Bytes(sent.bytes).subspan(WireguardFraming::kHeaderSize), plain);
    CHECK(opened);
    return plain;
}

std::uint64_t Rig::drops(DropReason reason, std::uint32_t customer) const {
    return pipeline->drops({customer})->of(reason);
}

std::uint64_t Rig::all_drops(std::uint32_t customer) const {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : pipeline->drops({customer})->all()) sum += count;
    for (const std::uint64_t count : pipeline->own_drops().all()) sum += count;
    return sum;
}

}  // namespace warren::dataplane::test
