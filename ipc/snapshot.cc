#include "ipc/snapshot.h"

#include "ipc/codec.h"

namespace warren::ipc {

Status encode(const SnapshotMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<SnapshotMessage> decode_snapshot(Bytes wire) {
    return decode_variant<SnapshotMessage>(wire);
}

}  // namespace warren::ipc
