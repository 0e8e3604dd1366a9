// What serves the listeners of one kind. Of the rim, only its implementations read what only this kind has
// (ipc/tunnel.h).
#pragma once

#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "vpnd/control/engine.h"
#include "vpnd/customers/customer_set.h"

namespace warren::vpnd {

// One thread: the control worker's.
class ListenerService {
  public:
    virtual ~ListenerService() = default;

    // A new listener, or new sockets of a present one. On failure the listener is there nevertheless.
    [[nodiscard]] virtual Status open(const HeldListener& listener, ListenerSockets sockets) = 0;
    // It has other settings than before.
    virtual void change(Now now, const HeldListener& listener) = 0;
    // Its peers were removed before.
    virtual void close(ListenerIndex listener) = 0;
    // A new peer, or other settings of a present one.
    virtual void put_peer(Now now, const HeldCustomer& customer, const HeldPeer& peer) = 0;
    // A new connection, or other settings of a present one or of its customer's IPsec. Of a kind that has connections;
    // for others, and the next one, this is not called.
    virtual void put_connection(Now /*now*/, const HeldCustomer& /*customer*/, const HeldConnection& /*connection*/) {}
    // It is gone, or is to begin anew: it is put again then. An unknown one is ignored.
    virtual void remove_connection(Now /*now*/, const Changes::RemoveConnection& /*gone*/) {}
    // What an operator wants of it. One that is not served is ignored.
    virtual void operate(Now /*now*/, ConnectionIndex /*connection*/, ipc::ConnectionAction /*action*/) {}
    // Why a connection that was put is not served; "": it is, or is not known.
    [[nodiscard]] virtual std::string why_unserved(ConnectionIndex /*connection*/) const { return {}; }
    // What is kept of this peer over a restart is so no more. Before the peer is put again, and the listener closed.
    virtual void forget_peer(Now now, ListenerIndex listener, const PeerIdentity& peer) = 0;
    // Stores a record of an engine. One of another kind's listener is ignored.
    virtual void save(Now now, ListenerIndex listener, const control::Record& record) = 0;
    // There are news of a peer: what is to outlive a restart is written soon, with that of others. One of another
    // kind's listener is ignored.
    virtual void note_changed(Now now, ListenerIndex listener, PeerIndex peer) = 0;
    // Writes what is to be written soon.
    virtual void flush(Now now) = 0;

    // Its control sockets: readable when run() has something to do, which is at next_deadline() at the latest.
    [[nodiscard]] virtual int fd() const = 0;
    virtual void run(Now now) = 0;
    [[nodiscard]] virtual Instant next_deadline() const = 0;
};

}  // namespace warren::vpnd
