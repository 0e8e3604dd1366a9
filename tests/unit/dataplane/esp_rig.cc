#include "esp_rig.h"

#include <doctest/doctest.h>

#include "vpnd/dataplane/framing/esp.h"

namespace warren::dataplane::test {

namespace {

crypto::AeadKey key_of(const Sa& sa, std::uint8_t direction) {
    crypto::AeadKey key;
    key.suite = sa.suite;
    store_be(key.secret.writable().data(), sa.spi);
    key.secret.writable()[31] = direction;
    key.secret.writable()[15] = direction;
    if (is_cbc(sa.suite)) {
        key.integrity = std::make_unique<crypto::Secret<64>>();
        key.integrity->writable()[0] = direction;
        store_be(key.integrity->writable().data() + 1, sa.spi);
    }
    store_be(key.salt.data(), ~sa.spi);
    return key;
}

// With AES-CBC the number's high half comes last (RFC 4303 §2.8).
Packet associated_of(const Sa& sa, std::uint32_t spi, std::uint64_t sequence) {
    Packet out(sa.esn ? 12 : 8);
    store_be(out.data(), spi);
    if (sa.esn && is_cbc(sa.suite)) {
        store_be(out.data() + 4, static_cast<std::uint32_t>(sequence));
        store_be(out.data() + 8, static_cast<std::uint32_t>(sequence >> 32));
    } else if (sa.esn) {
        store_be(out.data() + 4, sequence);
    } else {
        store_be(out.data() + 4, static_cast<std::uint32_t>(sequence));
    }
    return out;
}

}  // namespace

EspRig::EspRig() {
    pipeline->put_listener({kEspListener}, kEspFraming);
    listener = kEspListener;
    put({.listener = kEspListener});
    set_endpoint(0, "198.51.100.7:1111");
}

InstallSession EspRig::session_of(const Sa& sa) const {
    InstallSession session;
    session.local_id = {sa.spi};
    session.remote_id = sa.remote_spi();
    session.peer = {sa.peer};
    session.listener = {kEspListener};
    session.send_key = key_of(sa, 'o');
    session.receive_key = key_of(sa, 'i');
    session.created = now;
    session.lifetime.hard.age = std::chrono::hours(1);
    session.send_when = SendWhen::kNow;
    session.first_counter = 1;
    session.has_extended_sequence = sa.esn;
    return session;
}

Packet EspRig::seal(const Sa& sa, std::uint64_t sequence, Bytes packet, const Trailer& trailer) {
    Packet text(packet.begin(), packet.end());
    text.resize(text.size() + trailer.tfc);
    const std::size_t alignment = is_cbc(sa.suite) ? 16 : 4;
    const std::size_t padding = (alignment - (text.size() + 2) % alignment) % alignment + trailer.more_padding;
    for (std::size_t i = 1; i <= padding; ++i) text.push_back(static_cast<std::uint8_t>(i));
    if (trailer.wrong_byte != 0) text[text.size() - padding + trailer.wrong_byte - 1] ^= 0x80;
    text.push_back(trailer.pad_length.value_or(static_cast<std::uint8_t>(padding)));
    text.push_back(trailer.next_header.value_or(packet.empty() || packet[0] >> 4 == 4 ? 4 : 41));

    const std::size_t iv_size = is_cbc(sa.suite) ? 16 : 8;
    Packet message(8 + iv_size + text.size() + tag_size_of(sa.suite));
    store_be(message.data(), sa.spi);
    store_be(message.data() + 4, static_cast<std::uint32_t>(sequence));
    store_be(message.data() + 8, sequence ^ 0x5a5a'0000'0000'0000);  // an IV is any number that is used once
    crypto::suite_seal(key_of(sa, 'i'), load_le<std::uint64_t>(message.data() + 8), associated_of(sa, sa.spi, sequence),
                       text, MutableBytes(message).subspan(is_cbc(sa.suite) ? 8 : 16));
    return message;
}

std::optional<Packet> EspRig::open(const Sa& sa, std::uint64_t sequence, Bytes message) {
    const std::size_t alignment = is_cbc(sa.suite) ? 16 : 4;
    const std::size_t overhead = 8 + (is_cbc(sa.suite) ? 16 : 8) + tag_size_of(sa.suite);
    if (message.size() <= overhead || (message.size() - overhead) % alignment != 0) return std::nullopt;
    if (load_be<std::uint32_t>(message.data()) != sa.remote_spi()) return std::nullopt;
    if (load_be<std::uint32_t>(message.data() + 4) != static_cast<std::uint32_t>(sequence)) return std::nullopt;
    Packet text(message.size() - overhead);
    if (!crypto::suite_open(key_of(sa, 'o'), load_le<std::uint64_t>(message.data() + 8),
                            associated_of(sa, sa.remote_spi(), sequence), message.subspan(is_cbc(sa.suite) ? 8 : 16),
                            text))
        return std::nullopt;
    const std::uint8_t next_header = text.back();
    const std::size_t padding = text[text.size() - 2];
    if (padding >= alignment || next_header != (text[0] >> 4 == 4 ? 4 : 41)) return std::nullopt;
    text.resize(text.size() - 2);
    for (std::size_t i = padding; i > 0; --i) {
        if (text.back() != i) return std::nullopt;
        text.pop_back();
    }
    return text;
}

std::vector<Packet> EspRig::take(const Packet& message) {
    receive(message);
    std::vector<Packet> packets;
    for (Delivered& one : delivered()) packets.push_back(std::move(one.packet));
    return packets;
}

Packet from_peer(const char* source, const char* destination) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination);
    return udp_packet(fields, 1000, 2000, Packet(5, 'x'));
}

Packet to_peer(const char* destination, const char* source) {
    IpFields fields;
    fields.source = *parse_ip(source);
    fields.destination = *parse_ip(destination);
    return udp_packet(fields, 2000, 1000, Packet(5, 'y'));
}

}  // namespace warren::dataplane::test
