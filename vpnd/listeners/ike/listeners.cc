#include "vpnd/listeners/ike/listeners.h"

#include <string>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace warren::vpnd {

Result<std::unique_ptr<IkeListeners>> IkeListeners::make(io::ControlWorker& /*control*/) {
    auto loop = io::EventLoop::make();
    if (!loop) return tl::unexpected<Error>(loop.error());
    return std::unique_ptr<IkeListeners>(new IkeListeners(std::move(*loop)));
}

// They are held, so that a next stackd finds them and no other program takes the ports.
Status IkeListeners::open(const HeldListener& listener, ListenerSockets sockets) {
    sockets_.insert_or_assign(listener.index, std::move(sockets));
    return {};
}

void IkeListeners::change(Now /*now*/, const HeldListener& /*listener*/) {}

void IkeListeners::close(ListenerIndex listener) {
    sockets_.erase(listener);
}

void IkeListeners::put_peer(Now /*now*/, const HeldCustomer& /*customer*/, const HeldPeer& /*peer*/) {
    WARREN_CHECK(!"a peer of IKE");  // CustomerSet::check_customers() lets none pass
}

void IkeListeners::put_connection(Now /*now*/, const HeldCustomer& /*customer*/, const HeldConnection& connection) {
    unserved_.insert(connection.index);
}

void IkeListeners::remove_connection(Now /*now*/, const Changes::RemoveConnection& gone) {
    unserved_.erase(gone.connection);
}

void IkeListeners::forget_peer(Now /*now*/, ListenerIndex /*listener*/, const PeerIdentity& /*peer*/) {}
void IkeListeners::save(Now /*now*/, ListenerIndex /*listener*/, const control::Record& /*record*/) {}
void IkeListeners::note_changed(Now /*now*/, ListenerIndex /*listener*/, PeerIndex /*peer*/) {}
void IkeListeners::flush(Now /*now*/) {}

void IkeListeners::run(Now /*now*/) {
    if (unserved_.size() == std::exchange(told_, unserved_.size()) || unserved_.empty()) return;
    log(LogLevel::kWarn, "connections_not_served",
        {{"connections", std::to_string(unserved_.size())}, {"reason", "this vpnd has no engine of IKE"}});
}

}  // namespace warren::vpnd
