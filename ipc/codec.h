// How messages become bytes: each message lists its fields once, the writer and the reader walk the same list, so that
// encode and decode cannot drift apart. Layout: version (1 byte), position in the variant (1 byte), then the fields;
// integers little-endian, lengths and counts as u32.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "crypto/secret_buffer.h"
#include "ipc/channel.h"
#include "ipc/fields.h"

namespace warren::ipc {

// Change this version when a field changes: the ends of a channel may come from different builds.
inline constexpr std::uint8_t kWireVersion = 10;

// Appends fields to bytes. Never allocates beyond what the caller reserved for a message that fits.
class FieldWriter {
  public:
    explicit FieldWriter(std::vector<std::uint8_t>& wire) : wire_(wire) {}

    template <typename... Fields>
    void operator()(const Fields&... fields) {
        (put(fields), ...);
    }
    // False when the message grew beyond kMaxMessageSize.
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    void raw(Bytes bytes);

    template <std::unsigned_integral T>
    void put(T value) {
        std::array<std::uint8_t, sizeof(T)> bytes{};
        store_le(bytes.data(), value);
        raw(bytes);
    }
    void put(bool value) { put(static_cast<std::uint8_t>(value)); }
    template <Enumeration E>
    void put(E value) {
        put(static_cast<std::uint8_t>(value));
    }
    void put(const std::string& text) {
        put(static_cast<std::uint32_t>(text.size()));
        raw(as_bytes(text));
    }
    void put(const IpAddress& address) {
        put(address.family);
        raw(address.bytes());
    }
    void put(const Prefix& prefix) { (*this)(prefix.address, prefix.length); }
    void put(const Endpoint& endpoint) { (*this)(endpoint.address, endpoint.port, endpoint.scope_id); }
    void put(WallTime at) { put(static_cast<std::uint64_t>(at.nanoseconds)); }
    void put(const crypto::PublicKey& key) { raw(key.bytes); }
    void put(const crypto::PrivateKey& key) { raw(key.secret.reveal()); }
    void put(const crypto::PresharedKey& key) { raw(key.secret.reveal()); }
    void put(const crypto::SecretBuffer& secret) {
        put(static_cast<std::uint32_t>(secret.size()));
        raw(secret.reveal());
    }
    template <typename A, typename B>
    void put(const std::pair<A, B>& pair) {
        (*this)(pair.first, pair.second);
    }
    // A part of a message that has fields of its own.
    template <typename T>
    requires requires(FieldWriter& codec, const T& part) { fields(codec, part); }
    void put(const T& part) { fields(*this, part); }
    template <typename... Alternatives>
    void put(const std::variant<Alternatives...>& field) {
        put(static_cast<std::uint8_t>(field.index()));
        std::visit([this](const auto& alternative) { put(alternative); }, field);
    }
    template <typename T>
    void put(const std::optional<T>& field) {
        put(field.has_value());
        if (field) put(*field);
    }
    template <typename T>
    void put(const std::vector<T>& list) {
        put(static_cast<std::uint32_t>(list.size()));
        for (const T& element : list) put(element);
    }

    std::vector<std::uint8_t>& wire_;
    bool ok_ = true;
};

// Reads fields from untrusted bytes. After the first that is short or out of range, ok() is false and all others are
// left zero or empty.
class FieldReader {
  public:
    explicit FieldReader(Bytes wire) : reader_(wire) {}

    template <typename... Fields>
    void operator()(Fields&... fields) {
        (get(fields), ...);
    }
    // Everything was read, nothing was missing or out of range.
    [[nodiscard]] bool finished() const { return ok_ && reader_.finished(); }
    [[nodiscard]] bool ok() const { return ok_ && reader_.ok(); }

  private:
    // Reads an integer that must not be larger than `last`.
    std::uint8_t bounded(std::uint8_t last);
    // Reads a count of elements of at least one byte each; more than there are bytes left is refused before anything is
    // allocated.
    std::uint32_t count();

