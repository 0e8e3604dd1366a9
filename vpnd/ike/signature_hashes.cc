#include "vpnd/ike/signature_hashes.h"

#include "vpnd/ike/notify.h"
#include "vpnd/ike/reader.h"

namespace warren::ike {

std::optional<std::vector<std::uint16_t>> hashes_in(Bytes init_message) {
    const auto message = read_message(init_message);
    if (!message) return std::nullopt;
    const NotifyPayload* const notify = message->payloads.notify(NotifyType::kSignatureHashAlgorithms);
    const auto known = notify == nullptr ? std::nullopt : hashes_of(*notify);
    if (!known) return std::nullopt;
    std::vector<std::uint16_t> out;
    for (std::uint16_t hash = 0; hash < 32; ++hash) {
        if ((*known >> hash & 1U) != 0) out.push_back(hash);
    }
    if (out.empty()) out.push_back(0);
    return out;
}

}  // namespace warren::ike
