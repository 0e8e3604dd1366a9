#include "ipc/config_messages.h"

#include "ipc/codec.h"

namespace warren::ipc {

template <>
struct LastOf<Holding::Kind> {
    static constexpr auto value = Holding::Kind::kCustomer;
};

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<Hello> auto& m) {
    codec(m.appliance, m.version, m.workers, m.log_level);
}
static void fields(auto& codec, Is<SetLogLevel> auto& m) {
    codec(m.level);
}
static void fields(auto& codec, Is<Holding> auto& m) {
    codec(m.kind, m.id, m.port, m.has_v6);
}
static void fields(auto& codec, Is<HoldingEnd> auto& m) {
    codec(m.generation, m.workers);
}
static void fields(auto& codec, Is<Begin> auto& m) {
    codec(m.generation, m.full);
}
static void fields(auto& codec, Is<PutListener> auto& m) {
    codec(m.id, m.port, m.private_key, m.has_sockets, m.has_v6);
}
static void fields(auto& codec, Is<PutCustomer> auto& m) {
    codec(m.id, m.name, m.listener, m.suspended, m.mtu, m.addresses, m.rate_up, m.rate_down, m.share, m.peer_count,
          m.has_tun, m.queues);
}
static void fields(auto& codec, Is<PutPeer> auto& m) {
    codec(m.name, m.public_key, m.preshared_key, m.allowed_ips, m.endpoint, m.persistent_keepalive_seconds, m.queue);
}
static void fields(auto& codec, Is<RemoveCustomer> auto& m) {
    codec(m.id);
}
static void fields(auto& codec, Is<RemoveListener> auto& m) {
    codec(m.id);
}
static void fields(auto& codec, Is<Commit> auto& m) {
    codec(m.generation);
}
static void fields(auto& codec, Is<Applied> auto& m) {
    codec(m.generation);
}
static void fields(auto& codec, Is<Rejected> auto& m) {
    codec(m.generation, m.reason);
}

Status encode(const ConfigMessage& message, std::vector<std::uint8_t>& wire) {
    wire.reserve(kMaxMessageSize);  // a vector that grows would leave copies of keys in freed memory
    return encode_variant(message, wire);
}

Result<ConfigMessage> decode(Bytes wire) {
    return decode_variant<ConfigMessage>(wire);
}

}  // namespace warren::ipc
