#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/check.h"
#include "crypto/x25519.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/packet/offload_header.h"

namespace warren::sim {

namespace {

constexpr ListenerIndex kListener{0};
constexpr CustomerIndex kCustomer{0};
constexpr Duration kQueueLag = 500us;  // the longest delay of a command or an event
constexpr std::size_t kInnerSize = 20 + 8 + 8;

std::uint16_t internet_checksum(Bytes header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) sum += load_be<std::uint16_t>(header.data() + i);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

// An offload header, IPv4 (RFC 791), UDP without a checksum (RFC 768), and a number that identifies the packet.
std::vector<std::uint8_t> inner_packet(const IpAddress& from, const IpAddress& to, std::uint64_t number) {
    std::vector<std::uint8_t> packet(dataplane::kOffloadHeaderSize + kInnerSize);
    const MutableBytes ip = MutableBytes(packet).subspan(dataplane::kOffloadHeaderSize);
    ip[0] = 0x45;
    store_be<std::uint16_t>(ip.data() + 2, kInnerSize);
    ip[8] = 64;
    ip[9] = 17;
    std::copy_n(from.octets.begin(), 4, ip.begin() + 12);
    std::copy_n(to.octets.begin(), 4, ip.begin() + 16);
    store_be(ip.data() + 10, internet_checksum(ip.first(20)));
    store_be<std::uint16_t>(ip.data() + 20, 4000);
    store_be<std::uint16_t>(ip.data() + 22, 4000);
    store_be<std::uint16_t>(ip.data() + 24, 16);
    store_be(ip.data() + 28, number);
    return packet;
}

}  // namespace

std::uint64_t seed_for(std::string_view test, std::uint64_t standard) {
    const char* const given = std::getenv("WARREN_SIM_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : standard;
    std::printf("%.*s: WARREN_SIM_SEED=%llu\n", static_cast<int>(test.size()), test.data(),
                static_cast<unsigned long long>(seed));
    return seed;
}

// --- World -----------------------------------------------------------------------------------------------------------

void World::at(Instant when, std::function<void()> action) {
    events_.push({std::max(when, now), order_++, std::move(action)});
}

Duration World::between(Duration shortest, Duration longest) {
    return shortest + Duration(static_cast<std::int64_t>(
                          random.below(static_cast<std::uint64_t>((longest - shortest).count()) + 1)));
}

void World::carry(Wire wire) {
    wire.at = now;
    if (!on_wire(wire) || happens(weather.loss)) return;
    const int copies = happens(weather.doubled) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        Wire copy = wire;
        if (happens(weather.damaged))
            copy.bytes[random.below(copy.bytes.size())] ^= static_cast<std::uint8_t>(1U << random.below(8));
        at(now + between(weather.shortest, weather.longest), [this, copy = std::move(copy)] {
            for (Node* node : nodes) {
                if (node->endpoint == copy.to) return node->receive(copy);
            }
        });
    }
}

void World::run(Duration by) {
    const Instant end = now + by;
    for (;;) {
        Instant next = events_.empty() ? kNever : events_.top().when;
        for (const Node* node : nodes) next = std::min(next, node->next_deadline());
        if (next > end) break;
        now = std::max(now, next);
        while (!events_.empty() && events_.top().when <= now) {
            const auto action = events_.top().action;
            events_.pop();
            action();
        }
        for (Node* node : nodes) {
            if (node->next_deadline() <= now) node->wake();
        }
    }
    now = end;
}

// --- Node ------------------------------------------------------------------------------------------------------------

Node::Node(World& world, const char* address, const char* inner_address)
    : endpoint(*parse_endpoint(address)),
      inner(*parse_ip(inner_address)),
      world_(world),
      random_(world.random.below(UINT64_MAX)) {
    engine = std::make_unique<wireguard::Engine>(kListener, crypto::generate_private_key(random_), indexes, random_);
    auto aead = crypto::make_packet_aead(crypto::AeadBackend::kSodium);
    WARREN_CHECK(aead.has_value());
    aead_ = std::move(*aead);
    pipeline = std::make_unique<dataplane::Pipeline>(*aead_);
    pipeline->put_listener(kListener, dataplane::kWireguardFraming);
    publish();
    world_.nodes.push_back(this);
}

Node::~Node() {
    std::erase(world_.nodes, this);
    data_out_.clear();
}

Now Node::clock() const {
    constexpr std::int64_t kWall = 1'800'000'000LL * 1'000'000'000LL;
    return {world_.now, WallTime{kWall + world_.now.nanoseconds + wall_offset.count()}};
}

void Node::publish() {
    auto view = std::make_unique<dataplane::CustomerView>();
    view->index = kCustomer;
    view->id = "sim";
    view->addresses = {Prefix{inner, 24}};
    view->peers = peers_;
    view->allowed_ips = Lpm<PeerIndex>(allowed_);
    pipeline->swap_customer(std::move(view), {.tcp = true});
}

void Node::add_peer(const Node& other, PeerOptions options) {
    const PeerIndex index{static_cast<std::uint32_t>(peers_.size())};
    peers_.push_back(index);
    allowed_.push_back({Prefix{other.inner, 32}, index});
    publish();

    wireguard::PeerConfig config;
    config.index = index;
    config.customer = kCustomer;
    config.public_key = other.engine->public_key();
    std::fill_n(config.preshared_key.secret.writable().begin(), 32, options.preshared);
    if (options.with_endpoint) config.endpoint = other.endpoint;
    config.persistent_keepalive_seconds = options.persistent_keepalive_seconds;
    engine->put_peer(clock(), std::move(config), control_out_);
    drain_control();
}

void Node::send(const Node& to, std::uint64_t number) {
    apply_commands();
    std::vector<std::uint8_t> packet = inner_packet(inner, to.inner, number);
    pipeline->outbound(world_.now, kCustomer, packet, data_out_);
    pipeline->finish(data_out_);
    drain_data();
}

void Node::receive(const Wire& wire) {
    const LocalAddress to{endpoint.address, 1};
    if (wire.type() != 4) {
        engine->handle_datagram(clock(), {wire.from, to}, wire.bytes, control_out_);
        return drain_control();
    }
    apply_commands();  // a data worker reads its queue before its sockets
    std::vector<std::uint8_t> bytes = wire.bytes;
    const dataplane::Train train{kListener, wire.from, to, 0, 0, bytes};
    pipeline->inbound(world_.now, std::span(&train, 1), data_out_);
    drain_data();
}

Instant Node::next_deadline() const {
    return std::min({engine->next_deadline(), pipeline->next_deadline(), commands_.empty() ? kNever : commands_due_,
                     events_.empty() ? kNever : events_due_});
}

void Node::wake() {
    if (!commands_.empty() && commands_due_ <= world_.now) apply_commands();
    if (!events_.empty() && events_due_ <= world_.now) handle_events();
    if (pipeline->next_deadline() <= world_.now) {
        pipeline->tick(world_.now, 1000, data_out_);
        drain_data();
    }
    if (engine->next_deadline() <= world_.now) {
        engine->handle_timeout(clock(), control_out_);
        drain_control();
    }
}

void Node::drain_control() {
    if (!control_out_.commands.empty() && commands_.empty()) {
        commands_due_ = world_.now + Duration(static_cast<std::int64_t>(random_.below(kQueueLag.count())));
    }
    for (auto& posted : control_out_.commands) commands_.push_back(std::move(posted.command));
    for (const auto& message : control_out_.messages) {
        Wire wire{world_.now, endpoint, message.to, {message.view().begin(), message.view().end()}};
        ++sent[wire.type()];
        world_.carry(std::move(wire));
    }
    for (const auto& news : control_out_.news) {
        if (std::holds_alternative<wireguard::HandshakeCompleted>(news)) handshakes.push_back(world_.now);
        if (std::holds_alternative<wireguard::HandshakeGaveUp>(news)) ++gave_up;
    }
    control_out_.clear();
    most_indexes = std::max(most_indexes, indexes.size());
}

void Node::apply_commands() {
    while (!commands_.empty()) {
        dataplane::Command command = std::move(commands_.front());
        commands_.pop_front();
        pipeline->apply(world_.now, std::move(command), data_out_);
    }
    drain_data();
}

void Node::handle_events() {
    while (!events_.empty()) {
        const dataplane::Event event = events_.front();
        events_.pop_front();
        engine->handle_event(clock(), event, control_out_);
    }
    drain_control();
}

void Node::drain_data() {
    for (const auto& train : data_out_.trains) {
        const MutableBytes bytes = train.bytes();
        for (std::size_t at = 0; at < bytes.size(); at += train.segment_size) {
            const Bytes datagram = bytes.subspan(at, std::min<std::size_t>(train.segment_size, bytes.size() - at));
            ++sent[4];
            world_.carry({world_.now, endpoint, train.remote, {datagram.begin(), datagram.end()}});
        }
    }
    for (const auto& write : data_out_.tun_writes) {
        // Numbers are sent one by one here, so nothing is joined.
        if (write.first.bytes.size() != kInnerSize) continue;
        received.push_back(load_be<std::uint64_t>(write.first.bytes.data() + 28));
    }
    if (!data_out_.events.empty() && events_.empty()) {
        events_due_ = world_.now + Duration(static_cast<std::int64_t>(random_.below(kQueueLag.count())));
    }
    for (const auto& event : data_out_.events) events_.push_back(event);
    data_out_.clear();
}

}  // namespace warren::sim
