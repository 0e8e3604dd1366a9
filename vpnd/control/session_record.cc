#include "vpnd/control/session_record.h"

#include <algorithm>

#include "crypto/blake2s.h"

namespace warren::control {

namespace {

using dataplane::KeptSession;

constexpr std::size_t kCheckSize = 8;
constexpr std::uint8_t kLastSuite = static_cast<std::uint8_t>(crypto::AeadSuite::kAes256Gcm);

std::array<std::uint8_t, kCheckSize> check_of(Bytes part) {
    const auto mac = crypto::blake2s_mac(as_bytes("warren kept session"), {part.first(part.size() - kCheckSize)});
    std::array<std::uint8_t, kCheckSize> out{};
    std::copy_n(mac.begin(), out.size(), out.begin());
    return out;
}
void seal(MutableBytes part) {
    const auto check = check_of(part);
    std::copy(check.begin(), check.end(), part.end() - kCheckSize);
}
bool is_sound(Bytes part) {
    return std::ranges::equal(check_of(part), part.last(kCheckSize));
}

void write_address(ByteWriter& out, const IpAddress& address) {
    out.le(static_cast<std::uint8_t>(address.family));
    out.bytes(address.octets);
}
std::optional<IpAddress> read_address(ByteReader& in) {
    const auto family = in.le<std::uint8_t>();
    const auto octets = in.array<16>();
    if (family > static_cast<std::uint8_t>(Family::kV6)) return std::nullopt;
    return IpAddress::from_bytes(Bytes(octets).first(family == static_cast<std::uint8_t>(Family::kV4) ? 4 : 16));
}

void write_key(ByteWriter& out, const crypto::AeadKey& key) {
    out.bytes(key.secret.reveal());
    out.bytes(key.salt);
    out.le(static_cast<std::uint8_t>(key.suite));
}
bool read_key(ByteReader& in, crypto::AeadKey& key) {
    const Bytes secret = in.take(crypto::Secret<32>::kSize);
    key.salt = in.array<4>();
    const auto suite = in.le<std::uint8_t>();
    if (!in.ok() || suite > kLastSuite) return false;
    key.secret = crypto::Secret<32>(std::span<const std::uint8_t, 32>(secret.data(), secret.size()));
    key.suite = static_cast<crypto::AeadSuite>(suite);
    return true;
}

PeerPlace read_place(const KeptSession& slot) {
    PeerPlace place;
    if (!is_sound(slot.endpoint)) return place;
    ByteReader in(slot.endpoint);
    const bool is_known = in.le<std::uint8_t>() == 1;
    const auto remote = read_address(in);
    const auto port = in.le<std::uint16_t>();
    const auto scope = in.le<std::uint32_t>();
    const auto local = read_address(in);
    const auto interface_index = in.le<std::uint32_t>();
    const auto configured = in.le<std::uint64_t>();
    if (!is_known || !remote || !local) return place;
    place.remote = Endpoint{*remote, port, scope};
    place.local = {*local, interface_index};
    place.configured = configured;
    return place;
}

}  // namespace

std::uint64_t digest_of(const std::optional<Endpoint>& configured) {
    if (!configured) return 0;
    return load_le<std::uint64_t>(crypto::blake2s({as_bytes(to_string(*configured))}).data());
}

void write(const PeerName& peer, const dataplane::InstallSession& session, const PeerPlace& place, KeptSession& slot,
           bool with_keys) {
    const crypto::AeadKey none;
    slot.wipe();
    slot.reserved.store(session.first_counter);
    ByteWriter out(slot.record);
    write_key(out, with_keys ? session.send_key : none);
    write_key(out, with_keys ? session.receive_key : none);
    out.bytes(peer);
    out.le(session.local_id.value);
    out.le(session.remote_id);
    out.le(static_cast<std::uint64_t>(session.created.nanoseconds));
    out.le(static_cast<std::uint8_t>(session.is_initiator));
    seal(slot.record);
    write_place(place, slot);
    slot.state.store(KeptSession::kUsed, std::memory_order_release);
}

void write_place(const PeerPlace& place, KeptSession& slot) {
    const Endpoint remote = place.remote.value_or(Endpoint{});
    ByteWriter out(slot.endpoint);
    out.le(static_cast<std::uint8_t>(place.remote.has_value()));
    write_address(out, remote.address);
    out.le(remote.port);
    out.le(remote.scope_id);
    write_address(out, place.local.address);
    out.le(place.local.interface_index);
    out.le(place.configured);
    seal(slot.endpoint);
}

std::optional<SessionRecord> read(KeptSession& slot) {
    if (slot.state.load(std::memory_order_acquire) != KeptSession::kUsed) return std::nullopt;
    const auto reserved = slot.reserved.load();
    const auto received = slot.received.load();
    if (!reserved || !received || !is_sound(slot.record)) return std::nullopt;
    SessionRecord record;
    ByteReader in(slot.record);
    if (!read_key(in, record.send_key) || !read_key(in, record.receive_key)) return std::nullopt;
    record.peer = in.array<std::tuple_size_v<PeerName>>();
    record.local_id = {in.le<std::uint32_t>()};
    record.remote_id = in.le<std::uint32_t>();
    record.created = {static_cast<std::int64_t>(in.le<std::uint64_t>())};
    record.is_initiator = in.le<std::uint8_t>() == 1;
    if (record.local_id.value < SessionId::kLeast) return std::nullopt;
    record.first_counter = *reserved;
    record.has_received = *received != 0;
    record.place = read_place(slot);
    record.kept = &slot;
    return record;
}

}  // namespace warren::control
