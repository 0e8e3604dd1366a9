#include "vpnd/ike/notify.h"

namespace warren::ike {

namespace {

constexpr std::uint8_t kPpkIdFixed = 2;  // RFC 8784 §5.1

template <std::unsigned_integral T>
std::vector<std::uint8_t> big_endian(T value) {
    std::vector<std::uint8_t> out(sizeof(T));
    store_be(out.data(), value);
    return out;
}

template <std::unsigned_integral T>
std::optional<T> number_in(Bytes bytes) {
    if (bytes.size() != sizeof(T)) return std::nullopt;
    return load_be<T>(bytes.data());
}

Notify about_child(NotifyType type, std::uint32_t esp_spi) {
    return {.type = type, .protocol = ProtocolId::kEsp, .spi = big_endian(esp_spi), .data = {}};
}

}  // namespace

Notify notify_of(NotifyType type, Bytes data) {
    return {.type = type, .protocol = ProtocolId::kNone, .spi = {}, .data = {data.begin(), data.end()}};
}

Notify notify_about(const Flaw& flaw) {
    const NotifyType type = notify_for(flaw).value_or(NotifyType::kInvalidSyntax);
    if (type == NotifyType::kUnsupportedCriticalPayload) {
        const auto payload = static_cast<std::uint8_t>(flaw.payload);  // RFC 7296 §2.5
        return notify_of(type, {&payload, 1});
    }
    return notify_of(type);
}

Notify invalid_ke_payload(KeyExchangeId ours) {
    return notify_of(NotifyType::kInvalidKePayload, big_endian(static_cast<std::uint16_t>(ours)));
}

Notify invalid_spi(std::uint32_t esp_spi) {
    return notify_of(NotifyType::kInvalidSpi, big_endian(esp_spi));
}

Notify rekey_sa(std::uint32_t esp_spi) {
    return about_child(NotifyType::kRekeySa, esp_spi);
}

Notify child_sa_not_found(std::uint32_t esp_spi) {
    return about_child(NotifyType::kChildSaNotFound, esp_spi);
}

Notify signature_hash_algorithms(std::span<const HashAlgorithmId> hashes) {
    Notify out = notify_of(NotifyType::kSignatureHashAlgorithms);
    for (const HashAlgorithmId hash : hashes) {
        const auto number = big_endian(static_cast<std::uint16_t>(hash));
        out.data.insert(out.data.end(), number.begin(), number.end());
    }
    return out;
}

Notify additional_address(const IpAddress& address) {
    return notify_of(address.is_v4() ? NotifyType::kAdditionalIp4Address : NotifyType::kAdditionalIp6Address,
                     address.bytes());
}

Notify auth_lifetime(std::chrono::seconds lifetime) {
    return notify_of(NotifyType::kAuthLifetime, big_endian(static_cast<std::uint32_t>(lifetime.count())));
}

Notify ppk_identity(Bytes identity) {
    Notify out = notify_of(NotifyType::kPpkIdentity, {&kPpkIdFixed, 1});
    out.data.insert(out.data.end(), identity.begin(), identity.end());
    return out;
}

std::optional<KeyExchangeId> wanted_method(const NotifyPayload& notify) {
    const auto number = number_in<std::uint16_t>(notify.data);
    if (!number) return std::nullopt;
    return static_cast<KeyExchangeId>(*number);
}

std::optional<std::uint32_t> esp_spi_of(const NotifyPayload& notify) {
    if (notify.protocol != ProtocolId::kEsp) return std::nullopt;
    return number_in<std::uint32_t>(notify.spi);
}

std::optional<std::uint32_t> invalid_spi_of(const NotifyPayload& notify) {
    return number_in<std::uint32_t>(notify.data);
}

std::optional<Bytes> cookie_of(const NotifyPayload& notify) {
    const std::size_t least = notify.type == NotifyType::kCookie2 ? 8 : 1;
    if (notify.data.size() < least || notify.data.size() > 64) return std::nullopt;
    return notify.data;
}

std::optional<std::array<std::uint8_t, 20>> nat_hash_of(const NotifyPayload& notify) {
    if (notify.data.size() != 20) return std::nullopt;
    return ByteReader(notify.data).array<20>();
}

std::optional<std::uint32_t> hashes_of(const NotifyPayload& notify) {
    if (notify.data.size() % 2 != 0) return std::nullopt;
    std::uint32_t known = 0;
    for (ByteReader reader(notify.data); !reader.rest().empty();) {
        const auto hash = reader.be<std::uint16_t>();
        const bool is_known = hash >= static_cast<std::uint16_t>(HashAlgorithmId::kSha1) &&
                              hash <= static_cast<std::uint16_t>(HashAlgorithmId::kIdentity);
        if (is_known) known |= 1U << hash;
    }
    return known;
}

std::optional<IpAddress> additional_address_of(const NotifyPayload& notify) {
    const std::size_t size = notify.type == NotifyType::kAdditionalIp4Address ? 4 : 16;
    if (notify.data.size() != size) return std::nullopt;
    return IpAddress::from_bytes(notify.data);
}

std::optional<std::chrono::seconds> auth_lifetime_of(const NotifyPayload& notify) {
    const auto seconds = number_in<std::uint32_t>(notify.data);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(*seconds);
}

std::optional<Bytes> ppk_identity_of(const NotifyPayload& notify) {
    if (notify.data.size() < 2 || notify.data[0] != kPpkIdFixed) return std::nullopt;
    return notify.data.subspan(1);
}

}  // namespace warren::ike
