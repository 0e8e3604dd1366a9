// Encrypted payloads. The first byte picks a cipher. The rest is a message from somebody without the key, then what
// somebody with the key may have sealed: as a text with its padding, and as fragments in some order.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "tests/vectors/seeded_random.h"
#include "vpnd/ike/fragment.h"
#include "vpnd/ike/reader.h"
#include "vpnd/ike/sealed.h"

namespace {

using namespace warren;
using namespace warren::ike;
using crypto::IkeCipher;

constexpr std::array kCiphers = {IkeCipher::kAes128Gcm, IkeCipher::kAes256Gcm, IkeCipher::kChacha20Poly1305,
                                 IkeCipher::kAes128Cbc, IkeCipher::kAes256Cbc};
constexpr Header kHeader = {.spis = {1, 2}, .exchange = ExchangeType::kIkeAuth, .is_initiator = true, .message_id = 1};

// The same key each time it is asked for.
crypto::IkeCipherKey key_of(std::uint8_t pick) {
    test::SeededRandom random(pick);
    crypto::IkeCipherKey key;
    key.cipher = kCiphers[pick % kCiphers.size()];
    key.encryption = crypto::SecretBytes<36>(random.bytes(crypto::encryption_key_size(key.cipher)));
    if (!crypto::is_aead(key.cipher)) key.integrity_key = crypto::SecretBytes<crypto::kMostDigest>(random.bytes(32));
    return key;
}

// A stranger's message. Whatever it is, opening it goes through or says why.
void open_foreign(const crypto::IkeCipherKey& key, Bytes datagram) {
    const auto message = read_message(datagram);
    if (!message) return;
    if (const auto* const sk = message->payloads.find<SkPayload>()) (void)open(key, *sk);
    if (const auto* const skf = message->payloads.find<SkfPayload>()) (void)open(key, *skf);
}

// `text` is sealed as it is: its last byte says how much of it is padding.
void open_text(const crypto::IkeCipherKey& key, Bytes text) {
    text = text.first(text.size() / key.block_size() * key.block_size());
    const std::size_t before = kHeaderSize + kPayloadHeaderSize;
    std::vector<std::uint8_t> bytes(before + key.iv_size() + text.size() + key.icv_size());
    if (bytes.size() > kMostMessage) return;
    Header header = kHeader;
    header.next_payload = PayloadType::kSk;
    header.length = static_cast<std::uint32_t>(bytes.size());
    write_header(header, MutableBytes(bytes).first<kHeaderSize>());
    bytes[kHeaderSize] = static_cast<std::uint8_t>(PayloadType::kNotify);
    store_be(bytes.data() + kHeaderSize + 2, static_cast<std::uint16_t>(bytes.size() - kHeaderSize));
    constexpr std::array<std::uint8_t, 16> iv{};
    crypto::seal(key, Bytes(iv).first(key.iv_size()), Bytes(bytes).first(before), text,
                 MutableBytes(bytes).subspan(before));
    const auto message = read_message(bytes);
    WARREN_CHECK(message.has_value());
    const auto opened = open(key, *message->payloads.find<SkPayload>());
    const bool is_padded = !text.empty() && text.back() + 1U <= text.size();
    WARREN_CHECK(opened.has_value() == is_padded);
    if (!opened) return;
    WARREN_CHECK(opened->chain.size() + text.back() + 1 == text.size());
    (void)read_payloads(opened->first, opened->chain);
}

// A chain that fits no datagram, its fragments in an order that the input says.
void reassemble(std::uint8_t pick, Bytes body) {
    test::SeededRandom random(pick);
    Chain chain;
    chain.vendor_id(body);
    if (!chain.ok()) return;
    Sealer sealer(key_of(pick));
    auto fragments = seal_in_fragments(sealer, kHeader, chain, kLeastFragmentSize, Family::kV6, random);
    if (fragments.size() == 1) return;
    for (std::size_t i = fragments.size() - 1; i > 0; --i) {
        std::swap(fragments[i], fragments[body[i % body.size()] % (i + 1)]);
    }
    Reassembly reassembly;
    const crypto::IkeCipherKey key = key_of(pick);
    for (std::size_t i = 0; i < fragments.size(); ++i) {
        const auto message = read_message(fragments[i]);
        WARREN_CHECK(message.has_value());
        const auto* const skf = message->payloads.find<SkfPayload>();
        auto part = open(key, *skf);
        WARREN_CHECK(part.has_value() && reassembly.wants({}, message->header, *skf));
        const auto verdict = reassembly.add({}, message->header, *skf, std::move(*part));
        const bool is_last = i + 1 == fragments.size();
        WARREN_CHECK(verdict == (is_last ? Reassembly::Verdict::kComplete : Reassembly::Verdict::kWaiting));
    }
    WARREN_CHECK(std::ranges::equal(reassembly.take().chain, chain.bytes()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Bytes rest(data + 1, size - 1);
    const crypto::IkeCipherKey key = key_of(data[0]);
    open_foreign(key, rest);
    open_text(key, rest);
    reassemble(data[0], rest);
    return 0;
}
