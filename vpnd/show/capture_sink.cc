#include "vpnd/show/capture_sink.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"

namespace warren::vpnd {

namespace {

// By the base of its name, as forms of ESP differ by their keys.
ipc::CaptureForm form_of(const dataplane::Framing* framing) {
    if (framing == nullptr) return ipc::CaptureForm::kUnknown;
    if (framing->name == "wireguard") return ipc::CaptureForm::kWireguard;
    return framing->name.starts_with("esp") ? ipc::CaptureForm::kEsp : ipc::CaptureForm::kUnknown;
}

Bytes cut(Bytes bytes) {
    return bytes.first(std::min(bytes.size(), ipc::CaptureRecord::kMostBytes));
}

std::string_view cut(std::string_view text) {
    return text.substr(0, ipc::CaptureRecord::kMostText);
}

// sendmsg does not write to it.
iovec piece_of(const void* from, std::size_t size) {
    return {const_cast<void*>(from), size};
}

}  // namespace

bool CaptureSink::take(const io::TapRecord& tapped) {
    ipc::CaptureRecord record;
    record.is_outbound = tapped.is_outbound;
    record.is_drop = tapped.is_drop;
    record.form = form_of(tapped.framing);
    record.at = read_clock().wall;
    record.session = tapped.head.session.value;
    record.sequence = tapped.head.sequence;
    record.remote = tapped.remote;
    record.local = {tapped.local.address, tapped.local_port, 0};
    record.traffic_class = tapped.traffic_class;
    record.sent = sent();
    record.lost = lost();
    record.inner = cut(tapped.inner);
    record.outer = cut(tapped.outer);
    record.peer = cut(tapped.peer);
    record.note = cut(tapped.note);
    if (!send(record)) {
        lose(1);
        return false;
    }
    sent_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

bool CaptureSink::say(ipc::CaptureKind kind, std::string_view note) {
    ipc::CaptureRecord record;
    record.kind = kind;
    record.at = read_clock().wall;
    record.sent = sent();
    record.lost = lost();
    record.note = cut(note);
    return send(record) || errno != EAGAIN;
}

bool CaptureSink::send(const ipc::CaptureRecord& record) {
    const auto header = ipc::header_of(record);
    std::array<iovec, 5> pieces{
        piece_of(header.data(), header.size()), piece_of(record.inner.data(), record.inner.size()),
        piece_of(record.outer.data(), record.outer.size()), piece_of(record.peer.data(), record.peer.size()),
        piece_of(record.note.data(), record.note.size())};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

}  // namespace warren::vpnd
