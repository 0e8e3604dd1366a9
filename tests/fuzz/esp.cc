// ESP: any datagram, authentic packets with any text and number, packets from stacks, CHILD_SAs, peers and prefixes
// that come and go.
#include <array>
#include <set>
#include <vector>

#include "base/check.h"
#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/pipeline.h"

namespace {

using namespace warren;
using namespace warren::dataplane;
using Packet = std::vector<std::uint8_t>;

constexpr std::uint32_t kSas = 8;  // of a customer

class World {
  public:
    World() : aead_(*crypto::make_packet_aead(crypto::AeadBackends(crypto::AeadBackend::kSodium))), pipeline_(*aead_) {
        pipeline_.put_listener({0}, kEspFraming);
        for (std::uint32_t i = 0; i < 2; ++i) put_customer(i, false);
    }

    void step(std::uint8_t action, Bytes bytes) {
        const std::uint32_t customer = (action >> 4) & 1U;
        const std::uint32_t sa = (action >> 5) & 7U;
        const std::uint8_t detail = bytes.empty() ? std::uint8_t{0} : bytes[0];
        const PeerIndex live{2 + detail % 4U + 4 * customer};
        switch (action & 15) {
            case 0: receive_strange(Packet(bytes.begin(), bytes.end()), 0); break;
            case 1: receive_strange(Packet(bytes.begin(), bytes.end()), std::max<std::size_t>(detail, 1)); break;
            case 2:
            case 3: receive_sealed(customer, sa, bytes); break;
            case 4:
            case 5: transmit(customer, bytes); break;
            case 6: install(customer, sa, detail); break;
            case 7: apply(RetireSession{spi_of(customer, sa)}); break;
            case 8: apply(Confirm{spi_of(customer, sa)}); break;
            case 9: apply(PutPeer{{customer}, live, 0}); break;
            case 10: apply(DropPeer{{customer}, live}); break;
            case 11: apply(PutPrefix{{customer}, prefix_of(bytes), live}); break;
            case 12: apply(DropPrefix{{customer}, prefix_of(bytes), live}); break;
            case 13: now_ = now_ + std::chrono::milliseconds(std::int64_t{detail} * 1'000); break;
            case 14: put_customer(customer, (detail & 1) != 0); break;
            case 15: sequence_ += std::uint64_t{1} << detail % 40; break;
        }
        take_output();
    }

  private:
    static SessionId spi_of(std::uint32_t customer, std::uint32_t sa) { return {(1 + customer * kSas + sa) << 10}; }
    static crypto::AeadSuite suite_of(std::uint32_t sa) { return static_cast<crypto::AeadSuite>(sa); }
    static bool is_extended(std::uint32_t sa) { return sa % 2 == 0; }
    static crypto::AeadKey key_of(std::uint32_t customer, std::uint32_t sa) {
        crypto::AeadKey key;
        key.suite = suite_of(sa);
        key.secret.writable()[0] = static_cast<std::uint8_t>(customer);
        if (is_cbc(key.suite)) key.integrity = std::make_unique<crypto::Secret<64>>();
        return key;
    }
    static Prefix prefix_of(Bytes bytes) {
        const std::uint8_t length = bytes.size() < 2 ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes[1] % 33);
        return {IpAddress::v4(10, 0, 0, bytes.empty() ? std::uint8_t{0} : bytes[0]), length};
    }

    void apply(Command command) { pipeline_.apply(now_, std::move(command), out_); }

