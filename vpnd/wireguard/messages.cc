#include "vpnd/wireguard/messages.h"

#include "base/check.h"

namespace warren::wireguard {

namespace {

constexpr std::size_t kMacSize = std::tuple_size_v<Mac>;

void write_type(ByteWriter& writer, MessageType type) {
    writer.le(static_cast<std::uint32_t>(type));
}

// A reader behind the type field, or nothing.
std::optional<ByteReader> open_message(Bytes datagram, MessageType type) {
    const Classified classified = classify(datagram);
    if (classified.misfit != Misfit::kNone || classified.type != type) return std::nullopt;
    return ByteReader(datagram.subspan(sizeof(std::uint32_t)));
}

Mac mac_at(Bytes message, std::size_t from_end) {
    WARREN_CHECK(message.size() >= from_end);
    return ByteReader(message.last(from_end)).array<kMacSize>();
}

}  // namespace

Classified classify(Bytes datagram) {
    ByteReader reader(datagram);
    const auto type = reader.le<std::uint32_t>();
    if (!reader.ok()) return {Misfit::kLength};
    switch (static_cast<MessageType>(type)) {
        case MessageType::kInitiation:
            return {datagram.size() == kInitiationSize ? Misfit::kNone : Misfit::kLength, MessageType::kInitiation};
        case MessageType::kResponse:
            return {datagram.size() == kResponseSize ? Misfit::kNone : Misfit::kLength, MessageType::kResponse};
        case MessageType::kCookieReply:
            return {datagram.size() == kCookieReplySize ? Misfit::kNone : Misfit::kLength, MessageType::kCookieReply};
        case MessageType::kData: break;
    }
    return {Misfit::kType};
}

std::optional<Initiation> parse_initiation(Bytes datagram) {
    auto reader = open_message(datagram, MessageType::kInitiation);
    if (!reader) return std::nullopt;
    Initiation message;
    message.sender = reader->le<std::uint32_t>();
    message.ephemeral = reader->array<32>();
    message.sealed_static = reader->array<48>();
    message.sealed_timestamp = reader->array<28>();
    return message;
}

std::optional<Response> parse_response(Bytes datagram) {
    auto reader = open_message(datagram, MessageType::kResponse);
    if (!reader) return std::nullopt;
    Response message;
    message.sender = reader->le<std::uint32_t>();
    message.receiver = reader->le<std::uint32_t>();
    message.ephemeral = reader->array<32>();
    message.sealed_nothing = reader->array<16>();
    return message;
}

std::optional<CookieReply> parse_cookie_reply(Bytes datagram) {
    auto reader = open_message(datagram, MessageType::kCookieReply);
    if (!reader) return std::nullopt;
    CookieReply message;
    message.receiver = reader->le<std::uint32_t>();
    message.nonce = reader->array<24>();
    message.sealed_cookie = reader->array<32>();
    return message;
}

void format(const Initiation& message, std::span<std::uint8_t, kInitiationSize> out) {
    ByteWriter writer(out);
    write_type(writer, MessageType::kInitiation);
    writer.le(message.sender);
    writer.bytes(message.ephemeral);
    writer.bytes(message.sealed_static);
    writer.bytes(message.sealed_timestamp);
    WARREN_CHECK(writer.ok() && writer.size() + 2 * kMacSize == kInitiationSize);
}

void format(const Response& message, std::span<std::uint8_t, kResponseSize> out) {
    ByteWriter writer(out);
    write_type(writer, MessageType::kResponse);
    writer.le(message.sender);
    writer.le(message.receiver);
    writer.bytes(message.ephemeral);
    writer.bytes(message.sealed_nothing);
    WARREN_CHECK(writer.ok() && writer.size() + 2 * kMacSize == kResponseSize);
}

void format(const CookieReply& message, std::span<std::uint8_t, kCookieReplySize> out) {
    ByteWriter writer(out);
    write_type(writer, MessageType::kCookieReply);
    writer.le(message.receiver);
    writer.bytes(message.nonce);
    writer.bytes(message.sealed_cookie);
    WARREN_CHECK(writer.ok() && writer.size() == kCookieReplySize);
}

Bytes before_mac1(Bytes message) {
    WARREN_CHECK(message.size() >= 2 * kMacSize);
    return message.first(message.size() - 2 * kMacSize);
}

Bytes before_mac2(Bytes message) {
    WARREN_CHECK(message.size() >= kMacSize);
    return message.first(message.size() - kMacSize);
}

Mac mac1_of(Bytes message) {
    return mac_at(message, 2 * kMacSize);
}

Mac mac2_of(Bytes message) {
    return mac_at(message, kMacSize);
}

}  // namespace warren::wireguard
