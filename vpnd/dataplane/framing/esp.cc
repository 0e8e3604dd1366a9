#include "vpnd/dataplane/framing/esp.h"

namespace warren::dataplane::esp {

Checked<MutableBytes> trim(MutableBytes text) {
    const std::uint8_t next_header = text[text.size() - 1];
    if (next_header == kDummy) return drop(DropReason::kEspDummy);
    const std::size_t padding = text[text.size() - 2];
    if (padding + kTrailer > text.size()) return drop(DropReason::kEspPaddingWrong);
    const MutableBytes packet = text.first(text.size() - kTrailer - padding);
    for (std::size_t i = 0; i < padding; ++i) {
        if (text[packet.size() + i] != i + 1) return drop(DropReason::kEspPaddingWrong);
    }
    if (next_header != kIpV4 && next_header != kIpV6) return drop(DropReason::kEspMalformed);
    const unsigned version = next_header == kIpV4 ? 4 : 6;
    if (packet.empty() || packet[0] >> 4 != version) return drop(DropReason::kInnerMalformed);
    return packet;
}

void pad(std::uint8_t* text, std::size_t size, std::size_t padded) {
    const std::size_t padding = padded - kTrailer - size;
    for (std::size_t i = 0; i < padding; ++i) text[size + i] = static_cast<std::uint8_t>(i + 1);
    text[padded - 2] = static_cast<std::uint8_t>(padding);
    text[padded - 1] = text[0] >> 4 == 4 ? kIpV4 : kIpV6;
}

namespace {

const Framing* form_of(const crypto::AeadKey& key) {
    if (!is_cbc(key.suite)) return &kEspFraming;
    if (key.integrity == nullptr) return nullptr;
    switch (crypto::tag_size_of(key.suite)) {
        case 12: return &kEspCbcFraming<12>;
        case 16: return &kEspCbcFraming<16>;
        case 32: return &kEspCbcFraming<32>;
        default: return nullptr;
    }
}

}  // namespace

const Framing* form_of(InstallSession& install) {
    const Framing* const form = form_of(install.send_key);
    if (install.send_key.suite != install.receive_key.suite || form_of(install.receive_key) != form) return nullptr;
    install.first_counter = std::max<std::uint64_t>(install.first_counter, 1);
    if (!install.has_extended_sequence)
        install.lifetime.hard.messages = std::min(install.lifetime.hard.messages, kSequences);
    return form;
}

}  // namespace warren::dataplane::esp
