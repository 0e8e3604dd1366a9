// A packet in steady state causes no allocation.
#include <doctest/doctest.h>

#include "packets.h"
#include "tests/unit/crypto/allocation_count.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/dataplane/pipeline.h"

namespace warren::dataplane::test {
namespace {

constexpr std::size_t kTrain = 44;
constexpr std::size_t kPayload = 1'380;

// Leaves everything as it is: the pipeline is what is looked at.
class NoAead final : public crypto::PacketAead {
  public:
    void seal(std::span<crypto::AeadJob>) override {}
    void open(std::span<crypto::AeadJob> jobs) override {
        for (crypto::AeadJob& job : jobs) job.authentic = true;
    }
};

struct World {
    World() {
        auto view = std::make_unique<CustomerView>();
        view->index = {0};
        view->peers = {{0}};
        view->allowed_ips = Lpm<PeerIndex>({{*parse_prefix("10.0.0.2/32"), {0}}});
        pipeline.put_listener({0}, kWireguardFraming);
        pipeline.swap_customer(std::move(view), {.tcp = true, .udp = true});
        pipeline.apply(now, SetEndpoint{{0}, *parse_endpoint("192.0.2.1:1"), {}}, out);
        InstallSession install;
        install.local_id = {64};
        install.peer = {0};
        install.listener = {0};
        install.created = now;
        install.send_when = SendWhen::kNow;
        pipeline.apply(now, std::move(install), out);
        out.clear();
    }

    // A train of one TCP flow, laid out as UDP_GRO gives it.
    void receive() {
        const std::size_t stride = packet.size() + kWireguardFraming.overhead;
        for (std::size_t i = 0; i < kTrain; ++i) {
            WireguardFraming::write_header(incoming.data() + i * stride, 64, counter++);
            std::copy(packet.begin(), packet.end(),
                      incoming.begin() + static_cast<std::ptrdiff_t>(i * stride + WireguardFraming::kHeaderSize));
        }
        const Train train{{0}, remote, {}, 0, stride, incoming};
        pipeline.inbound(now, std::span(&train, 1), out);
    }

    NoAead aead;
    Pipeline pipeline{aead};
    Output out;
    Instant now{1'000'000'000};
    Endpoint remote = *parse_endpoint("192.0.2.1:1");
    std::uint64_t counter = 0;
    // Two times 20 bytes of headers; the length is a multiple of 16, so nothing is padded.
    Packet packet = udp_packet({}, 1, 2, Packet(kPayload + 12));
    Packet incoming = Packet(kTrain * (packet.size() + kWireguardFraming.overhead));
    Packet outgoing =
        from_tun(udp_packet({IpAddress::v4(10, 0, 1, 10), IpAddress::v4(10, 0, 0, 2)}, 2, 1, Packet(kPayload)));
};

}  // namespace

TEST_CASE("a million packets each way take nothing from the heap") {
    if (!warren::test::counts_allocations()) {
        MESSAGE("skipped: a sanitizer owns the heap");
        return;
    }
    World world;
    std::uint64_t delivered = 0;
    std::uint64_t sent = 0;
    const auto round = [&] {
        world.receive();
        for (const TunWrite& write : world.out.tun_writes) delivered += write.packets;
        world.out.clear();
        for (std::size_t i = 0; i < kTrain; ++i) world.pipeline.outbound(world.now, {0}, world.outgoing, world.out);
        world.pipeline.finish(world.out);
        for (const EgressTrain& train : world.out.trains) sent += train.count;
        world.out.clear();
        world.now = world.now + std::chrono::microseconds(50);
        world.pipeline.tick(world.now, 1'000, world.out);
        world.out.clear();
    };
    // Every vector has its size by now, and the peer was reported to the control worker.
    for (int i = 0; i < 3'000; ++i) round();

    const std::uint64_t delivered_before = delivered;
    const std::uint64_t sent_before = sent;
    const std::uint64_t before = warren::test::allocations_of_this_thread();
    constexpr std::uint64_t kRounds = 1'000'000 / kTrain + 1;
    for (std::uint64_t i = 0; i < kRounds; ++i) round();
    CHECK(warren::test::allocations_of_this_thread() == before);
    CHECK(delivered - delivered_before == kRounds * kTrain);
    CHECK(sent - sent_before == kRounds * kTrain);
    CHECK(world.pipeline.own_drops().all() == DataPlaneDrops().all());
}

}  // namespace warren::dataplane::test