    void put_customer(std::uint32_t index, bool suspended) {
        auto view = std::make_unique<CustomerView>();
        view->index = {index};
        view->suspended = suspended;
        view->addresses = {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00::1/64")};
        view->peers = {{index}};
        view->allowed_ips = Lpm<PeerIndex>({{*parse_prefix("10.0.0.0/9"), {index}}, {*parse_prefix("::/0"), {index}}});
        pipeline_.swap_customer(std::move(view), {.tcp = true, .udp = index == 0});
        apply(SetEndpoint{{index}, *parse_endpoint("192.0.2.1:4500"), {}});
    }

    void install(std::uint32_t customer, std::uint32_t sa, std::uint8_t detail) {
        InstallSession install;
        install.local_id = spi_of(customer, sa);
        install.remote_id = ++remote_spi_;  // its packets are told apart from those of one before
        install.peer = {customer};
        install.listener = {0};
        install.send_key = key_of(customer, sa);
        install.receive_key = key_of(customer, sa);
        install.created = now_;
        install.lifetime.hard.age = std::chrono::hours(1);
        install.lifetime.hard.bytes = 1'000'000;
        install.first_counter = detail % 2 == 0 ? 1 : UINT32_MAX - 3;
        install.has_extended_sequence = is_extended(sa);
        install.replay_window = detail;
        install.send_when = detail % 4 < 2 ? SendWhen::kNow : SendWhen::kAfterFirstReceived;
        install.flow = static_cast<std::uint8_t>(detail >> 6);
        if (install.flow == 1) {
            install.selectors.resize(1);
            install.selectors[0].local.last = IpAddress::v4(255, 255, 255, 255);
            install.selectors[0].remote = install.selectors[0].local;
            install.selectors[0].protocol = kProtocolUdp;
            install.selectors[0].remote_ports = {0, 1'000};
        }
        apply(std::move(install));
    }

    // The text is `text`, cut to a length that the suite has.
    void receive_sealed(std::uint32_t customer, std::uint32_t sa, Bytes text) {
        const crypto::AeadKey key = key_of(customer, sa);
        const bool has_cbc = is_cbc(key.suite);
        text = text.first(text.size() / 16 * 16);
        Packet associated(8);
        store_be(associated.data(), spi_of(customer, sa).value);
        store_be(associated.data() + 4, static_cast<std::uint32_t>(++sequence_));
        Packet message = associated;
        if (is_extended(sa)) {
            associated.resize(12);
            if (has_cbc) {
                store_be(associated.data() + 8, static_cast<std::uint32_t>(sequence_ >> 32));
            } else {
                store_be(associated.data() + 4, sequence_);
            }
        }
        const std::size_t at = has_cbc ? 8 : 16;
        message.resize((has_cbc ? 24 : 16) + text.size() + tag_size_of(key.suite));
        store_be(message.data() + 8, sequence_);
        crypto::suite_seal(key, load_le<std::uint64_t>(message.data() + 8), associated, text,
                           MutableBytes(message).subspan(at));
        receive(std::move(message), 0);
        for (const TunWrite& write : out_.tun_writes) WARREN_CHECK(write.customer.value == customer);
    }

    // Nobody makes an authentic packet without its key.
    void receive_strange(Packet bytes, std::size_t segment_size) {
        receive(std::move(bytes), segment_size);
        WARREN_CHECK(out_.tun_writes.empty());
    }

    void receive(Packet bytes, std::size_t segment_size) {
        received_ = std::move(bytes);
        const Train train{{0}, *parse_endpoint("192.0.2.9:4500"), {}, 0, segment_size, received_};
        std::vector<CustomerTrain> sorted;
        pipeline_.sort(now_, std::span(&train, 1), sorted);
        pipeline_.inbound(now_, std::span(&train, 1), out_);
    }

    void transmit(std::uint32_t customer, Bytes bytes) {
        Packet packet(bytes.begin(), bytes.end());
        pipeline_.outbound(now_, {customer}, packet, out_);
        pipeline_.finish(out_);
    }

    void take_output() {
        for (const EgressTrain& train : out_.trains) {
            WARREN_CHECK(train.session == nullptr);  // sealed
            WARREN_CHECK(train.size <= kDatagramMaximum);
            WARREN_CHECK(train.peer.value == train.customer.value);  // live peers have no sessions here
            WARREN_CHECK(train.count == (train.size + train.segment_size - 1) / train.segment_size);
            for (std::size_t at = 0; at < train.size; at += train.segment_size) {
                const Bytes header = Bytes(train.bytes()).subspan(at, 16);
                // No sequence number and IV twice under one SPI, and none of zero without the extended ones' high half.
                WARREN_CHECK(sent_.insert(Packet(header.begin(), header.end())).second);
                WARREN_CHECK(load_be<std::uint32_t>(header.data()) >= SessionId::kLeast);
            }
        }
        out_.clear();
    }

    std::unique_ptr<crypto::PacketAead> aead_;
    Pipeline pipeline_;
    Packet received_;
    Output out_;
    Instant now_{1'000'000'000'000};
    std::uint64_t sequence_ = 0;
    std::uint32_t remote_spi_ = 0x4000'0000;
    std::set<Packet> sent_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World world;
    ByteReader reader({data, size});
    for (int steps = 0; steps < 300 && !reader.rest().empty(); ++steps) {
        const std::uint8_t action = reader.u8();
        const std::size_t length = std::min<std::size_t>(reader.le<std::uint16_t>(), reader.rest().size());
        world.step(action, reader.take(length));
    }
    return 0;
}
