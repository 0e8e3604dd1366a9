// ESP in UDP on port 4500 (RFC 4303, RFC 3948): SPI, sequence number, IV, sealed packet with its trailer, ICV. IKE
// shares the port, behind four zero bytes.
#pragma once

#include <algorithm>

#include "base/bytes.h"
#include "base/ids.h"
#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/framing/ike.h"
#include "vpnd/dataplane/session.h"

namespace warren::dataplane {

// What the sizes of a message depend on.
struct EspSizes {
    bool is_cbc = false;
    std::uint32_t iv = 8;
    std::uint32_t icv = 16;
    std::uint32_t alignment = 4;  // of the text: RFC 4303 §2.4, or the cipher's block
};
// AES-CBC with an HMAC of this many bytes (RFC 3602, RFC 4868).
constexpr EspSizes esp_cbc_sizes(std::uint32_t icv) {
    return {.is_cbc = true, .iv = 16, .icv = icv, .alignment = 16};
}

namespace esp {

// IANA protocol numbers, in the trailer's next header.
inline constexpr std::uint8_t kIpV4 = 4;
inline constexpr std::uint8_t kIpV6 = 41;
inline constexpr std::uint8_t kDummy = 59;  // RFC 4303 §2.6

inline constexpr std::uint32_t kSpiAndSequence = 8;
inline constexpr std::uint32_t kTrailer = 2;  // pad length, next header
// Without extended sequence numbers none is used twice (RFC 4303 §3.3.3).
inline constexpr std::uint64_t kSequences = std::uint64_t{1} << 32;

// The counter whose low half `sequence` is. With extended sequence numbers it is the one that is not behind the window:
// what is, is taken for one far ahead, and not authentic then (RFC 4303 App. A2.2).
[[nodiscard]] inline std::uint64_t widen(const Session& session, std::uint64_t sequence) {
    if (!session.has_extended_sequence) return sequence;
    const std::uint64_t newest = session.received.newest();
    const std::uint64_t bottom = newest - std::min(newest, session.received.size());
    return bottom + static_cast<std::uint32_t>(sequence - bottom);
}

// The inner packet of a text that was authentic: its padding must be 1, 2, 3 and so on (RFC 4303 §2.4), and it be of
// the family that the next header says. More padding may follow the packet inside the text (§2.7).
[[nodiscard]] Checked<MutableBytes> trim(MutableBytes text);
// Writes the trailer of an inner packet (RFC 4303 §2.4).
void pad(std::uint8_t* text, std::size_t size, std::size_t padded);
// Brings a session within what ESP allows, and names the form of its messages. Null: ESP has no such keys.
[[nodiscard]] const Framing* form_of(InstallSession& install);

}  // namespace esp

template <EspSizes kSizes>
struct EspFraming {
    static constexpr std::string_view kName = "esp";
    static constexpr DropReason kMalformed = DropReason::kEspMalformed;
    static constexpr DropReason kUnknownSession = DropReason::kSpiUnknown;
    static_assert(kSizes.iv == (kSizes.is_cbc ? 16 : 8));
    static constexpr std::uint32_t kHeaderSize = esp::kSpiAndSequence + kSizes.iv;
    static constexpr std::uint32_t kTrailerSize = kSizes.icv;
    static constexpr std::uint32_t kInnerMaximum =
        (kDatagramMaximum - kHeaderSize - kTrailerSize) / kSizes.alignment * kSizes.alignment - esp::kTrailer;
    static constexpr bool kHasEmptyMessages = false;
    // IKE messages with a responder's SPI, 8 bytes behind marker and initiator's SPI, are no stranger's first.
    static constexpr std::array<SolicitedMessage, 1> kSolicited{{{0, 12, 2}}};
    // The SPI is big-endian: its least significant byte, with the worker's bits, comes last.
    static constexpr Steering kSteering{.word = 0, .word_means_data = false, .worker_byte = 3, .solicited = kSolicited};

