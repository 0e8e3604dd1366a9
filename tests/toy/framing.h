// A made-up protocol's messages, to show that the data plane knows none: ids and sequences big-endian, 32 bits of a
// 64-bit counter on the wire, AES-128-GCM with a salt and associated data, a trailer behind the packet.
//
//   id (4) | sequence (4) | IV (8) | packet, padding 1 2 3 ..., their number, next header | tag (16)
//
// A first word of zero is a control message, a single byte 0xff means nothing.
#pragma once

#include "vpnd/dataplane/framing/framing.h"
#include "vpnd/dataplane/session.h"

namespace warren::toy {

struct ToyFraming {
    static constexpr std::string_view kName = "toy";
    static constexpr std::uint32_t kHeaderSize = 16;
    static constexpr std::uint32_t kTrailerSize = crypto::kTagSize;
    static constexpr std::uint32_t kAlignment = 4;
    static constexpr std::uint32_t kTrailer = 2;  // pad length, next header
    static constexpr std::uint32_t kInnerMaximum = 60'000;
    static constexpr bool kHasEmptyMessages = false;
    static constexpr dataplane::Steering kSteering{.word = 0, .word_means_data = false, .worker_byte = 3};

    [[nodiscard]] static dataplane::MessageHead parse(Bytes message) {
        using dataplane::MessageKind;
        if (message.size() == 1 && message[0] == 0xff) return {.kind = MessageKind::kIgnored};
        if (message.size() < kHeaderSize) return {};
        const auto id = load_be<std::uint32_t>(message.data());
        if (id == 0) return {.kind = MessageKind::kControl};
        if (message.size() < kHeaderSize + kTrailer + kTrailerSize) return {};
        return {load_be<std::uint32_t>(message.data() + 4), SessionId{id}, MessageKind::kData};
    }

    [[nodiscard]] static dataplane::Checked<std::uint64_t> counter_of(const dataplane::Session& session,
                                                                      std::uint64_t sequence, std::size_t /*size*/) {
        return widen(session, sequence);
    }

    // The counter nearest to the newest received whose low half this is.
    [[nodiscard]] static std::uint64_t widen(const dataplane::Session& session, std::uint64_t sequence) {
        const std::uint64_t newest = session.received.newest();
        const std::uint64_t near = (newest & ~std::uint64_t{UINT32_MAX}) | sequence;
        constexpr std::uint64_t kHalf = std::uint64_t{1} << 31;
        constexpr std::uint64_t kWhole = std::uint64_t{1} << 32;
        if (near + kHalf < newest) return near + kWhole;
        if (near > newest + kHalf && near >= kWhole) return near - kWhole;
        return near;
    }

    static void begin_open(const dataplane::Session& /*session*/, std::uint64_t counter, Bytes message,
                           crypto::AeadJob& job) {
        job.iv = load_le<std::uint64_t>(message.data() + 8);
        associate(message.data(), counter, job);
    }

    // What is right about the trailer of an opened text: padding 1 2 3 ..., and a packet of the family that it says.
    [[nodiscard]] static dataplane::Checked<MutableBytes> trim(MutableBytes text) {
        const std::size_t padding = text[text.size() - 2];
        if (padding + kTrailer > text.size()) return dataplane::drop(DropReason::kInnerMalformed);
        const std::size_t size = text.size() - kTrailer - padding;
        for (std::size_t i = 0; i < padding; ++i) {
            if (text[size + i] != i + 1) return dataplane::drop(DropReason::kInnerMalformed);
        }
        return text.first(size);
    }

    [[nodiscard]] static std::size_t padded_size(std::size_t size, std::size_t /*mtu*/) {
        return (size + kTrailer + kAlignment - 1) / kAlignment * kAlignment;
    }
    static void pad(std::uint8_t* text, std::size_t size, std::size_t padded) {
        const std::size_t padding = padded - kTrailer - size;
        for (std::size_t i = 0; i < padding; ++i) text[size + i] = static_cast<std::uint8_t>(i + 1);
        text[padded - 2] = static_cast<std::uint8_t>(padding);
        text[padded - 1] = text[0] >> 4 == 4 ? 4 : 41;
    }

    static void write_header(std::uint8_t* header, const dataplane::Session& session, std::uint64_t counter,
                             crypto::AeadJob& job) {
        store_be(header, session.remote_id);
        store_be(header + 4, static_cast<std::uint32_t>(counter));
        store_be(header + 8, counter);
        job.iv = load_le<std::uint64_t>(header + 8);
        associate(header, counter, job);
    }

  private:
    // The id, then all 64 bits of the counter.
    static void associate(const std::uint8_t* header, std::uint64_t counter, crypto::AeadJob& job) {
        std::copy_n(header, 4, job.associated.begin());
        store_be(job.associated.data() + 4, counter);
        job.associated_size = 12;
    }
};

inline constexpr const dataplane::Framing& kToyFraming = dataplane::kFramingOf<ToyFraming>;

}  // namespace warren::toy
