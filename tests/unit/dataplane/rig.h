// A pipeline with customers and peers, and the far ends of their tunnels, for tests.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "packets.h"
#include "vpnd/dataplane/pipeline.h"

namespace warren::dataplane::test {

inline constexpr Instant kStart{1'000'000'000'000};

// One packet as the stack would see it: from a TUN write, with super-packets split.
struct Delivered {
    CustomerIndex customer;
    Packet packet;
};
// One datagram as it would be on the uplink.
struct Sent {
    PeerIndex peer;
    ListenerIndex listener;
    Endpoint remote;
    LocalAddress local;
    std::uint8_t traffic_class = 0;
    Packet bytes;
};

class Rig {
  public:
    Rig();

    struct PeerSpec {
        std::uint32_t index;
        std::vector<const char*> allowed_ips;
    };
    struct CustomerSpec {
        std::uint32_t index = 0;
        std::uint32_t listener = 0;
        std::vector<const char*> addresses = {"10.0.0.1/24", "fd00:42::1/64"};
        std::vector<PeerSpec> peers = {{0, {"10.0.0.2/32", "10.1.0.0/16", "fd00:1::/64"}}};
        bool suspended = false;
        std::uint16_t mtu = 1420;
        std::uint64_t rate_up = 0;
        std::uint64_t rate_down = 0;
        std::vector<PeerLimit> limits = {};
        bool is_blocked = false;
        LineSettings emulate_up = {};
        LineSettings emulate_down = {};
        std::vector<PeerMaps> maps = {};
    };
    void put(const CustomerSpec& spec);

    // A session of `peer` with index `local_id` and WireGuard's limits; install() has it carried out.
    [[nodiscard]] InstallSession session(std::uint32_t peer, std::uint32_t local_id, bool is_initiator = true);
    void install(std::uint32_t peer, std::uint32_t local_id, bool confirmed, bool is_initiator = true);
    void set_endpoint(std::uint32_t peer, const char* endpoint);
    void apply(Command command);

    // A message from the far end of a session, `inner` padded and sealed.
    [[nodiscard]] Packet seal(std::uint32_t local_id, std::uint64_t counter, Bytes inner) const;
    // Takes it in as one datagram.
    void receive(Bytes datagram);
    void receive(std::vector<Packet> datagrams);
    // The stack's packet goes out: a bare packet, or one with an offload header.
    void transmit(std::uint32_t customer, Bytes packet);
    void transmit_super(std::uint32_t customer, Packet super_packet);
    void tick(std::size_t room = 1'000);
    // What waited for a customer's rate and may go now.
    void release();

    // The events since the last call.
    std::vector<Delivered> delivered();
    std::vector<Sent> sent();
    std::vector<Event> events();
    // The packet in a message that we sent on the session `local_id`; empty when it does not open. Padding included.
    [[nodiscard]] Packet open(std::uint32_t local_id, const Sent& sent) const;

    [[nodiscard]] std::uint64_t drops(DropReason reason, std::uint32_t customer = 0) const;
    [[nodiscard]] std::uint64_t own_drops(DropReason reason) const { return pipeline->own_drops().of(reason); }
    // All drops except those of the given reasons.
    [[nodiscard]] std::uint64_t all_drops(std::uint32_t customer = 0) const;
    [[nodiscard]] const TrafficCounters& traffic(std::uint32_t peer) const {
        return *pipeline->traffic(PeerIndex{peer});
    }

    template <typename T>
    static std::vector<T> only(const std::vector<Event>& events) {
        std::vector<T> out;
        for (const Event& event : events) {
            if (const T* const wanted = std::get_if<T>(&event)) out.push_back(*wanted);
        }
        return out;
    }

    std::unique_ptr<crypto::PacketAead> aead;
    std::unique_ptr<Pipeline> pipeline;
    Output out;  // destroyed before the pipeline
    Instant now = kStart;
    Endpoint from;            // the source of datagrams
    LocalAddress to;          // and their destination
    Endpoint initiated_from;  // of sessions that are installed unconfirmed
    std::uint32_t listener = 0;
    std::uint8_t traffic_class = 0;
    bool merges_udp = true;
    // From the last call, before they were split.
    std::size_t tun_writes = 0;
    std::size_t trains = 0;

  private:
    void collect();
    std::map<std::uint32_t, std::uint32_t> listener_of_peer_;
    std::vector<Delivered> delivered_;
    std::vector<Sent> sent_;
    std::vector<Event> events_;
};

// The bytes of one TUN write: offload header, then the packet.
Packet gather(const TunWrite& write, const Output& out);

}  // namespace warren::dataplane::test