    [[nodiscard]] static MessageHead parse(Bytes message) {
        constexpr std::uint8_t kKeepalive = 0xff;  // RFC 3948 §2.3
        if (message.size() == 1 && message[0] == kKeepalive) return {.kind = MessageKind::kIgnored};
        if (message.size() < esp::kSpiAndSequence) return {};
        const auto spi = load_be<std::uint32_t>(message.data());
        if (spi == 0) return IkeFraming::parse(message.subspan(sizeof spi));  // the marker, RFC 3948 §2.2
        if (spi < SessionId::kLeast) return {};
        return {load_be<std::uint32_t>(message.data() + 4), SessionId{spi}, MessageKind::kData};
    }

    static const Framing* form_of(InstallSession& install) { return esp::form_of(install); }

    // A sequence number of zero is never sent; with extended ones the low half may be (RFC 4303 §3.3.3).
    [[nodiscard]] static Checked<std::uint64_t> counter_of(const Session& session, std::uint64_t sequence,
                                                           std::size_t size) {
        constexpr std::size_t kOverhead = kHeaderSize + kTrailerSize;
        if (size <= kOverhead || (size - kOverhead) % kSizes.alignment != 0) return drop(DropReason::kEspMalformed);
        const std::uint64_t counter = esp::widen(session, sequence);
        if (counter == 0) return drop(DropReason::kEspMalformed);
        return counter;
    }

    static void begin_open(const Session& session, std::uint64_t counter, Bytes message, crypto::AeadJob& job) {
        if constexpr (!kSizes.is_cbc) job.iv = load_le<std::uint64_t>(message.data() + esp::kSpiAndSequence);
        associate(message.data(), session, counter, job);
    }

    [[nodiscard]] static Checked<MutableBytes> trim(MutableBytes text) { return esp::trim(text); }

    [[nodiscard]] static std::size_t padded_size(std::size_t size, std::size_t /*mtu*/) {
        return (size + esp::kTrailer + kSizes.alignment - 1) / kSizes.alignment * kSizes.alignment;
    }
    static void pad(std::uint8_t* text, std::size_t size, std::size_t padded) { esp::pad(text, size, padded); }

    // The counter is an AEAD's IV (RFC 4106 §3.1, RFC 7634 §2); of it AES-CBC's is made, which nobody foresees.
    static void write_header(std::uint8_t* header, const Session& session, std::uint64_t counter,
                             crypto::AeadJob& job) {
        store_be(header, session.remote_id);
        store_be(header + 4, static_cast<std::uint32_t>(counter));
        if constexpr (kSizes.is_cbc) {
            job.iv = counter;
        } else {
            store_be(header + esp::kSpiAndSequence, counter);
            job.iv = load_le<std::uint64_t>(header + esp::kSpiAndSequence);
        }
        associate(header, session, counter, job);
    }

  private:
    // SPI and sequence number, the extended one in full (RFC 4106 §5). Of AES-CBC the header is authentic where it is,
    // and the high half of an extended number behind the text (RFC 4303 §2.8).
    static void associate(const std::uint8_t* header, const Session& session, std::uint64_t counter,
                          crypto::AeadJob& job) {
        if constexpr (kSizes.is_cbc) {
            store_be(job.associated.data(), static_cast<std::uint32_t>(counter >> 32));
            job.associated_size = session.has_extended_sequence ? 4 : 0;
            return;
        }
        std::copy_n(header, 4, job.associated.begin());
        if (session.has_extended_sequence) {
            store_be(job.associated.data() + 4, counter);
            job.associated_size = 12;
        } else {
            store_be(job.associated.data() + 4, static_cast<std::uint32_t>(counter));
            job.associated_size = 8;
        }
    }
};

// AES-GCM and ChaCha20-Poly1305; also what the port's messages are told apart by.
inline constexpr const Framing& kEspFraming = kFramingOf<EspFraming<EspSizes{}>>;
template <std::uint32_t kIcv>
inline constexpr const Framing& kEspCbcFraming = kFramingOf<EspFraming<esp_cbc_sizes(kIcv)>>;

}  // namespace warren::dataplane
