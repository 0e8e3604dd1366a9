// The user memory that customers and peers cost in vpnd, by component.
//
//   bench-memory [--customers 10000] [--peers 10] [--sessions 10000]
//
// Puts a configuration into the customer set, the data plane and the engine, as vpnd does: customers without peers,
// then with peers, then with peers of which some get a session by a real handshake. Then it removes each component and
// reads how much the allocator gets back, in bytes with the allocator's headers. `bench/run READY` measures kernel
// memory. Prints one JSON document.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "crypto/aead.h"
#include "crypto/x25519.h"
#include "vpnd/customers/customer_set.h"
#include "vpnd/dataplane/pipeline.h"
#include "vpnd/wireguard/engine.h"

namespace warren::vpnd {
namespace {

double heap_in_use() {
    const struct mallinfo2 info = ::mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

class NoAead final : public crypto::PacketAead {
  public:
    void seal(std::span<crypto::AeadJob>) override {}
    void open(std::span<crypto::AeadJob>) override {}
};

Endpoint endpoint_of(std::uint32_t number) {
    return {IpAddress::v4(10, static_cast<std::uint8_t>(number >> 16), static_cast<std::uint8_t>(number >> 8),
                          static_cast<std::uint8_t>(number)),
            51820, 0};
}

struct Size {
    std::uint32_t customers = 0;
    std::uint32_t peers = 0;     // of each
    std::uint32_t sessions = 0;  // peers that have one
};

// Bytes of all customers and peers together.
struct Cost {
    double customer_set = 0;
    double engine = 0;
    double data_plane = 0;
    [[nodiscard]] double total() const { return customer_set + engine + data_plane; }
};

// The parts of vpnd that grow with customers and peers.
class House {
  public:
    explicit House(const Size& size) : size_(size) {
        auto changes = customers_->apply(generation());
        WARREN_CHECK(changes.has_value());
        for (Changes::SwapView& swap : changes->swap_views)
            pipeline_->swap_customer(std::move(swap.view), {.tcp = true, .udp = true});
        for (const Changes::PutPeer& put : changes->put_peers) engine_->put_peer(now_, config_of(put.peer), out_);
        for (std::uint32_t peer = 0; peer < size.sessions; ++peer) connect(peer);
        out_ = {};
    }

    Cost take_down() {
        Cost cost;
        cost.customer_set = given_back(customers_);
        cost.engine = given_back(engine_) + given_back(indexes_);
        cost.data_plane = given_back(pipeline_);
        return cost;
    }

  private:
    template <typename T>
    double given_back(std::unique_ptr<T>& part) {
        const double before = heap_in_use();
        part.reset();
        return before - heap_in_use();
    }

    // As vpnd/listeners/wireguard does.
    [[nodiscard]] wireguard::PeerConfig config_of(PeerIndex index) const {
        const auto [customer, peer] = customers_->find(index);
        wireguard::PeerConfig config;
        config.index = index;
        config.customer = customer->index;
        config.public_key = std::get<ipc::WireguardPeer>(peer->config.tunnel).public_key;
        return config;
    }

    Generation generation() {
        Generation made;
        made.number = 1;
        made.full = true;
        NewListener listener;
        listener.put.port = 51820;
        listener.put.settings = ipc::WireguardListener{key_.clone()};
        listener.sockets = {{{}}, std::vector<UniqueFd>(1)};
        made.listeners.push_back(std::move(listener));
        for (std::uint32_t i = 0; i < size_.customers; ++i) made.customers.push_back(customer(i));
        return made;
    }

    NewCustomer customer(std::uint32_t number) {
        NewCustomer made;
        made.put.settings.id = "customer-" + std::to_string(number);
        made.put.settings.name = "Customer number " + std::to_string(number);
        made.put.settings.addresses = {*parse_prefix("10.0.0.1/24")};
        made.put.peer_count = size_.peers;
        for (std::uint32_t i = 0; i < size_.peers; ++i) {
            ipc::PutPeer peer;
            peer.settings.name = "site-" + std::to_string(i);
            auto& tunnel = peer.tunnel.emplace<ipc::WireguardPeer>();
            random_.fill(tunnel.public_key.bytes);
            if (keys_.size() < size_.sessions) {
                keys_.push_back(crypto::generate_private_key(random_));
                tunnel.public_key = crypto::public_key_of(keys_.back());
            }
            peer.settings.allowed_ips = {*parse_prefix("10." + std::to_string(i + 1) + ".0.0/16")};
            made.peers.push_back(std::move(peer));
        }
        return made;
    }

    // Peers are added, and so numbered, in the order of keys_.
    void connect(std::uint32_t peer) {
        control::IndexTable indexes;
        wireguard::Engine client({0}, std::move(keys_[peer]), indexes, random_);
        wireguard::PeerConfig hub;
        hub.index = {0};
        hub.public_key = engine_->public_key();
        hub.endpoint = endpoint_of(0);
        wireguard::Output said;
        client.put_peer(now_, std::move(hub), said);
        client.handle_event(now_, dataplane::NeedSession{{0}}, said);
        out_.clear();
        engine_->handle_datagram(now_, {endpoint_of(peer), {}}, said.messages.at(0).view(), out_);
        const SessionId index{load_le<std::uint32_t>(out_.messages.at(0).bytes.data() + 4)};
        engine_->handle_event(now_, dataplane::SessionConfirmed{{peer}, index}, out_);
        dataplane::Output packets;
        for (wireguard::PostedCommand& posted : out_.commands)
            pipeline_->apply(now_.instant, std::move(posted.command), packets);
    }

    Size size_;
    crypto::SystemRandom random_;
    NoAead aead_;
    crypto::PrivateKey key_ = crypto::generate_private_key(random_);
    std::vector<crypto::PrivateKey> keys_;
    std::unique_ptr<CustomerSet> customers_ = std::make_unique<CustomerSet>(1);
    std::unique_ptr<dataplane::Pipeline> pipeline_ = std::make_unique<dataplane::Pipeline>(aead_);
    std::unique_ptr<control::IndexTable> indexes_ = std::make_unique<control::IndexTable>();
    std::unique_ptr<wireguard::Engine> engine_ =
        std::make_unique<wireguard::Engine>(ListenerIndex{0}, key_.clone(), *indexes_, random_);
    wireguard::Output out_;
    Now now_{Instant{1'000'000'000'000}, WallTime{1'800'000'000'000'000'000}};
};

void print(const char* name, const Cost& more, const Cost& less, double count, bool is_last) {
    std::printf("  \"%s\": {\"customer_set\": %.0f, \"engine\": %.0f, \"data_plane\": %.0f, \"total\": %.0f}%s\n", name,
                (more.customer_set - less.customer_set) / count, (more.engine - less.engine) / count,
                (more.data_plane - less.data_plane) / count, (more.total() - less.total()) / count, is_last ? "" : ",");
}

void measure(std::uint32_t customers, std::uint32_t peers, std::uint32_t sessions) {
    // Nothing is mapped outside the heap, so that one number includes everything.
    ::mallopt(M_MMAP_MAX, 0);
    const Cost empty = House({}).take_down();
    const Cost without_peers = House({customers, 0, 0}).take_down();
    const Cost idle = House({customers, peers, 0}).take_down();
    const Cost connected = House({customers, peers, sessions}).take_down();
    std::printf("{\n  \"customers\": %u, \"peers_of_each\": %u, \"sessions\": %u,\n", customers, peers, sessions);
    print("bytes_per_customer", without_peers, empty, customers, false);
    print("bytes_per_idle_peer", idle, without_peers, static_cast<double>(customers) * peers, false);
    print("bytes_more_with_a_session", connected, idle, sessions, true);
    std::printf("}\n");
}

}  // namespace
}  // namespace warren::vpnd

int main(int argc, char** argv) {
    std::uint32_t customers = 10'000;
    std::uint32_t peers = 10;
    std::uint32_t sessions = 10'000;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        const auto value = static_cast<std::uint32_t>(std::max(1UL, std::strtoul(argv[i + 1], nullptr, 10)));
        if (name == "--customers") customers = value;
        if (name == "--peers") peers = value;
        if (name == "--sessions") sessions = value;
    }
    warren::vpnd::measure(customers, peers, std::min(sessions, customers * peers));
    return 0;
}