    template <std::unsigned_integral T>
    void get(T& value) {
        value = reader_.le<T>();
    }
    void get(bool& value) { value = bounded(1) == 1; }
    template <Enumeration E>
    void get(E& value) {
        value = static_cast<E>(bounded(static_cast<std::uint8_t>(LastOf<E>::value)));
    }
    void get(std::string& text);
    void get(IpAddress& address);
    void get(Prefix& prefix);
    void get(Endpoint& endpoint) { (*this)(endpoint.address, endpoint.port, endpoint.scope_id); }
    void get(WallTime& at) { at.nanoseconds = static_cast<std::int64_t>(reader_.le<std::uint64_t>()); }
    void get(crypto::PublicKey& key) { key.bytes = reader_.array<32>(); }
    void get(crypto::PrivateKey& key) { secret(key.secret); }
    void get(crypto::PresharedKey& key) { secret(key.secret); }
    void get(crypto::SecretBuffer& secret) { secret = crypto::SecretBuffer(reader_.take(count())); }
    void secret(crypto::Secret<32>& key);
    template <typename A, typename B>
    void get(std::pair<A, B>& pair) {
        (*this)(pair.first, pair.second);
    }
    template <typename T>
    requires requires(FieldReader& codec, T& part) { fields(codec, part); }
    void get(T& part) { fields(*this, part); }
    template <typename... Alternatives>
    void get(std::variant<Alternatives...>& field) {
        emplace<0>(field, bounded(sizeof...(Alternatives) - 1));
        std::visit([this](auto& alternative) { get(alternative); }, field);
    }
    template <std::size_t I, typename Variant>
    void emplace(Variant& field, std::uint8_t position) {
        if (I == position) field.template emplace<I>();
        if constexpr (I + 1 < std::variant_size_v<Variant>) emplace<I + 1>(field, position);
    }
    template <typename T>
    void get(std::optional<T>& field) {
        field.reset();
        if (bounded(1) == 1) get(field.emplace());
    }
    template <typename T>
    void get(std::vector<T>& list) {
        list.clear();
        const std::uint32_t size = count();
        for (std::uint32_t i = 0; i < size && ok(); ++i) get(list.emplace_back());
    }

    ByteReader reader_;
    bool ok_ = true;
};

// Encodes any variant whose alternatives have `fields(codec, message)`. Replaces the contents of `wire`.
template <typename Variant>
[[nodiscard]] Status encode_variant(const Variant& message, std::vector<std::uint8_t>& wire) {
    wire.clear();
    FieldWriter writer(wire);
    writer(kWireVersion, static_cast<std::uint8_t>(message.index()));
    std::visit([&writer](const auto& alternative) { fields(writer, alternative); }, message);
    if (!writer.ok()) return fail(ErrorCode::kInvalid, "message is larger than a channel carries");
    return {};
}

template <typename Variant>
[[nodiscard]] Result<Variant> decode_variant(Bytes wire) {
    FieldReader reader(wire);
    std::uint8_t version = 0;
    std::uint8_t position = 0;
    reader(version, position);
    if (!reader.ok()) return fail(ErrorCode::kInvalid, "message is too short");
    if (version != kWireVersion)
        return fail(ErrorCode::kInvalid, "message of version " + std::to_string(version) + " from another release");
    if (position >= std::variant_size_v<Variant>)
        return fail(ErrorCode::kInvalid, "unknown message type " + std::to_string(position));

    Variant message;
    const auto read_if = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
        if (I == position) fields(reader, message.template emplace<I>());
    };
    [&]<std::size_t... I>(std::index_sequence<I...>) {
        (read_if(std::integral_constant<std::size_t, I>()), ...);
    }
    (std::make_index_sequence<std::variant_size_v<Variant>>());
    if (!reader.finished()) return fail(ErrorCode::kInvalid, "malformed message of type " + std::to_string(position));
    return message;
}

}  // namespace warren::ipc
