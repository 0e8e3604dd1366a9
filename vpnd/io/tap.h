// One customer's packets, told to somebody who watches (`vpnctl capture`). Nothing of it is in the path of packets that
// nobody watches.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "vpnd/dataplane/framing/framing.h"

namespace warren::io {

// A packet inside, the datagram that carries it, or one of them alone. The bytes are the caller's.
struct TapRecord {
    bool is_outbound = false;  // from the stack to the network
    bool is_drop = false;
    const dataplane::Framing* framing = nullptr;  // of the datagram; null: not known
    dataplane::MessageHead head{};                // of the datagram
    std::string_view peer;                        // its name; "": not known
    Endpoint remote{};
    LocalAddress local{};
    std::uint16_t local_port = 0;
    std::uint8_t traffic_class = 0;
    Bytes inner{};
    Bytes outer{};
    std::string_view note;  // a DropReason by name, or what else is to say
};

// Where records go. Any thread, several at once; never waits.
class TapSink {
  public:
    virtual ~TapSink() = default;
    // False: there is no room, and it is counted.
    virtual bool take(const TapRecord& record) = 0;
    // So many packets had no room, and were not looked at.
    virtual void lose(std::uint64_t packets) = 0;
};

// What a data worker has to know of it. The data worker owns it.
struct Tap {
    // While there is no room, packets take the usual way for so long, before the sink is asked again.
    static constexpr Duration kShut = std::chrono::milliseconds(2);

    CustomerIndex customer;
    std::vector<PeerIndex> only;  // empty: all peers
    std::unordered_map<PeerIndex, std::string> names;
    std::unordered_map<ListenerIndex, std::uint16_t> ports;  // of the customer's listeners
    std::shared_ptr<TapSink> sink;                           // the other workers' too
    Instant shut_until = kLongAgo;

    [[nodiscard]] bool wants(PeerIndex peer) const {
        return only.empty() || std::find(only.begin(), only.end(), peer) != only.end();
    }
    [[nodiscard]] std::string_view name_of(PeerIndex peer) const {
        const auto found = names.find(peer);
        return found == names.end() ? std::string_view() : found->second;
    }
    [[nodiscard]] std::uint16_t port_of(ListenerIndex listener) const {
        const auto found = ports.find(listener);
        return found == ports.end() ? std::uint16_t{0} : found->second;
    }
    void tell(Instant now, const TapRecord& record) {
        if (!sink->take(record)) shut_until = now + kShut;
    }
};

}  // namespace warren::io
