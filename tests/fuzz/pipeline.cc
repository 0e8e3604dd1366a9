// A sequence of datagrams, authentic messages with any content, packets from stacks, commands and time steps.
#include <vector>

#include "base/check.h"
#include "vpnd/dataplane/framing/wireguard.h"
#include "vpnd/dataplane/pipeline.h"

namespace {

using namespace warren;
using namespace warren::dataplane;
using Packet = std::vector<std::uint8_t>;

class World {
  public:
    World() : aead_(*crypto::make_packet_aead(crypto::AeadBackend::kSodium)), pipeline_(*aead_) {
        for (std::uint32_t i = 0; i < 2; ++i) {
            pipeline_.put_listener({i}, kWireguardFraming);
            put_customer(i, false);
        }
    }

    void step(std::uint8_t action, Bytes bytes) {
        const std::uint32_t customer = (action >> 4) & 1U;
        const std::uint8_t detail = bytes.empty() ? std::uint8_t{0} : bytes[0];
        switch (action & 15) {
            case 0: receive(Packet(bytes.begin(), bytes.end()), 0); break;
            case 1: receive(Packet(bytes.begin(), bytes.end()), std::max<std::size_t>(detail, 1)); break;
            case 2: receive(sealed(customer, bytes), 0); break;
            case 3:
            case 4: transmit(customer, bytes); break;
            case 5: install(customer, detail % 4, (detail & 128) != 0); break;
            case 6: pipeline_.apply(now_, RetireSession{{index_of(customer, detail % 4)}}, out_); break;
            case 7: pipeline_.apply(now_, SetEndpoint{{customer}, *parse_endpoint("192.0.2.1:1"), {}}, out_); break;
            case 8: pipeline_.apply(now_, SendKeepalive{{customer}, kNever, kNever}, out_); break;
            case 9: pipeline_.apply(now_, PurgeStaged{{customer}}, out_); break;
            case 10: pipeline_.apply(now_, StopSending{{customer}}, out_); break;
            case 11: pipeline_.apply(now_, ClearLocalAddress{{customer}}, out_); break;
            case 12: now_ = now_ + std::chrono::milliseconds(std::int64_t{detail} * 1'000); break;
            case 13: put_customer(customer, (detail & 1) != 0); break;
            case 14: traffic_class_ = detail; break;
            case 15: pipeline_.tick(now_, detail, out_); break;
        }
        check_output();
    }

  private:
    static std::uint32_t index_of(std::uint32_t customer, std::uint32_t number) { return (customer * 4 + number) << 6; }

    void put_customer(std::uint32_t index, bool suspended) {
        auto view = std::make_unique<CustomerView>();
        view->index = {index};
        view->suspended = suspended;
        view->addresses = {*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00::1/64")};
        view->peers = {{index}};
        view->allowed_ips = Lpm<PeerIndex>({{*parse_prefix("10.0.0.0/8"), {index}}, {*parse_prefix("::/0"), {index}}});
        pipeline_.swap_customer(std::move(view), {.tcp = true, .udp = index == 0});
    }

    void install(std::uint32_t customer, std::uint32_t number, bool confirmed) {
        InstallSession install;
        install.local_id = {index_of(customer, number)};
        install.peer = {customer};
        install.listener = {customer};
        install.created = now_;
        install.lifetime.hard.age = std::chrono::seconds(180);
        install.lifetime.renew_on_sending.age = std::chrono::seconds(120);
        install.lifetime.hard.messages = 100'000;
        install.send_when = confirmed ? SendWhen::kNow : SendWhen::kAfterFirstReceived;
        pipeline_.apply(now_, std::move(install), out_);
    }

    Packet sealed(std::uint32_t customer, Bytes plain) {
        Packet message(kWireguardFraming.overhead + plain.size());
        WireguardFraming::write_header(message.data(), index_of(customer, counter_ % 4), counter_);
        crypto::aead_seal(crypto::AeadKey().secret, counter_++, {}, plain,
                          MutableBytes(message).subspan(WireguardFraming::kHeaderSize));
        return message;
    }

    void receive(Packet bytes, std::size_t segment_size) {
        received_ = std::move(bytes);
        const Train train{
            {counter_ % 2 == 0 ? 0U : 1U}, *parse_endpoint("192.0.2.9:9"), {}, traffic_class_, segment_size, received_};
        const Train both[] = {train, {{1 - train.listener.value}, train.from, {}, traffic_class_, segment_size, {}}};
        pipeline_.inbound(now_, both, out_);
    }

    void transmit(std::uint32_t customer, Bytes bytes) {
        Packet packet(bytes.begin(), bytes.end());
        pipeline_.outbound(now_, {customer}, packet, out_);
        pipeline_.finish(out_);
    }

    void check_output() {
        for (const TunWrite& write : out_.tun_writes) {
            WARREN_CHECK(write.customer.value < 2);
            std::size_t size = 0;
            std::uint32_t pieces = 1;
            const Piece* piece = &write.first;
            for (; piece->next != Piece::kLast; piece = &out_.pieces[piece->next]) {
                size += piece->bytes.size();
                ++pieces;
            }
            WARREN_CHECK(size + piece->bytes.size() <= 65'535);
            WARREN_CHECK(pieces == write.packets);
        }
        for (const EgressTrain& train : out_.trains) {
            WARREN_CHECK(train.session == nullptr);  // sealed
            WARREN_CHECK(train.size <= kDatagramMaximum);
            WARREN_CHECK(train.listener.value == train.customer.value);
            WARREN_CHECK(train.count == (train.size + train.segment_size - 1) / train.segment_size);
        }
        out_.clear();
    }

    std::unique_ptr<crypto::PacketAead> aead_;
    Pipeline pipeline_;
    Packet received_;
    Output out_;
    Instant now_{1'000'000'000'000};
    std::uint64_t counter_ = 0;
    std::uint8_t traffic_class_ = 0;
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
