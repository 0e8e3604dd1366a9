#include "ipc/web_messages.h"

#include "ipc/control_fields.h"

namespace warren::ipc {

template <>
struct LastOf<WebAction> {
    static constexpr auto value = WebAction::kGoBack;
};
template <>
struct LastOf<WebVerdict> {
    static constexpr auto value = WebVerdict::kFailed;
};

// Found by argument-dependent lookup from the codec, hence not in an anonymous namespace.
static void fields(auto& codec, Is<WebListener> auto& m) {
    codec(m.address);
}
static void fields(auto&, Is<WebSnapshots> auto&) {}
static void fields(auto&, Is<WebAsks> auto&) {}
static void fields(auto& codec, Is<WebUsers> auto& m) {
    codec(m.problem);
}
static void fields(auto& codec, Is<WebCertificate> auto& m) {
    codec(m.appliance);
}
static void fields(auto& codec, Is<WebLogLevel> auto& m) {
    codec(m.level);
}
static void fields(auto& codec, Is<WebProblems> auto& m) {
    codec(m.problems, m.left_out);
}
static void fields(auto&, Is<WebStacks> auto&) {}
static void fields(auto& codec, Is<WebRenames> auto& m) {
    codec(m.generation, m.renames, m.more);
}
static void fields(auto& codec, Is<WebChanging> auto& m) {
    codec(m.allowed, m.pending, m.deadline, m.is_returning);
}
static void fields(auto& codec, Is<WebUnlock> auto& m) {
    codec(m.id, m.user, m.password);
}
static void fields(auto& codec, Is<WebUnlocked> auto& m) {
    codec(m.id, m.verdict, m.text, m.ticket);
}
static void fields(auto& codec, Is<WebChange> auto& m) {
    codec(m.id, m.ticket, m.action, m.customer, m.peer, m.description, m.public_key, m.pending);
}
static void fields(auto& codec, Is<WebChanged> auto& m) {
    codec(m.id, m.verdict, m.text, m.profile);
}
static void fields(auto& codec, Is<WebPast> auto& m) {
    codec(m.problem);
}
static void fields(auto& codec, Is<WebPastBroken> auto& m) {
    codec(m.reason);
}
static void fields(auto&, Is<WebAskers> auto&) {}
static void fields(auto& codec, Is<WebRevisions> auto& m) {
    codec(m.problem);
}

Status encode(const WebMessage& message, std::vector<std::uint8_t>& wire) {
    return encode_variant(message, wire);
}

Result<WebMessage> decode_web(Bytes wire) {
    return decode_variant<WebMessage>(wire);
}

}  // namespace warren::ipc
