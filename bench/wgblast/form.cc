#include "bench/wgblast/form.h"

#include <algorithm>

#include "vpnd/dataplane/framing/esp.h"
#include "vpnd/dataplane/framing/wireguard.h"

namespace warren::bench {

namespace {

using dataplane::WireguardFraming;
using Esp = dataplane::EspFraming<dataplane::EspSizes{}>;

constexpr std::size_t kTunnelMtu = 1420;
constexpr std::uint32_t kWireguardData = 4;
static_assert(kMessageHeader == WireguardFraming::kHeaderSize && kMessageHeader == Esp::kHeaderSize);
static_assert(crypto::kTagSize == WireguardFraming::kTrailerSize && crypto::kTagSize == Esp::kTrailerSize);

std::size_t text_size(Protocol protocol, std::size_t inner) {
    return protocol == Protocol::kIpsec ? Esp::padded_size(inner, 0) : WireguardFraming::padded_size(inner, kTunnelMtu);
}

// What is authentic of ESP's header (RFC 4106 §5), and its IV.
void associate(const Session& session, std::uint64_t counter, const std::uint8_t* message, crypto::AeadJob& job) {
    std::copy_n(message, 4, job.associated.begin());
    job.iv = load_le<std::uint64_t>(message + dataplane::esp::kSpiAndSequence);
    if (session.has_extended_sequence) {
        store_be(job.associated.data() + 4, counter);
        job.associated_size = 12;
    } else {
        store_be(job.associated.data() + 4, static_cast<std::uint32_t>(counter));
        job.associated_size = 8;
    }
}

}  // namespace

std::size_t message_size(Protocol protocol, std::size_t inner) {
    return text_size(protocol, inner) + kMessageOverhead;
}

bool is_data(Protocol protocol, Bytes datagram) {
    if (datagram.size() < kMessageOverhead) return false;
    if (protocol == Protocol::kWireguard) return load_le<std::uint32_t>(datagram.data()) == kWireguardData;
    return load_be<std::uint32_t>(datagram.data()) != 0;  // the marker of IKE (RFC 3948 §2.2)
}

std::uint32_t session_of(Protocol protocol, Bytes message) {
    return protocol == Protocol::kWireguard ? load_le<std::uint32_t>(message.data() + 4)
                                            : load_be<std::uint32_t>(message.data());
}

void write_header(Protocol protocol, const Session& session, std::uint64_t counter, std::uint8_t* message) {
    if (protocol == Protocol::kWireguard) return WireguardFraming::write_header(message, session.remote_id, counter);
    store_be(message, session.remote_id);
    store_be(message + 4, static_cast<std::uint32_t>(counter));
    store_be(message + dataplane::esp::kSpiAndSequence, counter);
}

crypto::AeadJob prepare(Protocol protocol, Session& session, std::uint8_t* message, std::size_t inner) {
    const std::size_t size = text_size(protocol, inner);
    const std::uint64_t counter = session.counter++;
    crypto::AeadJob job;
    job.key = &session.send_key;
    job.text = message + kMessageHeader;
    job.size = static_cast<std::uint32_t>(size);
    write_header(protocol, session, counter, message);
    if (protocol == Protocol::kWireguard) {
        job.iv = counter;
        std::fill(job.text + inner, job.text + size, std::uint8_t{0});
        return job;
    }
    associate(session, counter, message, job);
    const std::size_t padding = size - inner - dataplane::esp::kTrailer;
    for (std::size_t i = 0; i < padding; ++i) job.text[inner + i] = static_cast<std::uint8_t>(i + 1);
    job.text[size - 2] = static_cast<std::uint8_t>(padding);
    job.text[size - 1] = dataplane::esp::kIpV4;
    return job;
}

bool open(Protocol protocol, crypto::PacketAead& aead, const Session& session, Bytes message,
          std::vector<std::uint8_t>& packet) {
    packet.assign(message.begin() + kMessageHeader, message.end());
    crypto::AeadJob job;
    job.key = &session.receive_key;
    job.text = packet.data();
    job.size = static_cast<std::uint32_t>(packet.size() - crypto::kTagSize);
    if (protocol == Protocol::kWireguard) {
        job.iv = load_le<std::uint64_t>(message.data() + 8);
    } else {
        associate(session, load_be<std::uint32_t>(message.data() + 4), message.data(), job);
    }
    aead.open(std::span(&job, 1));
    packet.resize(job.size);
    if (!job.authentic || protocol == Protocol::kWireguard) return job.authentic;
    const auto trimmed = dataplane::esp::trim(packet);
    if (!trimmed) return false;
    packet.resize(trimmed->size());
    return true;
}

}  // namespace warren::bench
