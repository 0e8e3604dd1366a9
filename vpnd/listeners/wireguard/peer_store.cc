#include "vpnd/listeners/wireguard/peer_store.h"

#include <algorithm>
#include <array>
#include <utility>

namespace warren::vpnd {

namespace {

using wireguard::LastKnown;

// The value, integers little-endian but for the first, by which it is ranked: time of the latest handshake (8, so that
// the longest absent goes first; 1 when there was none), flags (1), 3 of padding, hash of the configured endpoint (4),
// endpoint: address (16), port (2), 2 of padding, scope (4), local address (16), check of all before and the name (4).
constexpr std::size_t kRankSize = kPeersForm.rank_size;
constexpr std::size_t kCheckAt = 56;
constexpr std::size_t kValueSize = kCheckAt + sizeof(std::uint32_t);
static_assert(kPeersForm.value_size == kValueSize);
enum Flag : unsigned { kHasEndpoint = 1, kRemoteIsV6 = 2, kHasLocal = 4, kLocalIsV6 = 8, kHasSession = 16 };

using Value = std::array<std::uint8_t, kValueSize>;

crypto::Hash name_of(const crypto::PublicKey& listener, const crypto::PublicKey& peer) {
    return crypto::blake2s({listener.bytes, peer.bytes});
}

std::uint32_t hash_of(const std::optional<Endpoint>& configured) {
    if (!configured) return 0;
    return load_le<std::uint32_t>(crypto::blake2s({as_bytes(to_string(*configured))}).data());
}

void put_address(const IpAddress& address, std::uint8_t* at) {
    std::copy(address.octets.begin(), address.octets.end(), at);
}

IpAddress address_at(const std::uint8_t* at, bool is_v6) {
    IpAddress out;
    out.family = is_v6 ? Family::kV6 : Family::kV4;
    std::copy_n(at, out.octets.size(), out.octets.begin());
    return out;
}

std::uint32_t check_of(const crypto::Hash& name, const Value& value) {
    return load_le<std::uint32_t>(crypto::blake2s({name, Bytes(value).first(kCheckAt)}).data());
}

bool is_sound(const crypto::Hash& name, const Value& value) {
    return load_le<std::uint32_t>(value.data() + kCheckAt) == check_of(name, value);
}

Value encode(const crypto::Hash& name, const LastKnown& kept, std::uint32_t configured) {
    Value value{};
    store_be(value.data(), static_cast<std::uint64_t>(std::max<std::int64_t>(kept.latest_handshake.nanoseconds, 1)));
    unsigned flags = kept.has_session ? kHasSession : 0U;
    store_le(value.data() + 12, configured);
    if (kept.endpoint) {
        flags |= kHasEndpoint | (kept.endpoint->address.is_v4() ? 0U : kRemoteIsV6);
        put_address(kept.endpoint->address, value.data() + 16);
        store_le(value.data() + 32, kept.endpoint->port);
        store_le(value.data() + 36, kept.endpoint->scope_id);
    }
    if (!kept.local.address.is_unspecified()) {
        flags |= kHasLocal | (kept.local.address.is_v4() ? 0U : kLocalIsV6);
        put_address(kept.local.address, value.data() + 40);
    }
    value[8] = static_cast<std::uint8_t>(flags);
    store_le(value.data() + kCheckAt, check_of(name, value));
    return value;
}

LastKnown decode(const Value& value) {
    LastKnown kept;
    const auto handshake = static_cast<std::int64_t>(load_be<std::uint64_t>(value.data()));
    kept.latest_handshake.nanoseconds = handshake == 1 ? 0 : handshake;
    const unsigned flags = value[8];
    kept.has_session = (flags & kHasSession) != 0;
    if ((flags & kHasEndpoint) != 0) {
        kept.endpoint = Endpoint{address_at(value.data() + 16, (flags & kRemoteIsV6) != 0),
                                 load_le<std::uint16_t>(value.data() + 32), load_le<std::uint32_t>(value.data() + 36)};
    }
    if ((flags & kHasLocal) != 0) kept.local.address = address_at(value.data() + 40, (flags & kLocalIsV6) != 0);
    return kept;
}

}  // namespace

Result<PeerStore> PeerStore::open(UniqueFd file) {
    auto opened = SlotFile::open(std::move(file), kPeersForm);
    if (!opened) return tl::unexpected<Error>(opened.error());
    PeerStore store;
    store.file_ = std::move(*opened);
    return store;
}

std::optional<LastKnown> PeerStore::find(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                                         const std::optional<Endpoint>& configured) const {
    const crypto::Hash name = name_of(listener, peer);
    Value value{};
    if (!file_.find(name, value) || !is_sound(name, value)) return std::nullopt;
    LastKnown kept = decode(value);
    if (load_le<std::uint32_t>(value.data() + 12) != hash_of(configured)) {
        kept.endpoint.reset();
        kept.local = {};
    }
    return kept;
}

Status PeerStore::store(const crypto::PublicKey& listener, const crypto::PublicKey& peer,
                        const std::optional<Endpoint>& configured, const LastKnown& kept) {
    const crypto::Hash name = name_of(listener, peer);
    const Value value = encode(name, kept, hash_of(configured));
    Value present{};
    if (file_.find(name, present) && is_sound(name, present) &&
        std::equal(value.begin() + kRankSize, value.begin() + kCheckAt, present.begin() + kRankSize)) {
        const auto step = static_cast<std::uint64_t>(kHandshakeStep.count());
        const auto before = load_be<std::uint64_t>(present.data());
        const auto now = load_be<std::uint64_t>(value.data());
        if (now >= before && now - before < step) return {};
    }
    return file_.store(name, value);
}

Status PeerStore::forget(const crypto::PublicKey& listener, const crypto::PublicKey& peer) {
    return file_.erase(name_of(listener, peer));
}

}  // namespace warren::vpnd
