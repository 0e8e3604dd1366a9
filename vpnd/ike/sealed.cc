#include "vpnd/ike/sealed.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace warren::ike {

namespace {

constexpr std::size_t kFragmentFieldsSize = 4;  // number and total, RFC 7383 §2.5
constexpr std::size_t kPadLengthSize = 1;

std::size_t round_up(std::size_t size, std::size_t block) {
    return (size + block - 1) / block * block;
}

// What is before the IV.
std::size_t head_size(bool is_fragment) {
    return kHeaderSize + kPayloadHeaderSize + (is_fragment ? kFragmentFieldsSize : 0);
}

// The text without its padding. It is authentic.
Read<std::vector<std::uint8_t>> open_text(const crypto::IkeCipherKey& key, PayloadType type, Bytes associated,
                                          Bytes sealed) {
    const std::size_t around = key.iv_size() + key.icv_size();
    std::vector<std::uint8_t> text(sealed.size() > around ? sealed.size() - around : 0);
    if (text.empty() || !crypto::open(key, associated, sealed, text)) {
        return tl::unexpected<Flaw>(Flaw{Misfit::kNotAuthentic, type});
    }
    const std::size_t padding = text.back();
    if (padding + kPadLengthSize > text.size()) {
        crypto::wipe(text);
        return tl::unexpected<Flaw>(Flaw{Misfit::kPadding, type});
    }
    text.resize(text.size() - padding - kPadLengthSize);
    return text;
}

}  // namespace

std::vector<std::uint8_t> Sealer::seal(const Header& header, PayloadType first, Bytes chain,
                                       crypto::RandomSource& random) {
    return seal_payload(header, PayloadType::kSk, first, {}, chain, random);
}

std::vector<std::uint8_t> Sealer::seal_fragment(const Header& header, PayloadType first, std::uint16_t number,
                                                std::uint16_t total, Bytes part, crypto::RandomSource& random) {
    std::array<std::uint8_t, kFragmentFieldsSize> fields;
    store_be(fields.data(), number);
    store_be(fields.data() + 2, total);
    return seal_payload(header, PayloadType::kSkf, first, fields, part, random);
}

std::size_t Sealer::message_size(std::size_t chain_size, bool is_fragment) const {
    return head_size(is_fragment) + key_.iv_size() + round_up(chain_size + kPadLengthSize, key_.block_size()) +
           key_.icv_size();
}

std::size_t Sealer::most_chain(std::size_t message_size, bool is_fragment) const {
    const std::size_t around = head_size(is_fragment) + key_.iv_size() + key_.icv_size();
    if (message_size < around + key_.block_size()) return 0;
    const std::size_t text = (message_size - around) / key_.block_size() * key_.block_size();
    return text - kPadLengthSize;
}

std::vector<std::uint8_t> Sealer::seal_payload(const Header& header, PayloadType type, PayloadType first, Bytes fields,
                                               Bytes chain, crypto::RandomSource& random) {
    const std::size_t size = message_size(chain.size(), type == PayloadType::kSkf);
    WARREN_CHECK(chain.size() <= kMostChain && next_iv_ != UINT64_MAX);

    std::vector<std::uint8_t> text(round_up(chain.size() + kPadLengthSize, key_.block_size()));
    std::copy(chain.begin(), chain.end(), text.begin());
    text.back() = static_cast<std::uint8_t>(text.size() - chain.size() - kPadLengthSize);

    std::array<std::uint8_t, 16> iv{};
    if (crypto::is_aead(key_.cipher)) {
        store_be(iv.data(), next_iv_++);
    } else {
        random.fill(iv);
    }

    std::vector<std::uint8_t> out(size);
    Header whole = header;
    whole.next_payload = type;
    whole.length = static_cast<std::uint32_t>(size);
    write_header(whole, MutableBytes(out).first<kHeaderSize>());
    const std::size_t before_iv = kHeaderSize + kPayloadHeaderSize + fields.size();
    out[kHeaderSize] = static_cast<std::uint8_t>(first);
    store_be(out.data() + kHeaderSize + 2, static_cast<std::uint16_t>(size - kHeaderSize));
    std::copy(fields.begin(), fields.end(), out.begin() + kHeaderSize + kPayloadHeaderSize);
    crypto::seal(key_, Bytes(iv).first(key_.iv_size()), Bytes(out).first(before_iv), text,
                 MutableBytes(out).subspan(before_iv));
    crypto::wipe(text);
    return out;
}

Read<Opened> open(const crypto::IkeCipherKey& key, const SkPayload& payload) {
    auto text = open_text(key, PayloadType::kSk, payload.associated, payload.sealed);
    if (!text) return tl::unexpected<Flaw>(text.error());
    return Opened(payload.first, std::move(*text));
}

Read<std::vector<std::uint8_t>> open(const crypto::IkeCipherKey& key, const SkfPayload& payload) {
    return open_text(key, PayloadType::kSkf, payload.associated, payload.sealed);
}

}  // namespace warren::ike
