#include "ipc/page_messages.h"

#include "ipc/codec.h"

namespace warren::ipc {

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<PageQuestion> auto& m) {
    codec(m.target);
}
static void fields(auto&, Is<PageNext> auto&) {}
static void fields(auto& codec, Is<PagePiece> auto& m) {
    codec(m.status, m.text, m.more);
}

Status encode(const PageMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<PageMessage> decode_page(Bytes wire) {
    return decode_variant<PageMessage>(wire);
}

}  // namespace warren::ipc
