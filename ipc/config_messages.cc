#include "ipc/config_messages.h"

#include "ipc/codec.h"

namespace warren::ipc {

Status encode(const ConfigMessage& message, std::vector<std::uint8_t>& wire) {
    wire.reserve(kMaxMessageSize);  // a vector that grows would leave copies of keys in freed memory
    return encode_variant(message, wire);
}

Result<ConfigMessage> decode(Bytes wire) {
    return decode_variant<ConfigMessage>(wire);
}

}  // namespace warren::ipc
