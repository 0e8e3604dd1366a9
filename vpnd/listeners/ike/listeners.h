// IKE's listener: its sockets, and the seat of its engine.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "vpnd/customers/listener_service.h"
#include "vpnd/io/control_worker.h"
#include "vpnd/io/event_loop.h"

namespace warren::vpnd {

// Takes the listener and the connections of each generation. One thread.
//
// THE SEAT OF THE ENGINE. This version has none: the sockets of UDP 500 and 4500 are held and not read, and connections
// are counted as unserved (Snapshot: ConnectionState::kUnserved, as control_.engine() knows none for this listener). An
// engine is connected in this class and nowhere else:
//   open()               makes it, and gives it to control_.open_listener() with its framings and the sockets
//   change()             tells it the settings of the listener (ipc::IkeListener)
//   put_connection()     makes its value of HeldCustomer and HeldConnection, calls assign_peer() for each peer
//   remove_connection()  removes it
//   Engine::connection_status()  answers for a connection that it serves: from then on status says `listening`
class IkeListeners final : public ListenerService {
  public:
    // `control` outlives it.
    [[nodiscard]] static Result<std::unique_ptr<IkeListeners>> make(io::ControlWorker& control);

    [[nodiscard]] Status open(const HeldListener& listener, ListenerSockets sockets) override;
    void change(Now now, const HeldListener& listener) override;
    void close(ListenerIndex listener) override;
    // Has connections instead of peers.
    void put_peer(Now now, const HeldCustomer& customer, const HeldPeer& peer) override;
    void put_connection(Now now, const HeldCustomer& customer, const HeldConnection& connection) override;
    void remove_connection(Now now, const Changes::RemoveConnection& gone) override;
    void forget_peer(Now now, ListenerIndex listener, const PeerIdentity& peer) override;
    void save(Now now, ListenerIndex listener, const control::Record& record) override;
    void note_changed(Now now, ListenerIndex listener, PeerIndex peer) override;
    void flush(Now now) override;

    [[nodiscard]] int fd() const override { return loop_.fd(); }
    // Says how many connections are not served, when that changed.
    void run(Now now) override;
    [[nodiscard]] Instant next_deadline() const override { return kNever; }

  private:
    explicit IkeListeners(io::EventLoop loop) : loop_(std::move(loop)) {}

    io::EventLoop loop_;  // of no control sockets: never readable
    std::unordered_map<ListenerIndex, ListenerSockets> sockets_;
    std::unordered_set<ConnectionIndex> unserved_;
    std::size_t told_ = 0;
};

}  // namespace warren::vpnd
