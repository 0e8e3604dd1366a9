#include "ipc/control_messages.h"

#include "ipc/control_fields.h"

namespace warren::ipc {

template <>
struct LastOf<ControlVerb> {
    static constexpr auto value = ControlVerb::kWake;
};

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<ControlRequest> auto& m) {
    codec(m.verb, m.log_level, m.customer, m.peer, m.action, m.confirm_seconds, m.only, m.comment, m.claimed_user,
          m.group, m.epoch, m.until, m.addresses);
}
static void fields(auto& codec, Is<ControlDone> auto& m) {
    codec(m.exit_status, m.generation, m.summary);
}

Status encode(const ControlMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<ControlMessage> decode_control(Bytes wire) {
    return decode_variant<ControlMessage>(wire);
}

}  // namespace warren::ipc
