#include "tests/toy/hub.h"

#include <utility>

#include "tests/toy/framing.h"
#include "vpnd/packet/segment.h"

namespace warren::toy {

namespace {
constexpr ListenerIndex kListener{0};
constexpr CustomerIndex kCustomer{0};
}  // namespace

Packet packet(std::uint8_t from, std::uint8_t to, std::uint8_t protocol, std::uint16_t from_port,
              std::uint16_t to_port) {
    constexpr std::size_t kPayload = 24;
    Packet out(dataplane::kIpV4HeaderMinimum + kPayload);
    out[0] = 0x45;
    store_be(out.data() + 2, static_cast<std::uint16_t>(out.size()));
    out[8] = 64;
    out[9] = protocol;
    store_be<std::uint32_t>(out.data() + 12, 0x0a000000U | from);
    store_be<std::uint32_t>(out.data() + 16, 0x0a000000U | to);
    store_be(out.data() + 20, from_port);
    store_be(out.data() + 22, to_port);
    return out;
}

Hub::Hub(std::uint8_t of, std::uint64_t seed)
    : endpoint{IpAddress::v4(192, 0, 2, of), 4500, 0},
      number(of),
      random(seed),
      engine(kListener, indexes, random),
      aead_(std::move(*crypto::make_packet_aead(crypto::AeadBackends(crypto::AeadBackend::kOpenssl)))),
      pipeline_(*aead_) {
    pipeline_.put_listener(kListener, kToyFraming);
    publish();
}

void Hub::publish() {
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = kCustomer;
    std::vector<Lpm<PeerIndex>::Entry> entries;
    for (const std::uint8_t peer : peers_) {
        view->peers.push_back({peer});
        entries.push_back({Prefix{IpAddress::v4(10, 0, 0, peer), 32}, {peer}});
    }
    view->allowed_ips = Lpm<PeerIndex>(std::move(entries));
    pipeline_.swap_customer(std::move(view), {.tcp = true});
}

void Hub::put_peer(const Hub& other, std::uint8_t secret, bool knows_endpoint, std::uint16_t last_udp_port) {
    peers_.push_back(other.number);
    publish();
    PeerConfig config;
    config.index = {other.number};
    config.secret.fill(secret);
    config.last_udp_port = last_udp_port;
    if (knows_endpoint) config.endpoint = other.endpoint;
    engine.put_peer(std::move(config), control_out_);
    carry_out();
}

void Hub::transmit(Packet bytes) {
    bytes.insert(bytes.begin(), dataplane::kOffloadHeaderSize, 0);
    pipeline_.outbound(now_, kCustomer, bytes, out_);
    pipeline_.finish(out_);
    collect();
}

void Hub::receive(const Datagram& datagram) {
    Packet bytes = datagram.bytes;
    const dataplane::Train train{kListener, datagram.from, {}, 0, 0, bytes};
    pipeline_.inbound(now_, std::span(&train, 1), out_);
    for (const dataplane::Stray& stray : out_.strays) {
        engine.handle_datagram(now(), {datagram.from, {}}, stray.bytes, control_out_);
    }
    collect();
    carry_out();
}

void Hub::pass(Duration time) {
    now_ = now_ + time;
    if (engine.next_deadline() <= now_) engine.handle_timeout(now(), control_out_);
    carry_out();
}

void Hub::carry_out() {
    control::Output output = std::exchange(control_out_, {});
    for (control::PostedCommand& posted : output.commands) pipeline_.apply(now_, std::move(posted.command), out_);
    for (control::OutgoingMessage& message : output.messages) {
        sent.push_back({endpoint, message.to, std::move(message.bytes)});
    }
    for (control::PeerNews& one : output.news) news.push_back(one);
    collect();
}

void Hub::collect() {
    for (const dataplane::TunWrite& write : out_.tun_writes) {
        delivered.emplace_back(write.first.bytes.begin(), write.first.bytes.end());
    }
    for (const dataplane::EgressTrain& train : out_.trains) {
        for (std::size_t at = 0; at < train.size; at += train.segment_size) {
            const Bytes bytes =
                Bytes(train.bytes()).subspan(at, std::min<std::size_t>(train.segment_size, train.size - at));
            sent.push_back({endpoint, train.remote, {bytes.begin(), bytes.end()}});
        }
    }
    const std::vector<dataplane::Event> events = std::move(out_.events);
    out_.clear();
    for (const dataplane::Event& event : events) engine.handle_event(now(), event, control_out_);
    if (!events.empty()) carry_out();
}

std::uint64_t Hub::drops(DropReason reason) const {
    return pipeline_.drops(kCustomer)->of(reason);
}

std::vector<std::uint32_t> Hub::ids_sent() const {
    std::vector<std::uint32_t> out;
    for (const Datagram& datagram : sent) {
        const auto id = load_be<std::uint32_t>(datagram.bytes.data());
        if (id != 0) out.push_back(id);
    }
    return out;
}

}  // namespace warren::toy
