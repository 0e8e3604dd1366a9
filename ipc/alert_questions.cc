#include "ipc/alert_questions.h"

#include "ipc/codec.h"

namespace warren::ipc {

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<AlertQuestion> auto& m) {
    codec(m.test);
}
static void fields(auto& codec, Is<OpenAlert> auto& m) {
    codec(m.since, m.kind, m.customer, m.name, m.text);
}
static void fields(auto& codec, Is<AlertReceiver> auto& m) {
    codec(m.name, m.where, m.works, m.answer, m.waiting, m.delivered, m.dropped);
}
static void fields(auto& codec, Is<AlertAnswer> auto& m) {
    codec(m.open, m.open_left_out, m.receivers, m.problem);
}

Status encode(const AlertTalk& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<AlertTalk> decode_alert_talk(Bytes wire) {
    return decode_variant<AlertTalk>(wire);
}

}  // namespace warren::ipc
